/**
 * Purpose: start a run, or a further attempt of one, with everything it needs frozen.
 */
import type { Agent, AgentRole, TaskType } from '../../schema/wire/agent.ts';
import type { ModelRoute } from '../../schema/wire/job-api.ts';
import type { Actor, Issue } from '../domain/events.ts';
import type { Effect } from '../domain/effects.ts';
import type { AttemptSpec, Run, RunContext, RunRole, Stage, Target } from '../domain/runs.ts';
import type { NewRun, Snapshot, Write } from '../domain/snapshot.ts';
import { taskInput } from './task-input.ts';

/** Which agent does what, and as which kind of run, for each command that starts work. */
export const WORK: Readonly<
  Record<string, { type: TaskType; agent: AgentRole; role: RunRole; stage: Stage }>
> = {
  implement: { type: 'implement_feature', agent: 'builder', role: 'main', stage: 'implement' },
  fix: { type: 'implement_fix', agent: 'builder', role: 'main', stage: 'implement' },
  ask: { type: 'answer_question', agent: 'architect', role: 'ask', stage: 'answer' },
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
  const ready = prerequisites(work.agent, snapshot);
  if ('problem' in ready) return { ok: false, ...ready };
  const { issue, headSha, agent, models } = ready;
  const context = freezeContext(issue, agent, snapshot);
  const spec: AttemptSpec = {
    taskType: work.type,
    agent: work.agent,
    project: { path: snapshot.project.path, defaultBranch: snapshot.project.defaultBranch },
    instructions: agent.prompt,
    input: taskInput(work.type, {
      iid: request.target.iid,
      title: context.title,
      text: context.text,
      request: request.args,
    }),
    models,
    tools: agent.settings.tools,
    limits: jobLimits(agent),
    image: context.image,
    tags: context.tags,
  };
  const run: NewRun = {
    target: request.target,
    role: work.role,
    command: request.command,
    args: request.args,
    requester: request.requester,
    triggerNoteId: request.noteId,
    triggerDiscussionId: request.discussionId,
    stage: work.stage,
    context,
    statusNoteId: snapshot.lastRun?.statusNoteId ?? null,
    task: { type: work.type, agent: work.agent, capMicrousd: context.taskCapMicrousd },
    attempt: { spec, ref: snapshot.project.defaultBranch, sha: headSha },
  };
  return {
    ok: true,
    reasons: [
      `${request.command} asked by ${request.requester.username} (id ${request.requester.id}, ` +
        `access ${snapshot.actorAccess})`,
      `agent ${work.agent}, models ${models.map((m) => `${m.provider}/${m.model}`).join(', ')}`,
    ],
    effects: startEffects(request, work.role, snapshot),
    writes: [{ op: 'create_run', run }],
  };
}

function startEffects(request: StartRequest, role: RunRole, snapshot: Snapshot): Effect[] {
  const { target, noteId } = request;
  const ref = snapshot.project.defaultBranch;
  const effects: Effect[] = [{ kind: 'create_pipeline', run: 'new', attempt: 'new', ref }];
  if (role === 'main') effects.unshift({ kind: 'status_comment', run: 'new' });
  if (noteId !== null) effects.unshift({ kind: 'react', target, noteId, emoji: 'eyes' });
  return effects;
}

/** What a run cannot start without. */
function prerequisites(
  role: AgentRole,
  snapshot: Snapshot,
):
  | { issue: Issue; headSha: string; agent: Agent; models: ModelRoute[] }
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
  const agent = snapshot.agents[role];
  if (!agent) {
    return {
      problem: `The agent \`${role}\` is not set up.`,
      next: `Add \`config/agents/${role}.md\` to the bot and restart it.`,
    };
  }
  const models = agent.settings.models.filter((route) =>
    snapshot.providers.includes(route.provider),
  );
  if (models.length === 0) {
    return {
      problem: 'No model provider is set up for this agent.',
      next: 'Set OPENAI_API_KEY or ANTHROPIC_API_KEY for the bot and restart it.',
    };
  }
  return { issue, headSha, agent, models };
}

/** A further attempt at the run's task, from the same frozen spec, on today's head. */
export function startAttempt(
  run: Run,
  snapshot: Snapshot,
  reason: string,
): { writes: Write[]; effects: Effect[]; reasons: string[] } {
  const last = run.attempts.at(-1);
  if (!last) throw new Error(`run ${run.id} has no attempt to repeat`);
  return {
    reasons: [`attempt ${last.fence + 1} of ${run.context.attemptsPerTask}: ${reason}`],
    writes: [
      {
        op: 'new_attempt',
        runId: run.id,
        taskId: run.task.id,
        spec: last.spec,
        ref: last.ref,
        sha: snapshot.headSha ?? last.sha,
      },
    ],
    effects: [
      { kind: 'create_pipeline', run: run.id, attempt: 'new', ref: last.ref },
      ...statusOf(run),
    ],
  };
}

/** The status comment effect of a run; runs of role `ask` answer in their thread instead. */
export function statusOf(run: Run): Effect[] {
  return run.role === 'main' ? [{ kind: 'status_comment', run: run.id }] : [];
}

function jobLimits(agent: Agent): AttemptSpec['limits'] {
  const { maxCostUsd: _inTheCap, ...limits } = agent.settings.limits;
  return limits;
}

function freezeContext(issue: Issue, agent: Agent, snapshot: Snapshot): RunContext {
  const { settings, repoConfig } = snapshot;
  const own = repoConfig.config;
  const capUsd = Math.min(
    settings.limits.taskUsd,
    agent.settings.limits.maxCostUsd,
    own.budget.task_usd ?? Number.POSITIVE_INFINITY,
  );
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
  };
}
