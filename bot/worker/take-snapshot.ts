/**
 * Everything decide needs for one event, read at one moment. Webhooks are hints: rights, texts and
 * states are re-read by API (threats A10, E3), all at once so that they cost one round trip.
 */
import { effectKey } from '../domain/effects.ts';
import type { Effect, Receipt } from '../domain/effects.ts';
import type { Project } from '../domain/events.ts';
import { isActive } from '../domain/outcomes.ts';
import type { Run, RunRole, Target } from '../domain/runs.ts';
import { changeFacts, openAttempts, roleAt } from './change-facts.ts';
import type { Snapshot } from '../domain/snapshot.ts';
import type { Interest } from '../decide/interest.ts';
import { ForgeError } from '../forge/errors.ts';
import { attemptsByPipeline } from '../store/attempts.ts';
import { anyEffect, effectById } from '../store/effects.ts';
import { repoById, repoByProject, upsertRepo, type RepoRow } from '../store/repos.ts';
import { activeRun, countRunsBy, latestRun, runByChange } from '../store/run-queries.ts';
import { runById } from '../store/runs.ts';
import type { WorkerDeps } from './deps.ts';
import { loadRun } from './load-run.ts';

export interface Scope {
  repo: RepoRow;
  /** What the decision is about; its lock serialises decisions. */
  target: Target;
}

export type Taken = { snapshot: Snapshot; scope: Scope } | { ignore: string };

/**
 * The snapshot for an event of that interest, or why it needs none.
 * @throws ForgeError when something that matters could not be read: the event is tried again later.
 */
export async function takeSnapshot(interest: Interest, deps: WorkerDeps): Promise<Taken> {
  switch (interest.kind) {
    case 'none':
      return { ignore: interest.reason };
    case 'ask':
      return takeForAsk(interest, deps);
    case 'run':
      return takeForRun(interest, deps);
    case 'own':
      return takeForOwn(interest, deps);
  }
}

type Ask = Extract<Interest, { kind: 'ask' }>;

async function takeForAsk(interest: Ask, deps: WorkerDeps): Promise<Taken> {
  const { project, target } = interest;
  const bot = await deps.bot();
  if (interest.actorId === bot.id) return { ignore: 'written by the bot itself' };
  const repo = await upsertRepo(deps.db, toRepo(project));
  const found = await runsOf(repo, target, interest.role, deps);
  // A command under a change speaks about the issue whose run opened it.
  const work = found.run?.target ?? found.lastRun?.target ?? target;
  const { read } = deps.forge;
  const branch = project.defaultBranch;
  const [fresh, level, issue, config, head, handled, recent] = await Promise.all([
    read.project(project.id),
    read.accessLevel(project.id, interest.actorId),
    work.type === 'issue' ? orNull(read.issue(project.id, work.iid)) : Promise.resolve(null),
    orNull(read.file(project.id, deps.repoConfigPath, branch)),
    orNull(read.branch(project.id, branch)),
    noteHandled(repo.id, target, interest.noteId, deps),
    countRunsBy(deps.db, repo.id, interest.actorId, 1),
  ]);
  const snapshot: Snapshot = {
    ...base(repo, deps),
    bot,
    project: { ...project, repoId: repo.id, archived: fresh.archived },
    repoConfig: deps.parseRepoConfig(config),
    actorAccess: level,
    issue,
    run: found.run,
    lastRun: found.lastRun,
    headSha: head?.sha ?? null,
    noteHandled: handled,
    runsLastHour: recent,
  };
  return { snapshot, scope: { repo, target: work } };
}

type ByRun = Extract<Interest, { kind: 'run' }>;

async function takeForRun(interest: ByRun, deps: WorkerDeps): Promise<Taken> {
  const repo = await repoByProject(deps.db, 'gitlab', interest.project.id);
  if (!repo) return { ignore: 'no run in this project' };
  const run = await runBy(interest.by, repo, deps);
  if (!run || !isActive(run.state)) return { ignore: 'no active run follows from it' };
  const pipelineId = 'pipeline' in interest.by ? interest.by.pipeline : null;
  return runSnapshot(run, repo, null, pipelineId, deps);
}

async function takeForOwn(
  interest: Extract<Interest, { kind: 'own' }>,
  deps: WorkerDeps,
): Promise<Taken> {
  const loaded = await loadRun(deps.db, interest.runId);
  if (!loaded) return { ignore: 'the run does not exist' };
  const repo = await repoById(deps.db, loaded.run.repoId);
  if (!repo) return { ignore: 'the project does not exist' };
  return runSnapshot(loaded.run, repo, interest.effectId, null, deps);
}

