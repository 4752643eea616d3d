/** Everything decide may know besides the event: taken at one moment, from API and store. */
import type { Agent, AgentRole } from '../../schema/wire/agent.ts';
import type { RepoConfig } from '../../schema/wire/repo-config.ts';
import type { Settings } from '../../schema/wire/settings.ts';
import type { CheckFacts, TestFacts } from './checks.ts';
import type { CoolDown } from './cool-downs.ts';
import type { Effect, Receipt, RowRef } from './effects.ts';
import type { Workflow } from '../../schema/wire/workflow.ts';
import type { Spending } from './budgets.ts';
import type { Actor, Issue, PipelineInfo, Project } from './events.ts';
import type { DeployFacts } from './deploys.ts';
import type { ChildFacts, EpicItem } from './children.ts';
import type { Given } from './given.ts';
import type { KnownFinding, ReviewFacts } from './findings.ts';
import type { GateFacts } from './gates.ts';
import type { TargetChange } from './looks.ts';
import type { RunReport } from './run-report.ts';
import type {
  Allowance,
  AttemptSpec,
  ChangeRef,
  Deployment,
  Run,
  RunContext,
  RunOverrides,
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
  /** Its branch was deleted although it is open. */
  branchGone: boolean;
  /** Newest pipeline at that head; null when there is none. */
  pipeline: PipelineInfo | null;
  /** When that pipeline ended; null while it runs or when the forge does not say. */
  pipelineEndedAt: Date | null;
  /** What it says about tests; read once the agents are done with the change. */
  tests: TestFacts | null;
  /** Names of its jobs that failed and may not. */
  failedJobs: string[];
  /** What findings are judged by; read once the agents are done with a look. */
  review: ReviewFacts | null;
  /** Set while the run stands at a gate. */
  gate: { facts: GateFacts; mergeStatus: string } | null;
}

/** A file that a run is about to change or has changed. */
export interface FileClaim {
  path: string;
  runId: number;
  /** What that run is about, and who asked for it. */
  target: Target;
  requester: string;
  until: Date;
}

export interface Snapshot {
  now: Date;
  bot: Actor;
  project: Project & { repoId: number; archived: boolean };
  /** Whether the bot can work in the project: `denied` and `gone` only when asked more than once. */
  reach: 'ok' | 'denied' | 'gone';
  /** Access level now of whoever asked for the run; null where it was not looked up. */
  requesterAccess: number | null;
  settings: Pick<
    Settings,
    | 'permissions'
    | 'ci'
    | 'engines'
    | 'overrides'
    | 'limits'
    | 'review'
    | 'protectedPaths'
    | 'security'
    | 'autonomy'
    | 'prices'
  >;
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
  /** The change that a look was asked for under it, with its text and diff; else null. */
  targetChange: TargetChange | null;
  /** Findings on the change that a finding was dismissed under; else none. */
  targetFindings: readonly KnownFinding[];
  /** Active run of the target and role in question, else the run the event names. */
  run: Run | null;
  /** Newest finished run of the target, for `retry` and `status`. */
  lastRun: Run | null;
  /** Head of the default branch. */
  headSha: string | null;
  /** What the event wishes was acted on before, by whatever way it came (domain/wishes.ts). */
  handled: boolean;
  /** Runs the actor started here within the last hour. */
  runsLastHour: number;
  /** Money of today, and what the work that is asked for cost before. */
  spending: Spending;
  /** Comments that the agents of the run were given so far. */
  messages: number;
  /** The change that the run's stage is about, as the forge has it now; null when there is none. */
  change: ChangeFacts | null;
  /** The children of the run while it is in its children stage, by their place in the plan. */
  children: ChildFacts[];
  epicItem: EpicItem;
  /** Files the run is about to change that other active runs have claimed. */
  claimed: FileClaim[];
  /** The parent pipeline of the run's newest attempt, re-read; null when there is none. */
  attemptPipeline: PipelineInfo | null;
  /** Cool-downs of providers and models; read when an agent found none that it could ask. */
  coolDowns: readonly CoolDown[];
  /** How the deployment stands; null unless the run is in a deploy stage. */
  deploy: DeployFacts | null;
  /** What tasks that may start now are given besides their issue. */
  given: Given;
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
  /** Where the pipeline runs, and its commit as it was then. */
  ref: string;
  sha: string;
  /** The commit the agents are given, when that is another one. */
  workSha: string | null;
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
  pausedBy?: string | null;
  overrides?: RunOverrides;
  /** Only what a person's word changes: autonomy. */
  context?: RunContext;
  waitedSeconds?: number;
  capMicrousd?: number;
  mergedSha?: string;
  checks?: CheckFacts;
  deployment?: Deployment | null;
  /** Null when a stopped run goes on. */
  report?: RunReport | null;
  allowed?: Allowance[];
  leftOut?: number;
  /** A new head that a person pushed. */
  codeHeadSha?: string;
  specHeadSha?: string;
  /** Who asked for it to go on. */
  requester?: Actor;
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
      workSha: string | null;
    }
  /** Claim files for a run, all or none; a conflict when another run has one of them by now. */
  | { op: 'claim_files'; runId: number; paths: string[] }
  /** Take a run's claim on files away. */
  | { op: 'release_files'; runId: number; paths: string[]; why: string }
  /** Events that were kept while the run was paused, in the order in which they came. */
  | { op: 'release_held'; runId: number }
  /** Look at the run again at once, on a fresh snapshot. */
  | { op: 'wake'; runId: RowRef }
  /** Tell the active runs of an epic's children that it has ended. */
  | { op: 'stop_children'; runId: number; epicIid: number }
  | { op: 'end_attempt'; attemptId: number; state: 'lost' | 'cancelled'; cause: string }
  | { op: 'end_task'; taskId: number; state: 'done' | 'failed' | 'cancelled' }
  /** Remember at which head an approval was given or taken back. */
  | { op: 'note_approval'; changeIid: number; userId: number; sha: string; given: boolean }
  /** Give tasks more to spend. */
  | { op: 'raise_caps'; runId: number; taskIds: number[]; byMicrousd: number }
  /** What a look, or a person, made of findings on a change. */
  | { op: 'save_findings'; changeIid: number; findings: KnownFinding[] }
  /** A person's comment for the agents at work in the run. */
  | { op: 'add_message'; runId: number; noteId: number; author: string; body: string }
  /** What was approved at other heads than this counts no more, also when such a head comes back. */
  | { op: 'void_approvals'; changeIid: number; exceptAt: string }
  /** Pending effects of the run that must not happen any more. */
  | { op: 'drop_effects'; runId: number; kinds: Effect['kind'][] };

export interface Decision {
  /** Nothing to do, and why; the delivery is stored as ignored. */
  ignored: string | null;
  /** The paused run that the event is kept for: the delivery waits until the run goes on. */
  held?: number;
  /** Why each thing was decided, for `autodev explain`. */
  reasons: string[];
  writes: Write[];
  effects: Effect[];
}
