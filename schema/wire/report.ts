/** The typed part of a result, by kind of task: what votes, findings and the spec are made of. */
import { z } from 'zod';

export const Severity = z.enum(['critical', 'high', 'medium', 'low', 'info']);
export type Severity = z.infer<typeof Severity>;

/** One review remark; `line` counts on the new side of the diff. */
export const Finding = z.strictObject({
  path: z.string().min(1).max(400),
  line: z.int().positive(),
  severity: Severity,
  category: z.string().min(1).max(40),
  title: z.string().min(1).max(200),
  body: z.string().min(1).max(4_000),
  /** Text that replaces the line, when the remark can be applied as it is. */
  suggestion: z.string().max(4_000).optional(),
  /** How sure the agent is, from 0 to 1. */
  confidence: z.number().min(0).max(1),
});
export type Finding = z.infer<typeof Finding>;

const Score = z.int().min(0).max(100);
const Findings = z.array(Finding).max(50);

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

export const BuildReport = z.strictObject({ kind: z.literal('build'), selfScore: Score });
export type BuildReport = z.infer<typeof BuildReport>;

export const ReviewReport = z.strictObject({
  kind: z.literal('review'),
  score: Score,
  findings: Findings,
});
export type ReviewReport = z.infer<typeof ReviewReport>;

export const TestReport = z.strictObject({
  kind: z.literal('test'),
  score: Score,
  findings: Findings,
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
});
export type SecurityReport = z.infer<typeof SecurityReport>;

export const Report = z.discriminatedUnion('kind', [
  TriageReport,
  EpicReport,
  SpecReport,
  BuildReport,
  ReviewReport,
  TestReport,
  SecurityReport,
]);
export type Report = z.infer<typeof Report>;

/** What a task's result must carry; `none` for tasks whose changes or comment say it all. */
export const ReportKind = z.enum([
  'none',
  'triage',
  'epic',
  'spec',
  'build',
  'review',
  'test',
  'security',
]);
export type ReportKind = z.infer<typeof ReportKind>;
