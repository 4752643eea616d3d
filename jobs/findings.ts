/** Findings recorded one by one while an agent works, so that a limit or a crash loses none. */
import type { Finding } from '../schema/wire/finding.ts';
import type { Report } from '../schema/wire/report.ts';

/** As many as a report may hold. */
const FINDINGS = 50;

export interface FindingBook {
  /** `known`: the same problem at the same place is in it; `full`: no more are taken. */
  add(finding: Finding): 'kept' | 'known' | 'full';
  all(): Finding[];
}

/** A book with these findings in it. */
export function findingBook(first: readonly Finding[] = []): FindingBook {
  const kept = new Map<string, Finding>();
  const add = (finding: Finding): 'kept' | 'known' | 'full' => {
    const key = keyOf(finding);
    if (kept.has(key)) return 'known';
    if (kept.size >= FINDINGS) return 'full';
    kept.set(key, finding);
    return 'kept';
  };
  for (const finding of first) add(finding);
  return { add, all: () => [...kept.values()] };
}

/**
 * A report with what was recorded before it added, each problem once; what its author says last counts. Without
 * a report that holds findings they are told apart from it.
 */
export function withRecorded(
  report: Report | undefined,
  recorded: readonly Finding[],
): { report?: Report; findings?: Finding[] } {
  const own = recorded.length === 0 ? {} : { findings: [...recorded] };
  if (report === undefined) return own;
  if (!('findings' in report)) return { report, ...own };
  const book = findingBook(report.findings);
  for (const finding of recorded) book.add(finding);
  return { report: { ...report, findings: book.all() } };
}

function keyOf({ path, line, title }: Finding): string {
  return JSON.stringify([path, line, title.toLowerCase().replaceAll(/\W+/g, ' ').trim()]);
}
