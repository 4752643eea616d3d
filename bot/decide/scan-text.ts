/** Purpose: what the scanners of the newest look came to, for the change's page and the status comment. */
import { resultOf, type Run } from '../domain/runs.ts';
import { scanFacts, SCANNERS, type ScanFacts, type ScannedFinding } from '../domain/scans.ts';
import type { Scan } from '../../schema/wire/scan.ts';
import { code } from './text.ts';

/** Findings that are listed; the rest stands in the reports. */
const LISTED = 20;
const ORDER = ['critical', 'high', 'medium', 'low', 'info'];

/** One line of counts and the list of findings behind a fold; empty where no scanner was asked for. */
export function scanLines(run: Run): string[] {
  const last = run.tasks.findLast((task) => resultOf(task)?.scans !== undefined);
  const looks = run.tasks.filter(
    ({ stage, round }) => stage === last?.stage && round === last.round,
  );
  const facts = scanFacts(looks.flatMap((task) => resultOf(task) ?? []));
  if (facts.scans.length === 0) return [];
  const counts = facts.scans.map((scan) => `${SCANNERS[scan.scanner].title} ${told(scan, facts)}`);
  const found = facts.findings.toSorted(
    (a, b) => ORDER.indexOf(a.severity) - ORDER.indexOf(b.severity),
  );
  const more = found.length - LISTED;
  const list = [
    ...found.slice(0, LISTED).map(findingLine),
    ...(more > 0 ? [`- and ${more} more`] : []),
  ];
  const title = 'What the scanners found, and what the agent makes of it';
  const folded = [`<details><summary>${title}</summary>`, '', ...list, '', '</details>', ''];
  return [`**Scanners** ${counts.join(' · ')}`, '', ...(list.length > 0 ? folded : [])];
}

/** The reason why something failed is a stranger's text and stays in the job's log. */
function told({ scanner, state, version, omitted }: Scan, { findings }: ScanFacts): string {
  switch (state) {
    case 'missing':
      return 'is not on the runner';
    case 'nothing':
      return 'found no file to look at';
    case 'failed':
      return 'did not finish; the job log says why';
    case 'done': {
      const own = findings.filter((finding) => finding.scanner === scanner);
      const doubted = own.filter(({ judgement }) => judgement?.verdict === 'false_positive').length;
      const count = own.length + omitted;
      return [
        ...(version === null ? [] : [code(version)]),
        `${count === 0 ? 'no' : count} ${count === 1 ? 'finding' : 'findings'}`,
        ...(doubted === 0 ? [] : [`(${doubted} judged false)`]),
      ].join(' ');
    }
  }
}

function findingLine(finding: ScannedFinding): string {
  const { severity, scanner, rule, path, line, judgement } = finding;
  const { name, version, fixedIn } = finding.package ?? { name: '', version: '', fixedIn: null };
  const what = name === '' ? '' : ` in ${code(`${name} ${version}`)}`;
  const mend = fixedIn === null ? '' : `, mended in ${code(fixedIn)}`;
  const judged =
    judgement === null
      ? 'not judged'
      : judgement.verdict === 'confirmed'
        ? 'confirmed'
        : 'judged a false positive';
  const where = code(`${path}:${line}`, 160);
  return `- ${severity} · ${SCANNERS[scanner].title} ${code(rule)}${what} at ${where}${mend} · ${judged}`;
}
