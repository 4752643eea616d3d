/** A run and what belongs to it, as decide sees them. */
import type { TaskType, AgentRole } from '../../schema/wire/agent.ts';
import type { JobResult } from '../../schema/wire/result.ts';
import type {
  IsolationWish,
  ModelRoute,
  TaskSpec,
  WhenMissing,
} from '../../schema/wire/job-api.ts';
import type { ScannerName } from '../../schema/wire/scan.ts';
import type { StageDefinition, Workflow } from '../../schema/wire/workflow.ts';
import type { CheckFacts } from './checks.ts';
import type { Estimate, Refusal } from './budgets.ts';
import type { Cooled } from './cool-downs.ts';
import type { KnownFinding, ReviewLimits } from './findings.ts';
import type { RunState, Verdict } from './outcomes.ts';
import type { RepoOverrides } from './repo-overrides.ts';
import type { RunReport } from './run-report.ts';

export type TargetType = 'issue' | 'change';

export interface Target {
  type: TargetType;
  iid: number;
}

/** Kinds of run that may be active side by side on one target. */
export type RunRole = 'main' | 'ask';

/** Frozen when the run starts; later edits of the issue or the settings do not reach it. */
export interface RunContext {
  title: string;
  text: string;
  issueUrl: string;
  defaultBranch: string;
  taskCapMicrousd: number;
  /** What all runs of the repository together may spend in a day (UTC). */
  repoDayCapMicrousd: number;
  /** What runs of this workflow cost before; null where too few are known. */
  estimate: Estimate | null;
  protectedPaths: string[];
  tags: string[];
  image: string;
  attemptsPerTask: number;
  /** `full`: gates open by themselves under strict conditions (DESIGN §5). */
  autonomy: 'guided' | 'full';
  isolation: IsolationWish;
  /** What becomes of a task whose engine the job image does not have. */
  whenMissing: Record<'codex' | 'claude', WhenMissing>;
  /** Reports are shown in a merge request pipeline of their own. */
  reports: boolean;
  /** Scanners that tasks may start with; absent where there are none. */
  scanners?: ScannerName[];
  /** How much its looks raise; absent in runs from before there was a choice. */
  review?: ReviewLimits;
  /** Where `deploy` stages deploy to; null: wherever the repository's only deploy job leads. */
  environment: string | null;
  /** What the repository changes of agents; absent in runs that are older than that. */
  agents?: RepoOverrides;
  /** The template the run started with. */
  workflow: Workflow;
}

/** A TaskSpec before the ids are known, with what the child pipeline needs. */
export interface AttemptSpec extends Omit<
  TaskSpec,
  'attempt' | 'task' | 'baseSha' | 'defaultSha' | 'version'
> {
  taskType: TaskType;
  agent: AgentRole;
  image: string;
  tags: string[];
}

export type AttemptState = 'requested' | 'waiting' | 'running' | 'finished' | 'lost' | 'cancelled';

export interface Attempt {
  id: number;
  taskId: number;
  fence: number;
  /** Attempts of one launch share one parent pipeline. */
  launchId: number;
  state: AttemptState;
  ref: string;
  /** The commit of its pipeline. */
  sha: string;
  /** The commit the agent is given, when that is another one: the head of a change. */
  workSha: string | null;
  pipelineId: number | null;
  pipelineUrl: string | null;
  childPipelineId: number | null;
  progress: { turn: number; doing: string } | null;
  cause: string | null;
  spec: AttemptSpec;
  result: JobResult | null;
  /** The budget that refused a call of it last; null when none did. */
  refusal: Refusal | null;
  /** Cool-downs it met, by `provider/model`. */
  cooled: Record<string, Cooled>;
}

export interface Task {
  id: number;
  /** The stage it belongs to, and in which round of that stage it was made. */
  stage: string;
  round: number;
  type: TaskType;
  agent: AgentRole;
  state: 'queued' | 'running' | 'done' | 'failed' | 'cancelled';
  /** 1 is done last, 10 first. */
  priority: number;
  /** The task this one answers or looks at. */
  parentId: number | null;
  /** Tasks it builds on. */
  dependsOn: number[];
  /** What counts as done. */
  acceptance: string[];
  capMicrousd: number;
  spentMicrousd: number;
  /** Oldest first. */
  attempts: Attempt[];
}

/** Which of a run's changes is meant: the specification or the code. */
export type ChangeRole = 'spec' | 'code';

/** A change of a run as the bot last made or saw it. */
export interface ChangeRef {
  branch: string;
  /** Null until the change is opened. */
  iid: number | null;
  url: string;
  /** The bot's last commit on the branch, or the head a person pushed since. */
  headSha: string;
}

/** A deployment that a run asked for, by playing the repository's own deploy job. */
export interface Deployment {
  environment: string;
  jobId: number;
  pipelineId: number;
  sha: string;
  url: string;
  /** `asked`: the job is not started yet. */
  state: 'asked' | 'running' | 'success' | 'failed';
  /** When it was asked for, as ISO text: it is kept as JSON. */
  since: string;
}

