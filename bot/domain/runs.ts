/** A run and what belongs to it, as decide sees them. */
import type { TaskType, AgentRole } from '../../schema/wire/agent.ts';
import type { JobResult } from '../../schema/wire/result.ts';
import type { TaskSpec } from '../../schema/wire/job-api.ts';
import type { RunState, Verdict } from './outcomes.ts';

export type TargetType = 'issue' | 'change';

export interface Target {
  type: TargetType;
  iid: number;
}

/** Where a run is. `answer` is the one stage of `/autodev ask`. */
export type Stage = 'implement' | 'publish' | 'verify' | 'answer' | 'end';

/** Kinds of run that may be active side by side on one target. */
export type RunRole = 'main' | 'ask';

/** Frozen when the run starts; later edits of the issue or the settings do not reach it. */
export interface RunContext {
  title: string;
  text: string;
  issueUrl: string;
  defaultBranch: string;
  taskCapMicrousd: number;
  protectedPaths: string[];
  tags: string[];
  image: string;
  attemptsPerTask: number;
}

/** A TaskSpec before the ids are known, with what the child pipeline needs. */
export interface AttemptSpec extends Omit<TaskSpec, 'attempt' | 'task' | 'baseSha' | 'version'> {
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
  state: AttemptState;
  ref: string;
  sha: string;
  pipelineId: number | null;
  pipelineUrl: string | null;
  childPipelineId: number | null;
  progress: { turn: number; doing: string } | null;
  cause: string | null;
  spec: AttemptSpec;
  result: JobResult | null;
}

export interface Task {
  id: number;
  type: TaskType;
  agent: AgentRole;
  state: 'queued' | 'running' | 'done' | 'failed' | 'cancelled';
  capMicrousd: number;
  spentMicrousd: number;
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
  stage: Stage;
  context: RunContext;
  verdict: Verdict | null;
  statusNoteId: number | null;
  branch: string | null;
  change: { iid: number; url: string } | null;
  headSha: string | null;
  version: number;
  createdAt: Date;
  updatedAt: Date;
  finishedAt: Date | null;
  /** In this slice a run has one task. */
  task: Task;
  /** Oldest first. */
  attempts: Attempt[];
}

/** The attempt that counts: the one with the highest fence. */
export function latestAttempt(run: Run): Attempt | null {
  return run.attempts.at(-1) ?? null;
}

/** True while the attempt may still bring a result. */
export function isOpen(attempt: Attempt): boolean {
  return (
    attempt.state === 'requested' || attempt.state === 'waiting' || attempt.state === 'running'
  );
}
