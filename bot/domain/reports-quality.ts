/** Findings as GitLab's Code Quality report: one JSON array, which the merge request's widget shows. */
import { createHash } from 'node:crypto';
import { plainPath, slug, type ReportedFinding } from './reports-finding.ts';

const SEVERITY: Readonly<Record<ReportedFinding['severity'], string>> = {
  critical: 'blocker',
  high: 'critical',
  medium: 'major',
  low: 'minor',
  info: 'info',
};

/** One entry per finding; the fingerprint does not change when lines move. */
export function qualityReport(findings: readonly ReportedFinding[]): string {
  const entries = findings.map((finding) => ({
    type: 'issue',
    description: finding.title,
    check_name: `autodev-${finding.by}-${slug(finding.category)}`,
    categories: [finding.by === 'security' ? 'Security' : 'Bug Risk'],
    content: { body: finding.body },
    fingerprint: createHash('sha256').update(finding.fingerprint).digest('hex'),
    severity: SEVERITY[finding.severity],
    location: { path: plainPath(finding.path), lines: { begin: finding.line } },
  }));
  return `${JSON.stringify(entries, null, 2)}\n`;
}
