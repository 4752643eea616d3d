/** Changing a text at known places, and finding the places in its lines. */

/** `text` takes the place of the characters from `from` up to `to`. */
export interface Splice {
  from: number;
  to: number;
  text: string;
}

export function splice(text: string, splices: readonly Splice[]): string {
  return splices
    .toSorted((a, b) => b.from - a.from)
    .reduce(
      (done, { from, to, text: added }) => done.slice(0, from) + added + done.slice(to),
      text,
    );
}

export function lineStart(text: string, at: number): number {
  return text.lastIndexOf('\n', at - 1) + 1;
}

/** Where the line's content ends, before its line break. */
export function lineEnd(text: string, at: number): number {
  const end = text.indexOf('\n', at);
  if (end === -1) return text.length;
  return text[end - 1] === '\r' ? end - 1 : end;
}

/** The end of a node's last visible character: ranges of blocks may reach into empty lines. */
export function contentEnd(text: string, end: number): number {
  return text.slice(0, end).trimEnd().length;
}

export function columnOf(text: string, at: number): number {
  return at - lineStart(text, at);
}
