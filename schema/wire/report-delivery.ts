/** Typed results about what goes out: deployment plans, releases, documents. */
import * as z from 'zod';

const Line = z.string().min(1).max(300);

/** What a deployment or its way back takes. The bot, not the agent, plays the job. */
export const DeployPlanReport = z.strictObject({
  kind: z.literal('deploy_plan'),
  /** False: a person has to look first. */
  go: z.boolean(),
  risk: z.enum(['high', 'medium', 'low']),
  /** What goes out or back, and why that is so risky or so safe. */
  text: z.string().min(1).max(4_000),
  steps: z.array(Line).min(1).max(20),
  /** How people see afterwards that it works. */
  checks: z.array(Line).min(1).max(20),
  /** How it is undone. */
  wayBack: z.array(Line).min(1).max(20),
});
export type DeployPlanReport = z.infer<typeof DeployPlanReport>;

/** A release; its files are the change that comes with it. */
export const ReleaseReport = z.strictObject({
  kind: z.literal('release'),
  version: z
    .string()
    .max(60)
    .regex(/^v?\d{1,9}(?:[.]\d{1,9}){0,3}(?:[-+][\w.+-]{1,40})?$/, 'must be like 1.4.0'),
  /** What is new for the people who use it, Markdown. */
  notes: z.string().min(1).max(20_000),
});
export type ReleaseReport = z.infer<typeof ReleaseReport>;

/** A decision record or a runbook; its text is the change that comes with it. */
export const DocumentReport = z.strictObject({
  kind: z.literal('document'),
  title: z.string().min(1).max(200),
  path: z.string().min(1).max(400),
  /** How it was seen that the text is true. */
  checked: z.array(Line).max(20),
});
export type DocumentReport = z.infer<typeof DocumentReport>;
