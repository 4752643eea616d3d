/** The difference of two texts as people know it from git: unified, three lines of context. */

const CONTEXT = 3;
/** Differing parts with more pairs of lines than this are shown as removed and added as a whole. */
const MAX_PAIRS = 4_000_000;

interface Line {
  sign: ' ' | '-' | '+';
  text: string;
}

/**
 * A unified diff with its header; '' when the texts are the same. `before` null: the file is new.
 * A missing line break at the end of a file is marked as git does.
 */
export function unifiedDiff(path: string, before: string | null, after: string): string {
  if (before === after) return '';
  const lines = compare(toLines(before ?? ''), toLines(after));
  const header = [before === null ? '--- /dev/null' : `--- a/${path}`, `+++ b/${path}`];
  return [...header, ...hunks(lines)].join('\n');
}

/** Lines that both texts have, by their numbers from 1: where each line of `before` is in `after`. */
export function keptLines(before: string, after: string): Map<number, number> {
  const kept = new Map<number, number>();
  let [old, fresh] = [0, 0];
  for (const { sign } of compare(before.split('\n'), after.split('\n'))) {
    if (sign !== '+') old += 1;
    if (sign !== '-') fresh += 1;
    if (sign === ' ') kept.set(old, fresh);
  }
  return kept;
}

/** Lines with the mark of a missing final line break, so that it counts as a difference. */
function toLines(text: string): string[] {
  if (text === '') return [];
  const lines = text.split('\n');
  if (lines.at(-1) === '') lines.pop();
  else lines.push(`${lines.pop() ?? ''}\n\\ No newline at end of file`);
  return lines;
}

function compare(before: string[], after: string[]): Line[] {
  let start = 0;
  while (start < before.length && start < after.length && before[start] === after[start])
    start += 1;
  let end = 0;
  const most = Math.min(before.length, after.length) - start;
  while (end < most && before[before.length - 1 - end] === after[after.length - 1 - end]) end += 1;
  const same = (text: string): Line => ({ sign: ' ', text });
  return [
    ...before.slice(0, start).map(same),
    ...middle(before.slice(start, before.length - end), after.slice(start, after.length - end)),
    ...before.slice(before.length - end).map(same),
  ];
}

/** Longest common subsequence, by the table of lengths of common tails. */
function middle(before: string[], after: string[]): Line[] {
  const removed = (text: string): Line => ({ sign: '-', text });
  const added = (text: string): Line => ({ sign: '+', text });
  if (before.length * after.length > MAX_PAIRS) {
    return [...before.map(removed), ...after.map(added)];
  }
  const width = after.length + 1;
  const tails = new Uint32Array((before.length + 1) * width);
  const at = (row: number, column: number): number => tails[row * width + column] ?? 0;
  for (let row = before.length - 1; row >= 0; row -= 1) {
    for (let column = after.length - 1; column >= 0; column -= 1) {
      tails[row * width + column] =
        before[row] === after[column]
          ? at(row + 1, column + 1) + 1
          : Math.max(at(row + 1, column), at(row, column + 1));
    }
  }
  const lines: Line[] = [];
  let [row, column] = [0, 0];
  while (row < before.length || column < after.length) {
    const [old, fresh] = [before[row], after[column]];
    if (old !== undefined && old === fresh) {
      lines.push({ sign: ' ', text: old });
      row += 1;
      column += 1;
    } else if (
      old !== undefined &&
      (fresh === undefined || at(row + 1, column) >= at(row, column + 1))
    ) {
      lines.push(removed(old));
      row += 1;
    } else {
      lines.push(added(fresh ?? ''));
      column += 1;
    }
  }
  return lines;
}

function hunks(lines: readonly Line[]): string[] {
  const changed = lines.flatMap((line, index) => (line.sign === ' ' ? [] : [index]));
  const spans: { from: number; to: number }[] = [];
  for (const index of changed) {
    const from = Math.max(0, index - CONTEXT);
    const to = Math.min(lines.length, index + CONTEXT + 1);
    const last = spans.at(-1);
    if (last !== undefined && from <= last.to) last.to = to;
    else spans.push({ from, to });
  }
  return spans.flatMap(({ from, to }) => {
    const part = lines.slice(from, to);
    const head = `@@ -${range(lines, from, part, '+')} +${range(lines, from, part, '-')} @@`;
    return [head, ...part.map((line) => `${line.sign}${line.text}`)];
  });
}

/** `start,count` of a hunk in the file that lacks the lines with sign `without`. */
function range(lines: readonly Line[], from: number, part: readonly Line[], without: '-' | '+') {
  const inFile = (some: readonly Line[]): number =>
    some.filter((line) => line.sign !== without).length;
  const count = inFile(part);
  const start = inFile(lines.slice(0, from)) + (count === 0 ? 0 : 1);
  return `${start},${count}`;
}
