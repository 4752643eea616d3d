/** What looks besides review, test and security found, as findings that the reports can show. */
import type { Report } from '../../schema/wire/report.ts';
import type { ReportedFinding } from './reports-finding.ts';

/** Bugs that were shown to happen, and dependencies with known problems; empty for other reports. */
export function otherFindings(report: Report, by: string): ReportedFinding[] {
  switch (report.kind) {
    case 'bug_hunt':
      return report.bugs.map(({ steps, expected, actual, ...bug }) => ({
        ...bug,
        category: 'bug',
        body: [
          ...steps.map((step, index) => `${index + 1}. ${step}`),
          `Expected: ${expected}`,
          `Actual: ${actual}`,
        ].join('\n'),
        fingerprint: `${bug.path}:bug:${bug.title}`,
        by,
      }));
    case 'audit':
      return report.dependencies.map((one) => ({
        path: one.path,
        line: 1,
        severity: one.severity,
        category: 'dependency',
        title: `${one.package} ${one.version}: ${one.advisory}`,
        body: one.fixedVersion ? `${one.why}\nMended in ${one.fixedVersion}.` : one.why,
        confidence: 1,
        fingerprint: `${one.path}:dependency:${one.package}:${one.advisory}`,
        by,
      }));
    default:
      return [];
  }
}
