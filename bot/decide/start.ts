/**
 * Purpose: start a run, or a further attempt of a task, with everything it needs frozen.
 */
import type { IsolationWish } from '../../schema/wire/job-api.ts';
import type { RepoConfig } from '../../schema/wire/repo-config.ts';
import type { StageDefinition, Workflow } from '../../schema/wire/workflow.ts';
import type { Actor, Issue } from '../domain/events.ts';
import type { Effect } from '../domain/effects.ts';
import type { ReviewLimits } from '../domain/findings.ts';
import {
  latestAttempt,
  type Run,
  type RunContext,
  type RunRole,
  type Target,
  type Task,
} from '../domain/runs.ts';
import type { Launch, NewTask, Snapshot, Write } from '../domain/snapshot.ts';
import { workOf } from '../domain/work.ts';
import { allowedOverrides } from './agent-overrides.ts';
import { repoDayCap } from './budget.ts';
import { environmentAsked } from './deploy-ask.ts';
import { givenProblem, givenTo } from './given.ts';
import { lookFacts, lookRef } from './look.ts';
import { statusOf } from './status-effects.ts';
import { makeTask, usableAgent } from './tasks.ts';

export interface StartRequest {
  command: string;
  args: string;
  requester: Actor;
  target: Target;
  noteId: number | null;
  discussionId: string | null;
  /** The epic's run it is made for. */
  parentRunId?: number;
}

export type Started =
  | { ok: true; writes: Write[]; effects: Effect[]; reasons: string[] }
  | { ok: false; problem: string; next: string };

/** Everything to start a run, or the one thing that is missing and how to mend it. */
export function startRun(request: StartRequest, snapshot: Snapshot): Started {
  const work = workOf(request.command, request.args, request.target.type);
  if (!work) throw new Error(`no work is defined for command ${request.command}`);
  const ready = prerequisites(work, request.target, snapshot);
  if ('problem' in ready) return { ok: false, ...ready };
  const { subject, workflow, first } = ready;
  const change = request.target.type === 'change' ? snapshot.targetChange : null;
  const { settings, repoConfig } = snapshot;
  const { agents } = allowedOverrides(repoConfig.config, settings, snapshot.agents);
  const environment = environmentAsked(request.command, request.args);
  const context = {
    ...freezeContext(subject, workflow, snapshot),
    ...(environment === null ? {} : { environment }),
    ...(Object.keys(agents).length === 0 ? {} : { agents }),
  };
  const launch = firstLaunch(request, work.hint, first, context, ready.headSha, snapshot);
  if (launch !== null && 'problem' in launch) return { ok: false, ...launch };
  return {
    ok: true,
    reasons: [
      `${request.command} asked by ${request.requester.username} (id ${request.requester.id}, ` +
        `access ${snapshot.actorAccess})`,
      `workflow ${workflow.name} version ${workflow.version}, stage ${first.id}`,
    ],
    effects: startEffects(request, work.role, launch),
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
          capMicrousd: runCap(snapshot),
          statusNoteId: snapshot.lastRun?.statusNoteId ?? null,
          // Work that is started again on a child's issue is still the epic's.
          parentRunId: request.parentRunId ?? snapshot.lastRun?.parentRunId ?? null,
          change: change === null ? null : lookRef(change),
          launch,
        },
      },
      ...(launch === null ? [{ op: 'wake', runId: 'new' } as const] : []),
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
  const { ref, spec, workSha } = last;
  const sha = ref === run.context.defaultBranch ? (snapshot.headSha ?? last.sha) : last.sha;
  return {
    reasons: [`attempt ${last.fence + 1} of ${run.context.attemptsPerTask}: ${reason}`],
    writes: [{ op: 'new_attempt', runId: run.id, taskId: task.id, spec, ref, sha, workSha }],
    effects: [{ kind: 'create_pipeline', run: run.id, launch: 'new', ref }, ...statusOf(run)],
  };
}

/** What the first stage starts with; null where it starts no agent. */
function firstLaunch(
  request: StartRequest,
  hint: string,
  first: StageDefinition,
  context: RunContext,
  headSha: string,
  snapshot: Snapshot,
): Launch | { problem: string; next: string } | null {
  const wanted = first.kind === 'task' ? [first] : first.kind === 'verify' ? first.tasks : [];
  if (wanted.length === 0) return null;
  const { title, text } = context;
  const change = request.target.type === 'change' ? snapshot.targetChange : null;
  const more = change === null ? {} : lookFacts(change);
  const facts = { iid: request.target.iid, title, text, request: hint, ...more };
  const { iid } = request.target;
  const types = wanted.map(({ task }) => task);
  const lacks = change === null ? givenProblem(types, iid, snapshot) : null;
  if (lacks !== null) return lacks;
  const tasks: NewTask[] = [];
  for (const { task, agent } of wanted) {
    const found = usableAgent(agent, snapshot, { overrides: {}, context });
    if ('problem' in found) return found;
    const all = { ...facts, ...givenTo(task, iid, snapshot) };
    tasks.push(makeTask(task, found, context, all, snapshot));
  }
  const workSha = change?.headSha ?? null;
  return { ref: snapshot.project.defaultBranch, sha: headSha, workSha, tasks };
}

