/** Everything decide may know besides the event: taken at one moment, from API and store. */
import type { Agent, AgentRole } from '../../schema/wire/agent.ts';
import type { RepoConfig } from '../../schema/wire/repo-config.ts';
import type { Settings } from '../../schema/wire/settings.ts';
import type { Effect, Receipt, RowRef } from './effects.ts';
import type { Workflow } from '../../schema/wire/workflow.ts';
import type { Actor, Issue, PipelineInfo, Project } from './events.ts';
import type { GateFacts } from './gates.ts';
import type {
  AttemptSpec,
  ChangeRef,
  Deployment,
  Run,
  RunContext,
  RunReport,
  RunRole,
  Target,
} from './runs.ts';
import type { RunState, Verdict } from './outcomes.ts';
import type { TaskType } from '../../schema/wire/agent.ts';

export interface RepoConfigView {
  /** Defaults where the file is missing or wrong. */
  config: RepoConfig;
  /** One line per mistake, naming line and field; empty when all is well. */
  problems: string[];
}

/** A change of a run, re-read. */
export interface ChangeFacts {
  state: 'opened' | 'closed' | 'merged' | 'locked';
  headSha: string;
  /** What it became on the default branch, once it is merged. */
  mergedSha: string | null;
  /** Newest pipeline at that head; null when there is none. */
  pipeline: PipelineInfo | null;
  /** Names of its jobs that failed and may not. */
  failedJobs: string[];
  /** Set while the run stands at a gate. */
  gate: { facts: GateFacts; mergeStatus: string } | null;
}

export interface Snapshot {
  now: Date;
  bot: Actor;
  project: Project & { repoId: number; archived: boolean };
  settings: Pick<Settings, 'permissions' | 'ci' | 'limits' | 'protectedPaths' | 'autonomy'>;
  agents: Readonly<Record<AgentRole, Agent | undefined>>;
  /** Workflow templates by name. */
  workflows: Readonly<Record<string, Workflow | undefined>>;
  /** Providers with a key; a model route to another one cannot be used. */
  providers: readonly ('openai' | 'anthropic')[];
  repoConfig: RepoConfigView;
  /** Effective access level of the event's actor, GitLab's numbers; 0 = no member. */
  actorAccess: number;
  /** The issue as the API has it now; null for other targets or when it is gone. */
  issue: Issue | null;
  /** Active run of the target and role in question, else the run the event names. */
  run: Run | null;
  /** Newest finished run of the target, for `retry` and `status`. */
  lastRun: Run | null;
  /** Head of the default branch. */
  headSha: string | null;
  /** A command of this note was handled before. */
  noteHandled: boolean;
  /** Runs the actor started here within the last hour. */
  runsLastHour: number;
  /** The change that the run's stage is about, as the forge has it now; null when there is none. */
  change: ChangeFacts | null;
  /** The parent pipeline of the run's newest attempt, re-read; null when there is none. */
  attemptPipeline: PipelineInfo | null;
  /** The settled effect that an `effect_settled` event is about. */
  effect: {
    effect: Effect;
    state: 'done' | 'failed' | 'dropped';
    receipt: Receipt | null;
    error: string | null;
  } | null;
}

/** A task to be made, with the spec of its first attempt. */
export interface NewTask {
  type: TaskType;
  agent: AgentRole;
  capMicrousd: number;
  /** 1 is done last, 10 first. */
  priority: number;
  /** The task it answers or looks at, and those it builds on. */
  parentId: number | null;
  dependsOn: number[];
  /** What counts as done. */
  acceptance: string[];
  spec: AttemptSpec;
}

/** Tasks that start together in one parent pipeline. */
export interface Launch {
  ref: string;
  sha: string;
  tasks: NewTask[];
}

export interface NewRun {
  target: Target;
  role: RunRole;
  command: string;
  args: string;
  requester: Actor;
  triggerNoteId: number | null;
  triggerDiscussionId: string | null;
  stage: string;
  context: RunContext;
  capMicrousd: number;
  statusNoteId: number | null;
  /** The epic's run it is made for. */
  parentRunId: number | null;
  /** The change it is about, when that exists already. */
  change: ChangeRef | null;
  /** Null where the first stage starts no agent. */
  launch: Launch | null;
}

/** What a run waits for, so that it is looked at now and then; null while an agent works. */
export type WaitsFor = 'checks' | 'person' | null;

export interface RunPatch {
  state?: RunState;
  stage?: string;
  round?: number;
  waitsFor?: WaitsFor;
  gateNote?: string | null;
  /** Null when a stopped run goes on. */
  verdict?: Verdict | null;
  stoppedAt?: string | null;
  pausedUntil?: Date | null;
  waitedSeconds?: number;
  capMicrousd?: number;
  mergedSha?: string;
  deployment?: Deployment | null;
  report?: RunReport;
  /** A new head that a person pushed. */
  codeHeadSha?: string;
  specHeadSha?: string;
}

/** State changes, applied in one transaction with the effects. */
export type Write =
  | { op: 'create_run'; run: NewRun }
  | { op: 'update_run'; runId: number; version: number; patch: RunPatch }
  /** Make the tasks of a stage and round, all in one launch. */
  | { op: 'launch'; runId: number; stage: string; round: number; launch: Launch }
  | {
      op: 'new_attempt';
      runId: number;
      taskId: number;
      spec: AttemptSpec;
      ref: string;
      sha: string;
    }
  /** Look at the run again at once, on a fresh snapshot. */
  | { op: 'wake'; runId: RowRef }
  | { op: 'end_attempt'; attemptId: number; state: 'lost' | 'cancelled'; cause: string }
  | { op: 'end_task'; taskId: number; state: 'done' | 'failed' | 'cancelled' }
  /** Remember at which head an approval was given or taken back. */
  | { op: 'note_approval'; changeIid: number; userId: number; sha: string; given: boolean }
  /** Pending effects of the run that must not happen any more. */
  | { op: 'drop_effects'; runId: number; kinds: Effect['kind'][] };

export interface Decision {
  /** Nothing to do, and why; the delivery is stored as ignored. */
  ignored: string | null;
  /** Why each thing was decided, for `autodev explain`. */
  reasons: string[];
  writes: Write[];
  effects: Effect[];
}
