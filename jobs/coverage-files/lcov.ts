/** LCOV: `SF:` names a file, `DA:line,hits` one of its lines. */
import type { NamedLines, ReadCoverage } from './read-coverage.ts';

const LINE = /^DA:(\d{1,9}),(\d{1,15})/;

/** Reads what is understood and leaves out the rest; null when nothing is. */
export function readLcov(text: string): ReadCoverage | null {
  const files: NamedLines[] = [];
  let current: NamedLines | null = null;
  for (const line of text.split(/\r?\n/)) {
    if (line.startsWith('SF:')) {
      current = { name: line.slice('SF:'.length).trim(), lines: new Map() };
      files.push(current);
    }
    const [, number = '', hits = ''] = LINE.exec(line) ?? [];
    if (current !== null && Number(number) > 0) current.lines.set(Number(number), Number(hits));
  }
  return files.length === 0 ? null : { format: 'lcov', files, roots: [] };
}
