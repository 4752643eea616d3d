/**
 * Suggestions that GitLab can apply, and why some are not (gitlab-facts §3.4). GitLab puts the text of the
 * block in the place of whole lines of the file and ends it as the last of them ended; inside the block
 * every line ends with a line feed. What that would get wrong is shown as plain code instead.
 */

/** GitLab takes at most so many lines above and below the line that a thread stands on. */
const MAX_LINES = 100;

export interface Wanted {
  path: string;
  line: number;
  endLine: number;
  /** Takes the place of these lines; '' takes them away. A line feed at its end adds nothing. */
  text: string;
}

export type Suggestion =
  | { kind: 'block'; info: string; text: string }
  /** Not one that can be applied: `why` ends a sentence that begins with «It cannot be applied:». */
  | { kind: 'plain'; why: string; text: string };

/**
 * The block for a thread on line `anchor` of a file that holds `file`; null file: it could not be read.
 */
export function suggestionFor(
  wanted: Wanted,
  anchor: number | null,
  file: string | null,
): Suggestion {
  const text = wanted.text.replace(/\r?\n$/, '');
  const why = obstacle(wanted, text, anchor, file);
  if (why !== null || anchor === null) {
    return { kind: 'plain', why: why ?? 'its thread does not stand on its lines', text };
  }
  const { line, endLine } = wanted;
  return { kind: 'block', info: `suggestion:-${anchor - line}+${endLine - anchor}`, text };
}

/** `text` is the wanted one without the line feed at its end. */
function obstacle(
  wanted: Wanted,
  text: string,
  anchor: number | null,
  file: string | null,
): string | null {
  const { path, line, endLine } = wanted;
  if (anchor === null) return 'its thread does not stand on its lines';
  if (file === null) return 'the file could not be read';
  if (anchor - line > MAX_LINES || endLine - anchor > MAX_LINES) {
    return `it spans more than ${MAX_LINES} lines`;
  }
  if (path.endsWith('.ipynb')) return 'notebooks take none';
  const lines = linesOf(file);
  if (endLine > lines.length) return 'the file has fewer lines';
  const replaced = lines.slice(line - 1, endLine);
  const last = replaced.at(-1) ?? '';
  // GitLab takes the first line break of any kind that it finds in the last line.
  const end = /\r\n|\r|\n/.exec(last)?.[0] ?? '';
  if (!last.endsWith(end) || last.slice(0, last.length - end.length).includes('\r')) {
    return 'the lines hold carriage returns of their own';
  }
  if (text.includes('\r')) return 'it holds carriage returns';
  if (end === '\r\n' && text.includes('\n')) return 'the file ends its lines the Windows way';
  // GitLab takes blank text for none, and Markdown may drop blank lines at the end.
  if (text === '' && wanted.text !== '') return 'it is a blank line';
  if (text !== '' && text.trim() === '') return 'it is blank';
  if (/\n[^\S\n]*$/.test(text) || /^[^\S\n]*\n/.test(text))
    return 'it begins or ends with a blank line';
  if (UNSAFE.test(text)) return 'it holds characters that Markdown changes';
  // Older GitLab reads the inner fence as the end of the block, and what follows as quick actions.
  if (/^\s*(?:`{3}|~{3})/m.test(text) && /^\s*\/[a-z]/im.test(text)) {
    return 'it holds both code fences and lines that begin with a slash';
  }
  return replaced.join('') === text + (text === '' ? '' : end) ? 'it changes nothing' : null;
}

/** Control characters other than tab and line feed, and what does not survive as UTF-8. */
const UNSAFE = /[\u0000-\u0008\u000B-\u001F\u007F\uFEFF\uFFFD]/;

/** Lines with their line feeds, as Ruby's `lines` gives them. */
export function linesOf(text: string): string[] {
  const lines = text.split('\n').map((line) => `${line}\n`);
  // What stands behind the last line feed ends with none.
  const last = lines.pop()?.slice(0, -1) ?? '';
  return last === '' ? lines : [...lines, last];
}
