/** Findings as GitLab's Code Quality report: one JSON array, which the merge request's widget shows. */
import type { Severity } from '../../schema/wire/finding.ts';
import {
  digestOf,
  plainLine,
  plainPath,
  plainText,
  slug,
  type ReportedFinding,
} from './reports-finding.ts';
import { SCANNERS, type ScannedFinding } from './scans.ts';

const SEVERITY: Readonly<Record<Severity, string>> = {
  critical: 'blocker',
  high: 'critical',
  medium: 'major',
  low: 'minor',
  info: 'info',
};
const TEXT_CHARS = 1_000;

/** One entry per finding of agents and scanners; the fingerprint does not change when lines move. */
export function qualityReport(
  findings: readonly ReportedFinding[],
  scanned: readonly ScannedFinding[],
): string {
  const entries = [...findings.map(agentEntry), ...scanned.map(scannedEntry)];
  // GitLab refuses a report that names a fingerprint twice.
  const unique = new Map(entries.map((entry) => [entry['fingerprint'], entry]));
  return `${JSON.stringify([...unique.values()], null, 2)}\n`;
}

function agentEntry(finding: ReportedFinding): Record<string, unknown> {
  return {
    type: 'issue',
    description: plainLine(finding.title, TEXT_CHARS),
    check_name: `autodev-${finding.by}-${slug(finding.category)}`,
    categories: [finding.by === 'security' ? 'Security' : 'Bug Risk'],
    content: { body: plainText(finding.body) },
    fingerprint: digestOf(finding.fingerprint),
    severity: SEVERITY[finding.severity],
    location: { path: plainPath(finding.path), lines: { begin: finding.line } },
  };
}

function scannedEntry(finding: ScannedFinding): Record<string, unknown> {
  const { scanner, id, rule, severity, title, text, path, line, judgement } = finding;
  const what = finding.package ? `${finding.package.name} ${finding.package.version}: ` : '';
  const flagged = judgement?.verdict === 'false_positive';
  const doubt = flagged ? ' (judged a false positive)' : '';
  const reason = flagged ? `\n\nJudged a false positive: ${judgement.reason}` : '';
  return {
    type: 'issue',
    description: plainLine(`${SCANNERS[scanner].title}: ${what}${title}${doubt}`, TEXT_CHARS),
    check_name: `${scanner}-${slug(rule)}`,
    categories: ['Security'],
    content: { body: plainText(`${text}${reason}`) },
    fingerprint: digestOf(`${scanner}:${id}`),
    severity: SEVERITY[severity],
    location: { path: plainPath(path), lines: { begin: line } },
  };
}