function startEffects(request: StartRequest, role: RunRole, launch: Launch | null): Effect[] {
  const { target, noteId } = request;
  const effects: Effect[] =
    launch === null
      ? []
      : [{ kind: 'create_pipeline', run: 'new', launch: 'new', ref: launch.ref }];
  if (role === 'main') effects.unshift({ kind: 'status_comment', run: 'new', urgent: true });
  if (noteId !== null) effects.unshift({ kind: 'react', target, noteId, emoji: 'eyes' });
  return effects;
}

/** The issue or change that the work is about. */
type Subject = Pick<Issue, 'title' | 'description' | 'url'>;

export function subjectOf(target: Target, snapshot: Snapshot): Subject | null {
  return target.type === 'issue' ? snapshot.issue : snapshot.targetChange;
}

/** What a run cannot start without. */
function prerequisites(
  work: { workflow: string },
  target: Target,
  snapshot: Snapshot,
):
  | { subject: Subject; headSha: string; workflow: Workflow; first: StageDefinition }
  | { problem: string; next: string } {
  const { headSha } = snapshot;
  const subject = subjectOf(target, snapshot);
  if (!subject) {
    return {
      problem: `The ${target.type === 'issue' ? 'issue' : 'merge request'} could not be read.`,
      next: 'Check that it still exists and that the bot may read it, then ask again.',
    };
  }
  if (headSha === null) {
    return {
      problem: `The repository has no branch \`${snapshot.project.defaultBranch}\` yet.`,
      next: 'Push a first commit, then ask again.',
    };
  }
  const workflow = snapshot.workflows[work.workflow];
  const first = workflow?.stages[0];
  if (!workflow || !first) {
    return {
      problem: `The workflow \`${work.workflow}\` is not set up.`,
      next: `Add \`config/workflows/${work.workflow}.yaml\` to the bot and restart it.`,
    };
  }
  return { subject, headSha, workflow, first };
}

/** What a run may spend in all, in micro-dollars: the lower of what installation and repository say. */
function runCap(snapshot: Snapshot): number {
  const own = snapshot.repoConfig.config.budget.run_usd ?? Number.POSITIVE_INFINITY;
  return Math.floor(Math.min(snapshot.settings.limits.runUsd, own) * 1_000_000);
}

/** What the repository asks for beyond the installation; it cannot ask for less. */
function stricter(runner: RepoConfig['runner']): Partial<IsolationWish> {
  return {
    ...(runner.sandbox === 'required' ? { sandbox: 'required' } : {}),
    ...(runner.network === undefined ? {} : { network: runner.network }),
  };
}

/** How much looks raise: a repository can ask for less than the installation, never for more. */
function reviewLimits({
  settings,
  repoConfig,
}: Pick<Snapshot, 'settings' | 'repoConfig'>): ReviewLimits {
  const own = repoConfig.config.review;
  return {
    minConfidence: Math.max(settings.review.minConfidence, own.min_confidence ?? 0),
    maxFindings: Math.min(
      settings.review.maxFindings,
      own.max_findings ?? Number.POSITIVE_INFINITY,
    ),
  };
}

/** What a run is started with and keeps, from the settings, the repository's wishes and the subject. */
export function freezeContext(
  subject: Subject,
  workflow: Workflow,
  snapshot: Pick<Snapshot, 'settings' | 'repoConfig' | 'project' | 'spending'>,
): RunContext {
  const { settings, repoConfig } = snapshot;
  const own = repoConfig.config;
  const allowed = settings.security.scanners;
  const scanners = own.security.scanners.filter((name) => allowed.includes(name));
  const capUsd = Math.min(settings.limits.taskUsd, own.budget.task_usd ?? Number.POSITIVE_INFINITY);
  return {
    title: subject.title,
    text: subject.description,
    issueUrl: subject.url,
    defaultBranch: snapshot.project.defaultBranch,
    taskCapMicrousd: Math.floor(capUsd * 1_000_000),
    repoDayCapMicrousd: repoDayCap(snapshot),
    estimate: snapshot.spending.estimate,
    protectedPaths: [...settings.protectedPaths, ...own.protected_paths],
    tags: own.runner.tags ?? settings.ci.tags,
    image: own.runner.image ?? settings.ci.image,
    attemptsPerTask: settings.limits.attemptsPerTask,
    isolation: { ...settings.ci.isolation, ...stricter(own.runner) },
    whenMissing: {
      codex: own.runner.engine_missing ?? settings.engines.codex.whenMissing,
      claude: own.runner.engine_missing ?? settings.engines.claude.whenMissing,
    },
    autonomy: settings.autonomy === 'full' ? own.autonomy : 'guided',
    reports: own.verify.reports,
    ...(scanners.length > 0 ? { scanners } : {}),
    review: reviewLimits(snapshot),
    environment: own.deploy.environment ?? null,
    workflow,
  };
}
