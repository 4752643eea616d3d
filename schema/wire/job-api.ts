/** The HTTP API between a CI job and the bot: plan, claim, heartbeat, result. */
import * as z from 'zod';
import { ReportKind } from './report.ts';
import { ScannerName } from './scan.ts';

export const ModelRoute = z.strictObject({
  provider: z.enum(['openai', 'anthropic']),
  model: z.string().min(1).max(200),
});
export type ModelRoute = z.infer<typeof ModelRoute>;

/** What drives the model: our own loop, or somebody else's command line tool. */
export const EngineName = z.enum(['builtin', 'codex', 'claude']);
export type EngineName = z.infer<typeof EngineName>;

/** What becomes of a task whose engine the job image does not have, or not in a version known to work. */
export const WhenMissing = z.enum(['builtin', 'stop']);
export type WhenMissing = z.infer<typeof WhenMissing>;

/** How far the agent process is kept away from the rest of the runner. */
export const IsolationWish = z.strictObject({
  /** `required` fails where the runner allows none, `auto` takes what there is. */
  sandbox: z.enum(['required', 'auto', 'off']),
  /** `gateway`: an isolated agent reaches nothing but the model gateway. */
  network: z.enum(['gateway', 'open']),
});
export type IsolationWish = z.infer<typeof IsolationWish>;

export const ToolName = z.enum([
  'read_file',
  'list',
  'search',
  'edit_file',
  'run_command',
  'browse',
  'git_log',
  'git_diff',
  'read_thread',
  'report_finding',
  'ask_human',
  'finish',
]);
export type ToolName = z.infer<typeof ToolName>;

/** Every bound an agent works under; reaching one is a normal, reported outcome. */
export const TaskLimits = z.strictObject({
  turns: z.int().positive(),
  minutes: z.number().positive(),
  commandSeconds: z.int().positive(),
  /** Bytes of one tool result that reach the model. */
  toolResultBytes: z.int().positive(),
  /** Most tokens the model may answer with in one turn. */
  maxOutputTokens: z.int().positive(),
});
export type TaskLimits = z.infer<typeof TaskLimits>;

export const TaskSpec = z.strictObject({
  version: z.literal(1),
  attempt: z.int().positive(),
  task: z.strictObject({ id: z.int().positive(), type: z.string(), agent: z.string() }),
  project: z.strictObject({ path: z.string(), defaultBranch: z.string() }),
  baseSha: z.string(),
  /** The default branch's commit: instructions of the project are read there. '' from bots before. */
  defaultSha: z.string().default(''),
  /** The agent's prompt (config/agents/*.md body): the stable part, first in every request. */
  instructions: z.string(),
  /** What is asked, with the issue's text fenced as data. */
  input: z.string(),
  engine: EngineName,
  /** `builtin`: our own loop does the work then; `stop`: a person is told what to install. */
  whenMissing: WhenMissing.default('builtin'),
  isolation: IsolationWish,
  models: z.array(ModelRoute).min(1),
  tools: z.array(ToolName).min(1),
  /** The typed report `finish` must carry. */
  report: ReportKind,
  /**
   * What the tasks of this role bring. `finish` is told as taking any of them, so that the stable part
   * of the prompt is the same for all of them; only `report` is taken.
   */
  reports: z.array(ReportKind).default([]),
  /** Scanners to run before the agent starts. */
  scanners: z.array(ScannerName).max(8).optional(),
  limits: TaskLimits,
});
export type TaskSpec = z.infer<typeof TaskSpec>;

/** POST /api/job/claim, `Authorization: Bearer <id_token>`. */
export const ClaimRequest = z.strictObject({ attempt: z.int().positive() });
export const ClaimResponse = z.strictObject({
  /** Bearer for heartbeat, result and the gateway; dies with the attempt. */
  token: z.string().min(20),
  heartbeatSeconds: z.number().positive(),
  /** Base URL of the gateway; the SDK base URLs are `<gateway>/openai/v1` and `<gateway>/anthropic`. */
  gateway: z.url(),
  spec: TaskSpec,
});
export type ClaimResponse = z.infer<typeof ClaimResponse>;

/** POST /api/job/heartbeat, `Authorization: Bearer <attempt token>`. */
export const Heartbeat = z.strictObject({
  turn: z.int().nonnegative(),
  /** What happens now, at most one line, e.g. `run_command npm test`. */
  doing: z.string().max(200),
  /** The `upTo` of the last answer that arrived; 0 before the first. */
  seen: z.int().nonnegative().default(0),
});
export type Heartbeat = z.infer<typeof Heartbeat>;
export const HeartbeatResponse = z.strictObject({
  /** True once the attempt was cancelled or superseded: kill the agent and stop. */
  cancel: z.boolean(),
  /** What came after `seen`, for the agent's next turn: comments by people with rights, and the bot's own. */
  messages: z.array(z.string()),
  /** Names the last of them. */
  upTo: z.int().nonnegative().default(0),
});
export type HeartbeatResponse = z.infer<typeof HeartbeatResponse>;

/** POST /api/job/reports, `Authorization: Bearer <id_token>`: files in the forge's own report formats. */
export const ReportsResponse = z.strictObject({
  junit: z.string(),
  codequality: z.string(),
  sast: z.string(),
  /** Null where no scanner was asked to look for that. */
  dependencyScanning: z.string().nullable().default(null),
  secretDetection: z.string().nullable().default(null),
  /** The same findings for forges that read SARIF. */
  sarif: z.string().nullable().default(null),
  /** Null where no run of the tests left a coverage file. */
  cobertura: z.string().nullable().default(null),
  /** Percent, for the job's log; null as well where the change's own pipeline tells a figure. */
  coverage: z.number().min(0).max(100).nullable().default(null),
});
export type ReportsResponse = z.infer<typeof ReportsResponse>;

/** POST /api/job/thread, `Authorization: Bearer <attempt token>`: an issue or change with its comments. */
export const ThreadRequest = z.strictObject({
  type: z.enum(['issue', 'change']),
  iid: z.int().positive().max(1_000_000_000),
  page: z.int().positive().max(1_000),
});
export type ThreadRequest = z.infer<typeof ThreadRequest>;
export const ThreadResponse = z.strictObject({
  /** As people see it, with everything by people fenced as data. */
  text: z.string(),
  page: z.int().positive(),
  pages: z.int().positive(),
});
export type ThreadResponse = z.infer<typeof ThreadResponse>;

/** Every error of the job API and the gateway has this shape. */
export const ApiError = z.strictObject({
  error: z.strictObject({ code: z.string(), message: z.string(), fix: z.string().optional() }),
});
export type ApiError = z.infer<typeof ApiError>;
