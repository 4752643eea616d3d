/** Typed results of looks besides review, test and security: what holds, what is missing, what is broken. */
import * as z from 'zod';
import { Findings, Score, Severity } from './finding.ts';
import { Judgements } from './scan.ts';

const Line = z.string().min(1).max(300);
const Path = z.string().min(1).max(400);

/** Whether something is so; `unclear` where it could not be judged. */
const Holds = z.enum(['yes', 'no', 'unclear']);

/** Each acceptance criterion, held against what the program really does. */
export const ValidationReport = z.strictObject({
  kind: z.literal('validation'),
  score: Score,
  criteria: z
    .array(
      z.strictObject({
        criterion: Line,
        holds: Holds,
        /** What was done and seen. */
        evidence: z.string().min(1).max(1_000),
      }),
    )
    .min(1)
    .max(30),
  findings: Findings,
});
export type ValidationReport = z.infer<typeof ValidationReport>;

/** What no test would notice. */
export const CoverageReport = z.strictObject({
  kind: z.literal('coverage'),
  /** What the tests cover and what they leave open, in a few sentences; no figures. */
  text: z.string().min(1).max(2_000),
  /** The most important first. */
  gaps: z
    .array(
      z
        .strictObject({
          path: Path,
          /** First and last line that no test reaches or checks. */
          from: z.int().positive(),
          to: z.int().positive(),
          severity: z.enum(['high', 'medium', 'low']),
          /** What could break there unnoticed. */
          why: Line,
          /** The test that is missing. */
          test: Line,
        })
        .refine(({ from, to }) => to >= from, { path: ['to'], message: 'must not be before from' }),
    )
    .max(30),
});
export type CoverageReport = z.infer<typeof CoverageReport>;

/** Dependencies with known problems. */
export const AuditReport = z.strictObject({
  kind: z.literal('audit'),
  /** What was looked through, e.g. `package-lock.json, 214 packages`. */
  looked: z.array(Line).min(1).max(10),
  dependencies: z
    .array(
      z.strictObject({
        package: z.string().min(1).max(200),
        version: z.string().min(1).max(100),
        /** The advisory's name, e.g. `CVE-2026-1234` or `GHSA-…`. */
        advisory: z.string().min(1).max(100),
        severity: Severity,
        /** The first version without it; absent when there is none. */
        fixedVersion: z.string().min(1).max(100).optional(),
        /** The file that brings it in. */
        path: Path,
        /** What it means here: whether and how the weakness can be reached. */
        why: Line,
      }),
    )
    .max(50),
  /** On the scanners' findings, where scanners ran. */
  judgements: Judgements,
});
export type AuditReport = z.infer<typeof AuditReport>;

/** The rules that apply, each with the proof that it is kept or broken. */
export const ComplianceReport = z.strictObject({
  kind: z.literal('compliance'),
  rules: z
    .array(
      z.strictObject({
        rule: Line,
        /** Where the rule comes from, e.g. a file of the repository. */
        source: z.string().min(1).max(200),
        holds: Holds,
        evidence: z.string().min(1).max(1_000),
        path: Path.optional(),
        line: z.int().positive().optional(),
      }),
    )
    .min(1)
    .max(40),
});
export type ComplianceReport = z.infer<typeof ComplianceReport>;

/** Defects found by reading along rules, with or without a tool. */
export const StaticAnalysisReport = z.strictObject({
  kind: z.literal('static_analysis'),
  /** Tools that ran and what was read, e.g. `npm run lint`, `src/parser/**`. */
  looked: z.array(Line).min(1).max(20),
  score: Score,
  findings: Findings,
  /** On the scanners' findings, where scanners ran. */
  judgements: Judgements,
});
export type StaticAnalysisReport = z.infer<typeof StaticAnalysisReport>;

/** A bug that was seen to happen, or that the code shows. */
export const Bug = z.strictObject({
  title: z.string().min(1).max(200),
  path: Path,
  line: z.int().positive(),
  severity: Severity,
  /** What to do to see it, one step each. */
  steps: z.array(Line).min(1).max(12),
  expected: Line,
  actual: Line,
  /** How sure the agent is, from 0 to 1. */
  confidence: z.number().min(0).max(1),
});
export type Bug = z.infer<typeof Bug>;

export const BugHuntReport = z.strictObject({
  kind: z.literal('bug_hunt'),
  /** What was tried and read. */
  looked: z.array(Line).min(1).max(20),
  bugs: z.array(Bug).max(10),
});
export type BugHuntReport = z.infer<typeof BugHuntReport>;
