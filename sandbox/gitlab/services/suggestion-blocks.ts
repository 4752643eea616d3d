/** Suggestion blocks in notes: how GitLab reads them, and what text they put into a file. Pure. */

export interface Block {
  above: number;
  below: number;
  /** As a parser of Markdown gives it: lines end with a line feed, the last one without. */
  text: string;
}

/** GitLab's `Suggestible::MAX_LINES_CONTEXT`. */
const MAX_CONTEXT = 100;

/** Fenced blocks whose language is `suggestion`, `suggestion:-1+2` and the like. */
export function suggestionBlocks(body: string): Block[] {
  const blocks: Block[] = [];
  const lines = body.split(/\r\n|\r|\n/);
  for (let at = 0; at < lines.length; at += 1) {
    const [, indent = '', fence = '', info = ''] =
      /^( {0,3})(`{3,}|~{3,})(.*)$/.exec(lines[at] ?? '') ?? [];
    if (fence === '' || (fence.startsWith('`') && info.includes('`'))) continue;
    const inner: string[] = [];
    for (at += 1; at < lines.length && !closes(lines[at] ?? '', fence); at += 1) {
      inner.push(unindented(lines[at] ?? '', indent.length));
    }
    const language = info.trim().split(/\s+/)[0] ?? '';
    const [name, ...params] = language.split(':');
    if (name !== 'suggestion') continue;
    const range = /^(?:-(\d+))?(?:\+(\d+))?$/.exec(params.join(':'));
    const text = inner.join('\n').replaceAll('\0', '\uFFFD');
    blocks.push({ above: Number(range?.[1] ?? 0), below: Number(range?.[2] ?? 0), text });
  }
  return blocks;
}

function closes(line: string, fence: string): boolean {
  const text = line.replace(/^ {0,3}/, '').trimEnd();
  const mark = fence.charAt(0);
  return text.length >= fence.length && text.replaceAll(mark, '') === '';
}

function unindented(line: string, by: number): string {
  const spaces = /^ */.exec(line)?.[0].length ?? 0;
  return line.slice(Math.min(spaces, by));
}

/** The lines a block is about, from 1, for a note on `line`. */
export function rangeOf(block: Pick<Block, 'above' | 'below'>, line: number) {
  return {
    from: Math.max(1, line - Math.min(block.above, MAX_CONTEXT)),
    to: line + Math.min(block.below, MAX_CONTEXT),
  };
}

/** Ruby's `lines`: each with its line feed. */
export function linesOf(text: string): string[] {
  const lines = text.split('\n').map((line) => `${line}\n`);
  const last = lines.pop()?.slice(0, -1) ?? '';
  return last === '' ? lines : [...lines, last];
}

/** What a block puts in the place of `from`: its text, ended as the last of those lines is. */
export function contentFor(text: string, from: string): string {
  if (text.trim() === '') return '';
  const last = linesOf(from).at(-1) ?? '';
  return `${text}${/\r\n|\r|\n/.exec(last)?.[0] ?? ''}`;
}

export interface Replacement {
  /** Line numbers from 1, both included. */
  from: number;
  to: number;
  content: string;
}

export function overlap(replacements: readonly Replacement[]): boolean {
  return replacements.some((one, at) =>
    replacements.slice(at + 1).some((other) => one.from <= other.to && other.from <= one.to),
  );
}

/** The file after its lines were replaced; ranges may not overlap. */
export function replaceLines(file: string, replacements: readonly Replacement[]): string {
  const lines = linesOf(file);
  const fromBelow = replacements.toSorted((a, b) => b.from - a.from);
  for (const { from, to, content } of fromBelow) lines.splice(from - 1, to - from + 1, content);
  return lines.join('');
}
