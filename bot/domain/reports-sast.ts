/**
 * Security findings as GitLab's SAST report. Ultimate shows it at the merge request and in the list of
 * vulnerabilities; elsewhere it can be downloaded.
 */
import { createHash } from 'node:crypto';
import { plainPath, slug, type ReportedFinding } from './reports-finding.ts';

/** Version of GitLab's security report schemas (gitlab-facts §4.8). */
const SCHEMA = '15.2.1';

const SEVERITY: Readonly<Record<ReportedFinding['severity'], string>> = {
  critical: 'Critical',
  high: 'High',
  medium: 'Medium',
  low: 'Low',
  info: 'Info',
};

const TOOL = { id: 'autodev', name: 'AutoDev', version: '1', vendor: { name: 'AutoDev' } };

export function sastReport(findings: readonly ReportedFinding[], from: Date, to: Date): string {
  const report = {
    version: SCHEMA,
    vulnerabilities: findings.map(vulnerability),
    scan: {
      analyzer: TOOL,
      scanner: TOOL,
      type: 'sast',
      start_time: time(from),
      end_time: time(to),
      status: 'success',
    },
  };
  return `${JSON.stringify(report, null, 2)}\n`;
}

function vulnerability(finding: ReportedFinding): Record<string, unknown> {
  const { title, body, severity, category, path, line, suggestion, fingerprint } = finding;
  return {
    id: uuid(fingerprint),
    name: title,
    description: body,
    severity: SEVERITY[severity],
    ...(suggestion === undefined ? {} : { solution: suggestion }),
    identifiers: [{ type: 'autodev_category', name: `AutoDev ${category}`, value: slug(category) }],
    location: { file: plainPath(path), start_line: line, end_line: line },
  };
}

/** The same finding has the same id in every report. */
function uuid(fingerprint: string): string {
  const hex = createHash('sha256').update(fingerprint).digest('hex');
  const part = (from: number, to: number): string => hex.slice(from, to);
  return `${part(0, 8)}-${part(8, 12)}-5${part(13, 16)}-a${part(17, 20)}-${part(20, 32)}`;
}

/** UTC without a zone, as the schema wants it. */
function time(date: Date): string {
  return date.toISOString().slice(0, 19);
}