/** What is needed to move a run on: its change and pipelines as the forge has them now. */
async function runSnapshot(
  run: Run,
  repo: RepoRow,
  effectId: number | null,
  pipelineId: number | null,
  deps: WorkerDeps,
): Promise<Taken> {
  const { read, ci } = deps.forge;
  const projectId = repo.projectId;
  const role = roleAt(run);
  const ref = role === null ? null : run.changes[role];
  const attempt = openAttempts(run).find((candidate) => candidate.pipelineId === pipelineId);
  const [bot, change, attemptPipeline, head, effect] = await Promise.all([
    deps.bot(),
    role === null || ref?.iid == null ? null : changeFacts(run, repo, role, ref.iid, deps),
    attempt?.pipelineId == null ? null : orNull(ci.pipeline(projectId, attempt.pipelineId)),
    orNull(read.branch(projectId, repo.defaultBranch)),
    effectId === null ? null : effectById(deps.db, effectId),
  ]);
  const snapshot: Snapshot = {
    ...base(repo, deps),
    bot,
    run,
    headSha: head?.sha ?? null,
    change,
    attemptPipeline,
    effect:
      effect === null || effect.state === 'pending'
        ? null
        : {
            effect: effect.payload as Effect,
            state: effect.state,
            receipt: effect.receipt as Receipt | null,
            error: effect.error,
          },
  };
  return { snapshot, scope: { repo, target: run.target } };
}

/** The parts that are the same for every event, and neutral values for the rest. */
function base(repo: RepoRow, deps: WorkerDeps): Snapshot {
  return {
    now: deps.now(),
    bot: { id: 0, username: '' },
    project: {
      forge: repo.forge,
      id: repo.projectId,
      path: repo.path,
      defaultBranch: repo.defaultBranch,
      webUrl: repo.webUrl,
      repoId: repo.id,
      archived: false,
    },
    settings: deps.settings,
    agents: deps.agents,
    workflows: deps.workflows,
    providers: deps.providers,
    repoConfig: deps.parseRepoConfig(null),
    actorAccess: 0,
    issue: null,
    run: null,
    lastRun: null,
    headSha: null,
    noteHandled: false,
    runsLastHour: 0,
    change: null,
    attemptPipeline: null,
    effect: null,
  };
}

async function runsOf(
  repo: RepoRow,
  target: Target,
  role: RunRole,
  deps: WorkerDeps,
): Promise<{ run: Run | null; lastRun: Run | null }> {
  const { db } = deps;
  const ofChange = target.type === 'change' ? await runByChange(db, repo.id, target.iid) : null;
  const on: Target = ofChange ? { type: ofChange.targetType, iid: ofChange.targetIid } : target;
  const [active, last] = await Promise.all([
    activeRun(db, repo.id, on.type, on.iid, role),
    latestRun(db, repo.id, on.type, on.iid, role),
  ]);
  const [run, lastRun] = await Promise.all(
    [active, last].map((row) => (row === null ? null : loadRun(db, row.id))),
  );
  return { run: run?.run ?? null, lastRun: lastRun?.run ?? null };
}

async function runBy(by: ByRun['by'], repo: RepoRow, deps: WorkerDeps): Promise<Run | null> {
  const { db } = deps;
  if ('target' in by) {
    const row = await activeRun(db, repo.id, by.target.type, by.target.iid);
    return row ? ((await loadRun(db, row.id))?.run ?? null) : null;
  }
  if ('change' in by) {
    const row = await runByChange(db, repo.id, by.change);
    return row ? ((await loadRun(db, row.id))?.run ?? null) : null;
  }
  const [attempt] = await attemptsByPipeline(db, repo.id, by.pipeline);
  const row = attempt ? await runById(db, attempt.runId) : null;
  return row ? ((await loadRun(db, row.id))?.run ?? null) : null;
}

async function noteHandled(
  repoId: number,
  target: Target,
  noteId: number | null,
  deps: WorkerDeps,
): Promise<boolean> {
  if (noteId === null) return false;
  const none = { runId: null, launchId: null };
  const keys = (['eyes', 'white_check_mark', 'x'] as const).map((emoji) =>
    effectKey({ kind: 'react', target, noteId, emoji }, repoId, none),
  );
  return anyEffect(deps.db, keys);
}

function toRepo(project: Project): Parameters<typeof upsertRepo>[1] {
  return {
    forge: project.forge,
    projectId: project.id,
    path: project.path,
    defaultBranch: project.defaultBranch,
    webUrl: project.webUrl,
  };
}

/** A thing that does not exist is null; every other failure is thrown. */
async function orNull<T>(read: Promise<T>): Promise<T | null> {
  try {
    return await read;
  } catch (error) {
    if (error instanceof ForgeError && error.kind === 'not_found') return null;
    throw error;
  }
}
