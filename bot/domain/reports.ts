/**
 * Reports in the forge's own formats (gitlab-facts §4.8), rendered from typed results that passed their
 * schema. Pure: the same facts give the same text, so that a report asked for twice is the same one.
 */
import type { Coverage } from '../../schema/wire/coverage.ts';
import type { ReportsResponse } from '../../schema/wire/job-api.ts';
import { coberturaReport, coveragePercent } from './reports-coverage.ts';
import type { ReportedFinding } from './reports-finding.ts';
import { qualityReport } from './reports-quality.ts';
import { sarifReport } from './reports-sarif.ts';
import { dependencyReport, sastReport, secretReport } from './reports-security.ts';
import { testReport, type TestLook } from './reports-junit.ts';
import type { ScanFacts } from './scans.ts';

/** One finished look at a change. */
export interface ReportFacts {
  findings: readonly ReportedFinding[];
  /** What testers planned and ran; empty when none looked. */
  tests: Pick<TestLook, 'plan' | 'checks'>;
  /** What the tests reach, where their run left a file that says so. */
  coverage: Coverage | null;
  /** What the scanners found, with the agents' judgement. */
  scans: ScanFacts;
  /** The commit that was looked at. */
  sha: string;
  from: Date;
  to: Date;
}

/** The text of each report; null where nobody was asked to look for that. */
export type RenderedReports = ReportsResponse;

/** The reports of a look; security findings stand among the code quality ones too, which Free shows. */
export function renderReports(facts: ReportFacts): RenderedReports {
  const { findings, tests, scans } = facts;
  const of = (role: string): ReportedFinding[] => findings.filter(({ by }) => by === role);
  const defects = findings.filter(({ by }) => by !== 'tester');
  return {
    junit: testReport({ ...tests, findings: of('tester') }),
    codequality: qualityReport(defects, scans.findings),
    sast: sastReport(of('security'), scans, facts),
    dependencyScanning: dependencyReport(scans, facts),
    secretDetection: secretReport(scans, facts.sha, facts),
    sarif: sarifReport(defects, scans),
    cobertura: coberturaReport(facts.coverage, facts.to),
    coverage: coveragePercent(facts.coverage),
  };
}

/** Reports of a pipeline that nobody asked reports for. */
export function noReports(now: Date): RenderedReports {
  return renderReports({
    findings: [],
    tests: { plan: [], checks: [] },
    coverage: null,
    scans: { scans: [], findings: [] },
    sha: '',
    from: now,
    to: now,
  });
}
