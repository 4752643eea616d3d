/** Typed results about what is to be done: analysis, epic, stories, backlog, feasibility, issues. */
import * as z from 'zod';

const Criterion = z.string().min(1).max(300);
const Line = z.string().min(1).max(300);
const Path = z.string().min(1).max(400);
/** 1 is done last, 10 first. */
const Priority = z.int().min(1).max(10);
const Size = z.enum(['small', 'medium', 'large']);

/** Most issues that one result may ask for. */
export const MAX_ISSUES = 12;

/** What a repository is, and where it stands. */
export const AnalysisReport = z.strictObject({
  kind: z.literal('analysis'),
  /** What it is for, in one or two sentences. */
  purpose: z.string().min(1).max(1_000),
  /** Languages, frameworks and services it is built with. */
  stack: z.array(z.string().min(1).max(100)).max(20),
  /** The folders and files that matter, and what each is for. */
  parts: z.array(z.strictObject({ path: Path, role: Line })).max(20),
  /** How it is built, tested and run. */
  commands: z.array(z.strictObject({ command: z.string().min(1).max(200), does: Line })).max(10),
  strengths: z.array(Line).max(10),
  /** What stands in the way of work on it. */
  problems: z
    .array(
      z.strictObject({
        title: z.string().min(1).max(200),
        detail: z.string().min(1).max(1_000),
        /** The file it shows in, where there is one. */
        path: Path.optional(),
        severity: z.enum(['high', 'medium', 'low']),
      }),
    )
    .max(20),
  /** What to do next, the most useful first. */
  next: z.array(Line).max(10),
});
export type AnalysisReport = z.infer<typeof AnalysisReport>;

/** A large wish in words that it can be cut from. */
export const EpicDraftReport = z.strictObject({
  kind: z.literal('epic_draft'),
  title: z.string().min(1).max(200),
  /** What is different for whom once it is done. */
  goal: z.string().min(1).max(2_000),
  scope: z.array(Line).min(1).max(20),
  /** Left out on purpose. */
  outOfScope: z.array(Line).max(20),
  acceptance: z.array(Criterion).min(1).max(20),
  risks: z.array(Line).max(10),
  priority: Priority,
});
export type EpicDraftReport = z.infer<typeof EpicDraftReport>;

/** What every issue that an agent asks for has. */
const ISSUE = {
  title: z.string().min(1).max(200),
  text: z.string().min(1).max(8_000),
  acceptance: z.array(Criterion).min(1).max(10),
  priority: Priority,
  size: Size,
};

export const Story = z.strictObject({
  ...ISSUE,
  /** As a …, I want …, so that …: the three parts without these words. */
  role: z.string().min(1).max(100),
  want: Line,
  benefit: Line,
});
export type Story = z.infer<typeof Story>;

export const StoriesReport = z.strictObject({
  kind: z.literal('stories'),
  stories: z.array(Story).min(1).max(MAX_ISSUES),
});
export type StoriesReport = z.infer<typeof StoriesReport>;

export const ImplementationIssue = z.strictObject({
  ...ISSUE,
  /** Files it will probably touch. */
  files: z.array(Path).max(30),
  /** Issues that must be done before, by their place in the list, from 0. */
  dependsOn: z
    .array(
      z
        .int()
        .min(0)
        .max(MAX_ISSUES - 1),
    )
    .max(MAX_ISSUES - 1),
});
export type ImplementationIssue = z.infer<typeof ImplementationIssue>;

export const IssuesReport = z.strictObject({
  kind: z.literal('issues'),
  issues: z.array(ImplementationIssue).min(1).max(MAX_ISSUES),
});
export type IssuesReport = z.infer<typeof IssuesReport>;

/** The open issues in the order in which they should be done. */
export const BacklogReport = z.strictObject({
  kind: z.literal('backlog'),
  order: z
    .array(
      z.strictObject({
        iid: z.int().positive(),
        priority: Priority,
        reason: z.string().min(1).max(300),
      }),
    )
    .max(100),
  /** What the order rests on, in a few sentences. */
  text: z.string().min(1).max(2_000),
});
export type BacklogReport = z.infer<typeof BacklogReport>;

export const FeasibilityReport = z.strictObject({
  kind: z.literal('feasibility'),
  feasible: z.boolean(),
  /** How sure the architect is of that, 0 to 10. */
  confidence: z.number().min(0).max(10),
  /** Why, with what in the repository it rests on. */
  text: z.string().min(1).max(4_000),
  size: Size,
  risks: z
    .array(
      z.strictObject({
        risk: Line,
        likelihood: z.enum(['high', 'medium', 'low']),
        /** What would keep it small. */
        answer: Line,
      }),
    )
    .max(10),
  /** Ways to do it. */
  options: z
    .array(
      z.strictObject({
        title: z.string().min(1).max(200),
        text: z.string().min(1).max(1_000),
        recommended: z.boolean(),
      }),
    )
    .max(5),
  /** What a person has to answer first. */
  questions: z.array(Line).max(5),
});
export type FeasibilityReport = z.infer<typeof FeasibilityReport>;
