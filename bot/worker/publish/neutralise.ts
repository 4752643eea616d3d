/**
 * Makes text by a model or a stranger harmless before the bot posts it under its own name.
 *
 * GitLab runs quick actions in the bot's own notes with the bot's rights, notifies whoever is
 * mentioned, closes issues by closing words and loads remote images (gitlab-facts §6; threats B3-B5).
 * Rules that guard against actions hold on every line, in code or not; rules that are only about
 * looks know fenced blocks and code spans.
 */

/** Longest text that is posted; GitLab's own limit is 1,000,000 characters. */
const MAX_CHARS = 60_000;

/** Fence languages that only colour text; others could render diagrams or apply as suggestions. */
const PLAIN_LANGUAGES = new Set(
  (
    'bash c cpp cs css diff dockerfile go html ini java javascript js json jsx kotlin make md ' +
    'markdown php powershell python py rb ruby rust rs scala sh shell sql swift text toml ts tsx ' +
    'typescript xml yaml yml'
  ).split(' '),
);

const LINE_BREAKS = /\r\n|[\r\u000B\u000C\u0085\u2028\u2029]/g;
const INVISIBLE =
  /[\p{Cf}\p{Co}\p{Cn}\u034F\u115F\u1160\u17B4\u17B5\u2800\u3164\uFFA0]|[\uFE00-\uFE0F]/gu;
const CONTROL = /[\u0000-\u0008\u000E-\u001F\u007F-\u009F]/g;
const QUICK_ACTION = /^((?:[\s>*+\-|]|\d{1,9}[.)])*)\/(?=[A-Za-z])/;
const CLOSING_WORD =
  /\b(clos(?:e[sd]?|ing)|fix(?:e[sd]|ing)?|resolv(?:e[sd]?|ing)|implement(?:s|ed|ing)?)(:?[ \t]{1,9})(?=[\w./-]{0,200}[#!]\d|https?:)/gi;
const URL_TEXT = /\b([a-z][a-z0-9+.-]{1,20}):\/\/([^\s/?#"'<>()[\]\\]{1,300})/gi;
const MENTION = /(^|[^\w`@])@(?=[A-Za-z0-9_])/g;
const FENCE = /^\s{0,3}(`{3,}|~{3,})\s*([^\s`]*)/;

export interface NeutraliseOptions {
  /** Host (with port) whose links stay links: the forge itself. */
  allowedHost: string;
  maxChars?: number;
}

/** `text` with nothing in it that could act, notify, load or link elsewhere. Idempotent. */
export function neutralise(text: string, options: NeutraliseOptions): string {
  const max = options.maxChars ?? MAX_CHARS;
  const visible = text
    .replaceAll(LINE_BREAKS, '\n')
    .replaceAll(CONTROL, (char) => (char === '\u0085' ? '\n' : ''))
    .replaceAll(INVISIBLE, '');
  const cut =
    visible.length > max
      ? `${visible.slice(0, max)}\n\n(cut: ${visible.length - max} more characters)`
      : visible;
  let fence: string | null = null;
  const lines = cut.split('\n').map((line) => {
    const marker = FENCE.exec(line);
    if (marker?.[1] !== undefined && (fence === null || closes(line, marker[1], fence))) {
      const opens = fence === null;
      fence = opens ? marker[1] : null;
      return opens ? plainFence(line, marker[1], marker[2] ?? '') : line;
    }
    const inert = inertLine(line, options.allowedHost);
    return fence === null ? plainProse(inert) : inert;
  });
  return fence === null ? lines.join('\n') : [...lines, fence].join('\n');
}

/** One line of plain text for a title: no breaks, no markup that acts, at most `maxChars`. */
export function neutraliseTitle(text: string, maxChars: number): string {
  const line = text
    .replaceAll(LINE_BREAKS, ' ')
    .replaceAll(CONTROL, ' ')
    .replaceAll(INVISIBLE, '')
    .replaceAll(MENTION, '$1@ ')
    .replaceAll(CLOSING_WORD, '$1 of ')
    .replaceAll(/\s+/g, ' ')
    .trim();
  return line.length > maxChars ? `${line.slice(0, maxChars - 1)}…` : line;
}

/** Rules about acting: they hold everywhere, also inside code. */
function inertLine(line: string, allowedHost: string): string {
  return line
    .replace(QUICK_ACTION, '$1\\/')
    .replaceAll(CLOSING_WORD, '$1 of ')
    .replaceAll(URL_TEXT, (url, scheme: string, host: string) =>
      host.toLowerCase() === allowedHost.toLowerCase() && /^https?$/i.test(scheme)
        ? url
        : `${scheme}[:]//${host}`,
    );
}

/** Rules about prose: mentions, HTML, images and relative links; code spans keep their text. */
function plainProse(line: string): string {
  return line
    .split(/(`+[^`]*`+)/)
    .map((part, index) => (index % 2 === 1 ? part : plainText(part)))
    .join('');
}

function plainText(text: string): string {
  return text
    .replaceAll('<', '&lt;')
    .replaceAll('![', '!\\[')
    .replaceAll(/\]\((?=\s*\/\/|\s*data:|\s*javascript:)/gi, '] (')
    .replaceAll(MENTION, '$1@\u200B');
}

function plainFence(line: string, marker: string, language: string): string {
  const indent = line.slice(0, line.indexOf(marker));
  const plain = PLAIN_LANGUAGES.has(language.toLowerCase()) ? language : '';
  return `${indent}${marker}${plain}`;
}

function closes(line: string, marker: string, fence: string): boolean {
  return (
    marker[0] === fence[0] &&
    marker.length >= fence.length &&
    line.trim().replaceAll(marker.charAt(0), '') === ''
  );
}
