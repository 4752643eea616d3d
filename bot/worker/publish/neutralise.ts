/**
 * Makes text by a model or a stranger harmless before the bot posts it under its own name.
 *
 * GitLab runs quick actions in the bot's own notes with the bot's rights, notifies whoever is
 * mentioned, closes issues by closing words and loads remote images (gitlab-facts §6; threats B3-B5).
 * Rules that guard against actions hold on every line, in code or not. Rules that are only about looks
 * spare code; and so that nothing passes as code here which GitLab shows as prose, code is written
 * anew in the one form that reads the same in every place: fences without an indent and longer than
 * what they hold, spans that open and close on one line, every other backtick as an entity.
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
/** GitLab's closing pattern (`Closes issue #1`), and its integrations' keys (`Closes ABC-12`). */
const CLOSING_WORD =
  /\b(clos(?:e[sd]?|ing)|fix(?:e[sd]|ing)?|resolv(?:e[sd]?|ing)|implement(?:s|ed|ing)?)(:?)[ \t](?=(?:issues? )?(?:[\w./-]{0,200}[#!]\d|https?:|[A-Z][A-Z0-9_]{1,20}-\d))/gi;
/** Any number of blanks counts as one before a reference. */
const CLOSING_BLANKS =
  /\b(clos(?:e[sd]?|ing)|fix(?:e[sd]|ing)?|resolv(?:e[sd]?|ing)|implement(?:s|ed|ing)?|issues?)(:?)[ \t]{2,}/gi;
const URL_TEXT = /([a-z][a-z0-9+.-]{0,20}):\/\/([^\s/?#"'<>()[\]\\]{0,300})(?=([/?#)\s]|$)?)/gi;
/** The same with backslashes, which Markdown takes away from prose. */
const ESCAPED_URL = /([a-z0-9+.-])(?:\\:\\?\/|:\\\/|:\/(?=\\\/))\\?\/?/gi;
const MENTION = /(?<![A-Za-z0-9])@(?=[A-Za-z0-9_])/g;
/** Entities that stand for a character which acts only where it is written out. */
const ENTITY = /&(?!(?:lt|gt|amp|quot|#96);)(?=#?\w{1,40};)/g;
const OPENER = /^([ \t]*)(?:(`{3,})([^`]*)|(~{3,})(.*))$/;
/** The first lines of a text between which GitLab reads no Markdown. */
const FRONT_MATTER = /^(?=\s{0,9}(?:---|\+\+\+|;;;))/;

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
  const { allowedHost } = options;
  const lines = cut.split('\n');
  const out: string[] = [];
  for (let at = 0; at < lines.length; at += 1) {
    const line = lines[at] ?? '';
    const opener = OPENER.exec(line);
    if (opener === null) {
      out.push(plainProse(inertLine(line, allowedHost), allowedHost));
      continue;
    }
    const end = closing(lines, at + 1, opener[2] ?? opener[4] ?? '');
    const inside = lines.slice(at + 1, end).map((inner) => inertLine(inner, allowedHost));
    out.push(...fenced(opener, inside));
    at = end;
  }
  return withoutFrontMatter(out).join('\n');
}

/** One line of plain text for a title: no breaks, no markup that acts, at most `maxChars`. */
export function neutraliseTitle(text: string, maxChars: number): string {
  const line = text
    .replaceAll(LINE_BREAKS, ' ')
    .replaceAll(CONTROL, ' ')
    .replaceAll(INVISIBLE, '')
    .replaceAll(MENTION, '@ ')
    .replaceAll(CLOSING_BLANKS, '$1$2 ')
    .replaceAll(CLOSING_WORD, '$1$2 of ')
    .replaceAll('://', '[:]//')
    .replaceAll(/\s+/g, ' ')
    .trim();
  return line.length > maxChars ? `${line.slice(0, maxChars - 1)}…` : line;
}

/** Rules about acting: they hold everywhere, also inside code. */
function inertLine(line: string, allowedHost: string): string {
  return line
    .replace(QUICK_ACTION, '$1\\/')
    .replaceAll(CLOSING_BLANKS, '$1$2 ')
    .replaceAll(CLOSING_WORD, '$1$2 of ')
    .replaceAll(URL_TEXT, (url, scheme: string, host: string, after: string | undefined) => {
      const plain = after !== undefined && /^https?$/i.test(scheme);
      return plain && host.toLowerCase() === allowedHost.toLowerCase()
        ? url
        : `${scheme}[:]//${host}`;
    });
}

/** Rules about prose: mentions, HTML, images and links; code spans keep their text. */
function plainProse(line: string, allowedHost: string): string {
  if (!line.includes('`')) return plainText(line, allowedHost);
  const parts = line.split(/(`+)/);
  let out = '';
  for (let at = 0; at < parts.length; at += 1) {
    const part = parts[at] ?? '';
    if (!part.startsWith('`')) {
      // A backslash would take away the first backtick behind it, or the entity's ampersand.
      const escapes = at + 1 < parts.length && part.endsWith('\\');
      out += plainText(escapes ? part.replace(/\\{1,1000}$/, '') : part, allowedHost);
      continue;
    }
    const close = escaped(parts[at - 1]) ? -1 : parts.indexOf(part, at + 1);
    const span = close === -1 ? null : parts.slice(at + 1, close).join('');
    if (span === null || !certain(span, allowedHost)) {
      out += '&#96;'.repeat(part.length);
      continue;
    }
    out += `${part}${span}${part}`;
    at = close;
  }
  return out;
}

const escaped = (before: string | undefined): boolean => before?.endsWith('\\') === true;

/** A table cuts its rows at every bar, also inside a span: one that matters is no code then. */
function certain(span: string, allowedHost: string): boolean {
  return !span.includes('|') || plainText(span, allowedHost) === span;
}

function plainText(text: string, allowedHost: string): string {
  return text
    .replaceAll(ESCAPED_URL, '$1[:]//')
    .replaceAll(ENTITY, '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('![', '!\\[')
    .replaceAll(/\]\((?=([^)\s]{0,200}\)?))/g, (link, target: string) =>
      isNear(target, allowedHost) ? link : '] (',
    )
    .replaceAll(/\](?=:)/g, ']\\')
    .replaceAll(/~{3,1000}/g, (run) => '\\~'.repeat(run.length))
    .replaceAll(/(?<!\/\/)www\.(?=\w)/gi, 'www[.]')
    .replaceAll(MENTION, '@\u200B');
}

/** A destination, with its bracket, that surely stays on the forge: plain characters only. */
function isNear(target: string, allowedHost: string): boolean {
  const [, host, path] = /^(?:https?:\/\/([^/?#\\]{1,300}))?([\w./?#=~+-]*)\)$/i.exec(target) ?? [];
  if (path === undefined) return false;
  if (host !== undefined) return host.toLowerCase() === allowedHost.toLowerCase();
  return !path.startsWith('//');
}

/** Where the fence ends: the index of its closing line, or behind the last one. */
function closing(lines: readonly string[], from: number, fence: string): number {
  for (let at = from; at < lines.length; at += 1) {
    const line = (lines[at] ?? '').trim();
    if (line.length >= fence.length && line.replaceAll(fence.charAt(0), '') === '') return at;
  }
  return lines.length;
}

/** A block of code that nothing in it can end, in a language that only colours it. */
function fenced(opener: RegExpExecArray, inside: readonly string[]): string[] {
  const char = opener[2] === undefined ? '~' : '`';
  const info = (opener[3] ?? opener[5] ?? '').trim().toLowerCase();
  const runs = char === '`' ? /`{3,1000}/g : /~{3,1000}/g;
  const longest = inside.flatMap((line) => line.match(runs) ?? []).map(({ length }) => length);
  const fence = char.repeat(Math.max(2, ...longest) + 1);
  const indent = opener[1]?.length ?? 0;
  const flush = inside.map((line) => line.slice(Math.min(indent, line.search(/\S|$/))));
  return [`${fence}${PLAIN_LANGUAGES.has(info) ? info : ''}`, ...flush, fence];
}

/** Between two such lines at its start GitLab would read no fence, and so others than we do. */
function withoutFrontMatter(lines: readonly string[]): string[] {
  const first = lines.findIndex((line) => line.trim() !== '');
  return lines.map((line, at) =>
    at >= first && at <= first + 2 ? line.replace(FRONT_MATTER, '\\') : line,
  );
}