/** What people change for one run, from its next task on. */
export interface RunOverrides {
  /** The model that a role tries first. */
  models?: Partial<Record<AgentRole, ModelRoute & { by: string }>>;
}

/** A protected file that a maintainer let through, with exactly this content. */
export interface Allowance {
  path: string;
  /** Git's id of the content; forty zeros for a deletion. */
  blob: string;
  mode: '100644' | '100755';
  by: { id: number; username: string };
}

export interface Run {
  id: number;
  repoId: number;
  target: Target;
  role: RunRole;
  command: string;
  args: string;
  requester: { id: number; username: string };
  triggerNoteId: number | null;
  triggerDiscussionId: string | null;
  state: RunState;
  /** Id of a stage of the run's workflow, or `end`. */
  stage: string;
  /** How often the run was sent back to the fix stage. */
  round: number;
  stageSince: Date;
  /** Seconds it has waited for people at gates it has left. */
  waitedSeconds: number;
  /** The stage it stood in when it ended; null while it is active. */
  stoppedAt: string | null;
  /** Set while a person deferred it: it goes on by itself then. */
  pausedUntil: Date | null;
  /** Who paused or deferred it last. */
  pausedBy: string | null;
  /** What people changed for the rest of the run. */
  overrides: RunOverrides;
  /** The epic's run that this one was made for. */
  parentRunId: number | null;
  /** What it may spend in all; tasks have caps of their own below it. */
  capMicrousd: number;
  context: RunContext;
  verdict: Verdict | null;
  /** What the gate the run stands at still misses, in one line. */
  gateNote: string | null;
  statusNoteId: number | null;
  changes: Record<ChangeRole, ChangeRef | null>;
  /** What the code change became on the default branch. */
  mergedSha: string | null;
  /** What CI said of the code change when votes were last counted. */
  checks: CheckFacts | null;
  deployment: Deployment | null;
  report: RunReport | null;
  /** Findings on its code change, whichever run raised them; oldest first. */
  findings: KnownFinding[];
  /** Remarks of its last look that were not shown. */
  leftOut: number;
  /** Protected files a maintainer let through. */
  allowed: Allowance[];
  version: number;
  createdAt: Date;
  updatedAt: Date;
  finishedAt: Date | null;
  /** Oldest first. */
  tasks: Task[];
}

/** The definition of a stage of the run; null for `end`. */
export function stageOf(run: Run, id: string = run.stage): StageDefinition | null {
  return run.context.workflow.stages.find((stage) => stage.id === id) ?? null;
}

/** The stage after this one, leaving out those that are entered only when named; null at the end. */
export function stageAfter(run: Run, id: string): StageDefinition | null {
  const { stages } = run.context.workflow;
  const from = stages.findIndex((stage) => stage.id === id);
  const rest = stages.slice(from + 1);
  return rest.find((stage) => stage.kind !== 'task' || !stage.aside) ?? null;
}

/**
 * Which of its changes a run is about in its stage: the one that waits at the gate, is looked at, or is
 * worked on once more; null while there is none to look after.
 */
export function roleAt(run: Run): ChangeRole | null {
  const stage = stageOf(run);
  switch (stage?.kind) {
    case 'gate':
      return stage.gate === 'spec' ? 'spec' : 'code';
    case 'verify':
      return 'code';
    case 'task':
      if (run.changes.code !== null) return 'code';
      return run.changes.spec !== null && isBeforeSpecGate(run) ? 'spec' : null;
    default:
      return null;
  }
}

function isBeforeSpecGate(run: Run): boolean {
  const { stages } = run.context.workflow;
  const gate = stages.findIndex((stage) => stage.kind === 'gate' && stage.gate === 'spec');
  const there = stages[gate];
  if (there?.kind === 'gate' && there.back === run.stage) return true;
  return stages.findIndex((stage) => stage.id === run.stage) < gate;
}

/** Tasks of the stage and round the run is in. */
export function currentTasks(run: Run): Task[] {
  return run.tasks.filter((task) => task.stage === run.stage && task.round === run.round);
}

/** The newest finished task of a type, or null. */
export function lastDone(run: Run, type: TaskType): Task | null {
  return run.tasks.findLast((task) => task.type === type && task.state === 'done') ?? null;
}

/** The attempt of a task that counts: the one with the highest fence. */
export function latestAttempt(task: Task): Attempt | null {
  return task.attempts.at(-1) ?? null;
}

/** The result of a task's counting attempt. */
export function resultOf(task: Task | null): JobResult | null {
  return (task && latestAttempt(task)?.result) ?? null;
}

export function taskOfAttempt(run: Run, attemptId: number): Task | null {
  return (
    run.tasks.find((task) => task.attempts.some((attempt) => attempt.id === attemptId)) ?? null
  );
}

/** All money of a run so far, in micro-dollars. */
export function spentOn(run: Run): number {
  return run.tasks.reduce((sum, task) => sum + task.spentMicrousd, 0);
}

/** True while the attempt may still bring a result. */
export function isOpen(attempt: Attempt): boolean {
  return (
    attempt.state === 'requested' || attempt.state === 'waiting' || attempt.state === 'running'
  );
}
