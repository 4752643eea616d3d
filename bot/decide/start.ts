/**
 * Purpose: start a run, or a further attempt of a task, with everything it needs frozen.
 */
import type { TaskType, AgentRole } from '../../schema/wire/agent.ts';
import type { Workflow } from '../../schema/wire/workflow.ts';
import type { Actor, Issue } from '../domain/events.ts';
import type { Effect } from '../domain/effects.ts';
import {
  latestAttempt,
  type Run,
  type RunContext,
  type RunRole,
  type Target,
  type Task,
} from '../domain/runs.ts';
import type { Snapshot, Write } from '../domain/snapshot.ts';
import { statusOf } from './status-effects.ts';
import { makeTask, usableAgent } from './tasks.ts';

/** Which workflow a command starts, and which task type its builder stage gets instead of the template's. */
export const WORK: Readonly<
  Record<string, { workflow: string; role: RunRole; builds?: TaskType }>
> = {
  plan: { workflow: 'feature', role: 'main' },
  implement: { workflow: 'quick', role: 'main' },
  fix: { workflow: 'quick', role: 'main', builds: 'implement_fix' },
  ask: { workflow: 'ask', role: 'ask' },
};

export interface StartRequest {
  command: string;
  args: string;
  requester: Actor;
  target: Target;
  noteId: number | null;
  discussionId: string | null;
}

export type Started =
  | { ok: true; writes: Write[]; effects: Effect[]; reasons: string[] }
  | { ok: false; problem: string; next: string };

/** Everything to start a run, or the one thing that is missing and how to mend it. */
export function startRun(request: StartRequest, snapshot: Snapshot): Started {
  const work = WORK[request.command];
  if (!work) throw new Error(`no work is defined for command ${request.command}`);
  const ready = prerequisites(work, snapshot);
  if ('problem' in ready) return { ok: false, ...ready };
  const { issue, headSha, workflow, first } = ready;
  const found = usableAgent(first.agent, snapshot);
  if ('problem' in found) return { ok: false, ...found };
  const context = freezeContext(issue, workflow, snapshot);
  const facts = { iid: request.target.iid, title: context.title, text: context.text };
  const task = makeTask(first.task, found, context, { ...facts, request: request.args }, snapshot);
  const ref = snapshot.project.defaultBranch;
  return {
    ok: true,
    reasons: [
      `${request.command} asked by ${request.requester.username} (id ${request.requester.id}, ` +
        `access ${snapshot.actorAccess})`,
      `workflow ${workflow.name} version ${workflow.version}, stage ${first.id}`,
    ],
    effects: startEffects(request, work.role, ref),
    writes: [
      {
        op: 'create_run',
        run: {
          target: request.target,
          role: work.role,
          command: request.command,
          args: request.args,
          requester: request.requester,
          triggerNoteId: request.noteId,
          triggerDiscussionId: request.discussionId,
          stage: first.id,
          context,
          statusNoteId: snapshot.lastRun?.statusNoteId ?? null,
          launch: { ref, sha: headSha, tasks: [task] },
        },
      },
    ],
  };
}

/** A further attempt at a task, from the same frozen spec, on the head its branch has now. */
export function startAttempt(
  run: Run,
  task: Task,
  snapshot: Snapshot,
  reason: string,
): { writes: Write[]; effects: Effect[]; reasons: string[] } {
  const last = latestAttempt(task);
  if (!last) throw new Error(`task ${task.id} has no attempt to repeat`);
  const sha = last.ref === run.context.defaultBranch ? (snapshot.headSha ?? last.sha) : last.sha;
  return {
    reasons: [`attempt ${last.fence + 1} of ${run.context.attemptsPerTask}: ${reason}`],
    writes: [
      { op: 'new_attempt', runId: run.id, taskId: task.id, spec: last.spec, ref: last.ref, sha },
    ],
    effects: [
      { kind: 'create_pipeline', run: run.id, launch: 'new', ref: last.ref },
      ...statusOf(run),
    ],
  };
}

function startEffects(request: StartRequest, role: RunRole, ref: string): Effect[] {
  const { target, noteId } = request;
  const effects: Effect[] = [{ kind: 'create_pipeline', run: 'new', launch: 'new', ref }];
  if (role === 'main') effects.unshift({ kind: 'status_comment', run: 'new', urgent: true });
  if (noteId !== null) effects.unshift({ kind: 'react', target, noteId, emoji: 'eyes' });
  return effects;
}

interface FirstStage {
  id: string;
  task: TaskType;
  agent: AgentRole;
}

/** What a run cannot start without. */
function prerequisites(
  work: { workflow: string; builds?: TaskType },
  snapshot: Snapshot,
):
  | { issue: Issue; headSha: string; workflow: Workflow; first: FirstStage }
  | { problem: string; next: string } {
  const { issue, headSha } = snapshot;
  if (!issue) {
    return {
      problem: 'The issue could not be read.',
      next: 'Check that it still exists and that the bot may read it, then ask again.',
    };
  }
  if (headSha === null) {
    return {
      problem: `The repository has no branch \`${snapshot.project.defaultBranch}\` yet.`,
      next: 'Push a first commit, then ask again.',
    };
  }
  const template = snapshot.workflows[work.workflow];
  const workflow = template && withBuilder(template, work.builds);
  const first = workflow?.stages[0];
  if (!workflow || first?.kind !== 'task') {
    return {
      problem: `The workflow \`${work.workflow}\` is not set up.`,
      next: `Add \`config/workflows/${work.workflow}.yaml\` to the bot and restart it.`,
    };
  }
  return { issue, headSha, workflow, first };
}

/** The template with its implementing stage doing another type of task. */
function withBuilder(workflow: Workflow, builds: TaskType | undefined): Workflow {
  if (builds === undefined) return workflow;
  const stages = workflow.stages.map((stage) =>
    stage.kind === 'task' && stage.task === 'implement_feature'
      ? { ...stage, task: builds }
      : stage,
  );
  return { ...workflow, stages };
}

function freezeContext(issue: Issue, workflow: Workflow, snapshot: Snapshot): RunContext {
  const { settings, repoConfig } = snapshot;
  const own = repoConfig.config;
  const capUsd = Math.min(settings.limits.taskUsd, own.budget.task_usd ?? Number.POSITIVE_INFINITY);
  return {
    title: issue.title,
    text: issue.description,
    issueUrl: issue.url,
    defaultBranch: snapshot.project.defaultBranch,
    taskCapMicrousd: Math.floor(capUsd * 1_000_000),
    protectedPaths: [...settings.protectedPaths, ...own.protected_paths],
    tags: own.runner.tags ?? settings.ci.tags,
    image: own.runner.image ?? settings.ci.image,
    attemptsPerTask: settings.limits.attemptsPerTask,
    workflow,
  };
}
