/** Where lines of a file went from one commit to the next. */
import type { Finding } from '../../schema/wire/finding.ts';
import { findCode } from './finding-identity.ts';
import type { FileText, KnownFinding } from './findings.ts';
import { keptLines } from './unified-diff.ts';

type Lines = Pick<Finding, 'line' | 'endLine'>;

/**
 * Where the lines of a finding are now. `untouched`: none of them was changed, and none put between
 * them. Otherwise the place is where they would be, by the lines around them. `gone`: so is the file.
 */
export type PlaceNow = (Lines & { untouched: boolean }) | 'gone' | 'unknown';

/** The place of a finding at `head`, from the files as they were and are. */
export function placeNow(
  finding: Pick<KnownFinding, 'path' | 'line' | 'endLine' | 'lastSha' | 'code'>,
  head: string,
  files: readonly FileText[],
): PlaceNow {
  const { path, lastSha } = finding;
  const lines = linesOf(finding.line, finding.endLine);
  if (lastSha === head) return { ...lines, untouched: true };
  const textAt = (sha: string): string | null | undefined =>
    files.find((file) => file.path === path && file.sha === sha)?.text;
  const now = textAt(head);
  if (now === undefined) return 'unknown';
  if (now === null) return 'gone';
  const before = textAt(lastSha);
  if (before === undefined || before === null) {
    const line = findCode(now, finding.code, lines);
    return line === null ? 'unknown' : { ...shifted(lines, line), untouched: true };
  }
  return moved(lines, keptLines(before, now));
}

function moved(lines: Lines, kept: ReadonlyMap<number, number>): PlaceNow {
  const { line, endLine = line } = lines;
  const first = kept.get(line);
  if (first !== undefined) {
    let intact = true;
    for (let at = line; at <= endLine; at += 1) intact &&= kept.get(at) === first + at - line;
    if (intact) return { ...shifted(lines, first), untouched: true };
  }
  let above = line;
  while (above > 0 && !kept.has(above)) above -= 1;
  const near = (kept.get(above) ?? 0) + Math.max(1, line - above) - (above === line ? 1 : 0);
  return { ...shifted(lines, Math.max(1, near)), untouched: false };
}

function shifted({ line, endLine }: Lines, to: number): Lines {
  return linesOf(to, endLine === undefined ? undefined : to + endLine - line);
}

function linesOf(line: number, endLine: number | undefined): Lines {
  return endLine === undefined ? { line } : { line, endLine };
}
