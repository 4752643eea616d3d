/** What an agent job sends back: the closed list of things an agent may propose (DESIGN §4.5). */
import * as z from 'zod';
import { Findings } from './finding.ts';
import { Coverage } from './coverage.ts';
import { Report } from './report.ts';
import { Scan } from './scan.ts';

/** Upper bounds of one result; the publisher refuses anything larger before it parses further. */
export const RESULT_LIMITS = {
  bytes: 8 * 1024 * 1024,
  changes: 200,
  changeBytes: 4 * 1024 * 1024,
  pathChars: 400,
  summaryChars: 20_000,
  commentChars: 60_000,
  checks: 50,
  setupChars: 400,
  attachments: 4,
  attachmentBytes: 600_000,
} as const;

export const FileChange = z.strictObject({
  path: z.string().min(1).max(RESULT_LIMITS.pathChars),
  action: z.enum(['create', 'update', 'delete']),
  /** Git file mode; symlinks and submodules have no spelling here on purpose. */
  mode: z.enum(['100644', '100755']),
  /** Whole new content, base64; absent for a delete. */
  content: z.base64().optional(),
});
export type FileChange = z.infer<typeof FileChange>;

/** A command the agent ran through run_command, as the supervisor saw it end. */
export const CommandCheck = z.strictObject({
  command: z.string().max(500),
  exitCode: z.int().nullable(),
  seconds: z.number().nonnegative(),
});
export type CommandCheck = z.infer<typeof CommandCheck>;

/**
 * Why the agent stopped. `finished` is the only one that may publish changes; `limit` carries a
 * partial result, `cancelled`, `crashed` and `unable` carry none. `unable`: the runner or the job image
 * lacks what the settings ask for, so no agent was started and trying again there would not help.
 * `outage`: every model of the task is limited or down for longer than a runner is held; it is done again later.
 */
export const JobOutcome = z.enum([
  'finished',
  'needs_human',
  'limit',
  'budget',
  'model_error',
  'outage',
  'cancelled',
  'crashed',
  'unable',
]);
export type JobOutcome = z.infer<typeof JobOutcome>;

export const JobStats = z.strictObject({
  turns: z.int().nonnegative(),
  toolCalls: z.int().nonnegative(),
  seconds: z.number().nonnegative(),
  /** Milliseconds from the agent process's start to its first model request; null when none was made. */
  firstRequestMs: z.number().nonnegative().nullable(),
  model: z.string().max(200).nullable(),
});
export type JobStats = z.infer<typeof JobStats>;

/** A picture of what was built; the bot looks at it again before it shows it. */
export const Attachment = z.strictObject({
  name: z
    .string()
    .max(80)
    .regex(/^[a-z0-9][a-z0-9-]*\.png$/, 'must be like start-page.png'),
  /** What it shows, in the agent's words; untrusted text. */
  title: z.string().max(100),
  mediaType: z.literal('image/png'),
  content: z.base64().max(Math.ceil(RESULT_LIMITS.attachmentBytes / 3) * 4),
});
export type Attachment = z.infer<typeof Attachment>;

/** What the work was done with, in the supervisor's words; for the details of the status comment. */
export const JobSetup = z.strictObject({
  /** How far the agent was kept away from the rest of the runner. */
  isolation: z.string().max(RESULT_LIMITS.setupChars),
  /** Why another engine did the work than the one asked for; null when it was that one. */
  engine: z.string().max(RESULT_LIMITS.setupChars).nullable(),
});
export type JobSetup = z.infer<typeof JobSetup>;

export const JobResult = z.strictObject({
  version: z.literal(1),
  attempt: z.int().positive(),
  outcome: JobOutcome,
  /** One line for people: why it ended, never a stack. */
  cause: z.string().max(2_000),
  /** The model's own account of the work, Markdown; untrusted text. */
  summary: z.string().max(RESULT_LIMITS.summaryChars),
  /** The answer of an `ask` task or a question to a person, Markdown; untrusted text. */
  comment: z.string().max(RESULT_LIMITS.commentChars).optional(),
  /** The typed part, of the kind the task asked for; absent when it asked for none. */
  report: Report.optional(),
  /** Findings recorded while it worked that no report carries, because it stopped before its end. */
  findings: Findings.optional(),
  /** Computed by the supervisor against `baseSha`, never by the agent. */
  changes: z.array(FileChange).max(RESULT_LIMITS.changes),
  baseSha: z.string().regex(/^[0-9a-f]{40,64}$/),
  /** Commands run, newest last; facts about the job, not proof that tests pass. */
  checks: z.array(CommandCheck).max(RESULT_LIMITS.checks),
  /** What a coverage file says that was written while the agent worked. */
  coverage: Coverage.optional(),
  /** What the scanners found that the task asked for, as the supervisor read it. */
  scans: z.array(Scan).max(8).optional(),
  stats: JobStats,
  attachments: z.array(Attachment).max(RESULT_LIMITS.attachments).optional(),
  /** Absent when the job ended before an agent was to be started. */
  setup: JobSetup.optional(),
});
export type JobResult = z.infer<typeof JobResult>;
