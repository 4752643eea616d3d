/** The typed part of a result, by kind of task: what votes, findings and the spec are made of. */
import * as z from 'zod';
import { Findings, Score, Severity, VerifiedList } from './finding.ts';
import {
  AuditReport,
  BugHuntReport,
  ComplianceReport,
  CoverageReport,
  StaticAnalysisReport,
  ValidationReport,
} from './report-checks.ts';
import { DeployPlanReport, DocumentReport, ReleaseReport } from './report-delivery.ts';
import {
  AnalysisReport,
  BacklogReport,
  EpicDraftReport,
  FeasibilityReport,
  IssuesReport,
  StoriesReport,
} from './report-plans.ts';
import { Judgements } from './scan.ts';

const Line = z.string().min(1).max(300);

export const SpecReport = z.strictObject({
  kind: z.literal('spec'),
  feasible: z.boolean(),
  /** The architect's confidence, 0 to 10. */
  confidence: z.number().min(0).max(10),
  /** The decisions that most deserve a look. */
  decisions: z.array(z.string().max(300)).max(3),
  /** Files the change will probably touch. */
  files: z.array(z.string().max(400)).max(100),
  /** What counts as done, one checkable statement each. */
  acceptance: z.array(z.string().min(1).max(300)).max(20).default([]),
  /** What is wrong or missing today, and for whom. */
  problem: z.string().max(2_000).optional(),
  /** How it is solved, and why this way. */
  approach: z.string().max(4_000).optional(),
  /** Signatures, options, routes and formats that are new or change. */
  interfaces: z.array(Line).max(20).optional(),
  risks: z.array(Line).max(10).optional(),
  /** The tests that will show it, one each. */
  testPlan: z.array(Line).max(20).optional(),
  /** The specification itself, Markdown. */
  text: z.string().min(1).max(60_000),
});
export type SpecReport = z.infer<typeof SpecReport>;

/** What the product manager makes of an issue before anybody works on it. */
export const TriageReport = z.strictObject({
  kind: z.literal('triage'),
  type: z.enum(['feature', 'bug', 'refactor', 'docs', 'security', 'question']),
  size: z.enum(['small', 'medium', 'large']),
  /** 1 is done last, 10 first. */
  priority: z.int().min(1).max(10),
  /** Questions without whose answers nobody can start; empty when all is clear. */
  missing: z.array(z.string().min(1).max(300)).max(5),
  /** Numbers of issues that ask for the same, as far as the texts name them. */
  duplicates: z.array(z.int().positive()).max(5).default([]),
  /** How bad it is as it stands, for bugs and holes. */
  severity: Severity.optional(),
  /** Names of labels that would fit; the bot sets none of them. */
  labels: z.array(z.string().min(1).max(60)).max(8).optional(),
});
export type TriageReport = z.infer<typeof TriageReport>;

/** One child of an epic, before it is an issue. */
export const EpicChild = z.strictObject({
  title: z.string().min(1).max(200),
  text: z.string().min(1).max(8_000),
  acceptance: z.array(z.string().min(1).max(300)).max(10),
  priority: z.int().min(1).max(10),
  /** Children that must be done before, by their place in the list, from 0. */
  dependsOn: z.array(z.int().min(0)).max(12),
});
export type EpicChild = z.infer<typeof EpicChild>;

export const EpicReport = z.strictObject({
  kind: z.literal('epic'),
  /** Why it is cut this way, Markdown. */
  text: z.string().min(1).max(20_000),
  children: z.array(EpicChild).min(1).max(12),
});
export type EpicReport = z.infer<typeof EpicReport>;

export const BuildReport = z.strictObject({
  kind: z.literal('build'),
  selfScore: Score,
  /** Why the build was red, where the task was to make it green. */
  cause: z.string().min(1).max(1_000).optional(),
});
export type BuildReport = z.infer<typeof BuildReport>;

export const ReviewReport = z.strictObject({
  kind: z.literal('review'),
  score: Score,
  findings: Findings,
  /** What became of the findings of earlier looks. */
  verified: VerifiedList,
});
export type ReviewReport = z.infer<typeof ReviewReport>;

export const TestReport = z.strictObject({
  kind: z.literal('test'),
  score: Score,
  findings: Findings,
  /** What was to be tried, and what came of it. */
  cases: z
    .array(
      z.strictObject({
        name: Line,
        outcome: z.enum(['passed', 'failed', 'not run']),
        /** What was run and seen; why it was not run. */
        detail: z.string().max(1_000),
      }),
    )
    .max(40)
    .optional(),
  verified: VerifiedList,
});
export type TestReport = z.infer<typeof TestReport>;

/** Facts the security score is computed from, by code and never by the model (DESIGN §5). */
export const SecurityRubric = z.strictObject({
  privilegeEscalation: z.boolean(),
  destructiveWithoutSafeguard: z.boolean(),
  unvalidatedExternalApi: z.boolean(),
  missingAuditLog: z.boolean(),
  encryption: z.boolean(),
  advancedAudit: z.boolean(),
});
export type SecurityRubric = z.infer<typeof SecurityRubric>;

export const SecurityReport = z.strictObject({
  kind: z.literal('security'),
  rubric: SecurityRubric,
  findings: Findings,
  /** On the scanners' findings, where scanners ran. */
  judgements: Judgements,
  verified: VerifiedList,
});
export type SecurityReport = z.infer<typeof SecurityReport>;

/** Every kind of report by its name. */
export const REPORTS = {
  analysis: AnalysisReport,
  epic_draft: EpicDraftReport,
  epic: EpicReport,
  stories: StoriesReport,
  backlog: BacklogReport,
  triage: TriageReport,
  feasibility: FeasibilityReport,
  issues: IssuesReport,
  spec: SpecReport,
  build: BuildReport,
  review: ReviewReport,
  test: TestReport,
  validation: ValidationReport,
  coverage: CoverageReport,
  security: SecurityReport,
  audit: AuditReport,
  compliance: ComplianceReport,
  deploy_plan: DeployPlanReport,
  release: ReleaseReport,
  static_analysis: StaticAnalysisReport,
  bug_hunt: BugHuntReport,
  document: DocumentReport,
} as const;

export const Report = z.discriminatedUnion('kind', [
  AnalysisReport,
  EpicDraftReport,
  EpicReport,
  StoriesReport,
  BacklogReport,
  TriageReport,
  FeasibilityReport,
  IssuesReport,
  SpecReport,
  BuildReport,
  ReviewReport,
  TestReport,
  ValidationReport,
  CoverageReport,
  SecurityReport,
  AuditReport,
  ComplianceReport,
  DeployPlanReport,
  ReleaseReport,
  StaticAnalysisReport,
  BugHuntReport,
  DocumentReport,
]);
export type Report = z.infer<typeof Report>;

/** What a task's result must carry; `none` for tasks whose changes or comment say it all. */
export const ReportKind = z.enum(['none', ...(Object.keys(REPORTS) as (keyof typeof REPORTS)[])]);
export type ReportKind = z.infer<typeof ReportKind>;
