/**
 * Reports in the forge's own formats (gitlab-facts §4.8), rendered from typed results that passed their
 * schema. Pure: the same facts give the same text, so that a report asked for twice is the same one.
 */
import type { CommandCheck } from '../../schema/wire/result.ts';
import type { ReportedFinding } from './reports-finding.ts';
import { qualityReport } from './reports-quality.ts';
import { sastReport } from './reports-sast.ts';
import { testReport } from './reports-junit.ts';

/** One finished look at a change. */
export interface ReportFacts {
  findings: readonly ReportedFinding[];
  /** What the tester ran, as the supervisor saw it end; null when no tester looked. */
  checks: readonly CommandCheck[] | null;
  from: Date;
  to: Date;
}

/** The text of each report; every one is there, an empty one where nobody looked. */
export interface RenderedReports {
  junit: string;
  codequality: string;
  sast: string;
}

/** The reports of a look; security findings stand among the code quality ones too, which Free shows. */
export function renderReports(facts: ReportFacts): RenderedReports {
  const { findings, checks, from, to } = facts;
  const of = (role: string): ReportedFinding[] => findings.filter(({ by }) => by === role);
  return {
    junit: testReport(checks ?? [], of('tester')),
    codequality: qualityReport(findings.filter(({ by }) => by !== 'tester')),
    sast: sastReport(of('security'), from, to),
  };
}

/** Reports of a pipeline that nobody asked reports for. */
export function noReports(now: Date): RenderedReports {
  return renderReports({ findings: [], checks: null, from: now, to: now });
}
