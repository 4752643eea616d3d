/**
 * Everything decide needs for one event, read at one moment. Webhooks are hints: rights, texts and
 * states are re-read by API (threats A10, E3), all at once so that they cost one round trip.
 */
import type { Workflow } from '../../schema/wire/workflow.ts';
import type { Effect, Receipt } from '../domain/effects.ts';
import type { Project } from '../domain/events.ts';
import type { TargetChange } from '../domain/looks.ts';
import { isActive } from '../domain/outcomes.ts';
import { latestAttempt, roleAt, type Run } from '../domain/runs.ts';
import { isLook, workOf } from '../domain/work.ts';
import { changeFacts, openAttempts } from './change-facts.ts';
import type { Snapshot } from '../domain/snapshot.ts';
import type { Interest } from '../decide/interest.ts';
import { withOpinions } from '../decide/opinions.ts';
import { effectById } from '../store/effects.ts';
import { findingsOf } from '../store/findings.ts';
import { repoById, repoByProject, upsertRepo, type RepoRow } from '../store/repos.ts';
import { listCoolDowns } from '../store/providers.ts';
import { countRunsBy } from '../store/run-queries.ts';
import { wishKnown } from '../store/wishes.ts';
import { claimedByOthers } from './claimed-files.ts';
import type { WorkerDeps } from './deps.ts';
import { takeForComment } from './comment-facts.ts';
import { deployFacts } from './deploy-facts.ts';
import { epicFacts } from './epic-facts.ts';
import { givenAhead, givenFacts } from './given-facts.ts';
import { runBy, runsOf } from './find-run.ts';
import { reviewFacts } from './review-facts.ts';
import { spendingOn } from './spending-facts.ts';
import { loadRun } from './load-run.ts';
import { base, orNull, wishKeys, type Taken } from './snapshot-base.ts';

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
    case 'comment':
      return takeForComment(interest, deps);
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
  // A look is taken at the change itself, also where it is the work of an issue's run.
  const direct = isLook(interest.command, target.type);
  const found = await runsOf(repo, target, interest.role, direct, deps);
  const wish = wishKeys(interest.wish, deps);
  // A command under a change speaks about the issue whose run opened it.
  const work = found.run?.target ?? found.lastRun?.target ?? target;
  const looks = work.type === 'change' && (direct || interest.command === 'retry');
  const { read } = deps.forge;
  const branch = project.defaultBranch;
  const head = orNull(read.branch(project.id, branch));
  const facts = await Promise.all([
    read.project(project.id),
    read.accessLevel(project.id, interest.actorId),
    work.type === 'issue' ? orNull(read.issue(project.id, work.iid)) : Promise.resolve(null),
    looks ? orNull(targetChange(repo, work.iid, deps)) : Promise.resolve(null),
    orNull(read.file(project.id, deps.repoConfigPath, branch)),
    head,
    wishKnown(deps.db, repo.id, wish),
    countRunsBy(deps.db, repo.id, interest.actorId, 1),
    claimedByOthers(found.run, deps.db),
    interest.command === 'dismiss' && target.type === 'change'
      ? findingsOf(deps.db, repo.id, target.iid)
      : [],
    spendingOn(interest, found.lastRun, repo.id, deps),
    givenFacts(workflowAsked(interest, found.lastRun, deps), 0, repo, head, deps),
  ]);
  const [
    fresh,
    level,
    issue,
    change,
    config,
    tip,
    handled,
    recent,
    claimed,
    findings,
    spending,
    given,
  ] = facts;
  const snapshot: Snapshot = {
    ...base(repo, deps),
    bot,
    project: { ...project, repoId: repo.id, archived: fresh.archived },
    repoConfig: deps.parseRepoConfig(config),
    actorAccess: level,
    issue,
    targetChange: change,
    targetFindings: findings,
    run: found.run,
    lastRun: found.lastRun,
    headSha: tip?.sha ?? null,
    handled,
    runsLastHour: recent,
    spending,
    claimed,
    given,
  };
  return { snapshot, scope: { repo, target: work, wish } };
}

/** The template that the wish would start; `retry` stands for what ran last. */
function workflowAsked(interest: Ask, lastRun: Run | null, deps: WorkerDeps): Workflow | undefined {
  const { command, args, target } = (interest.command === 'retry' ? lastRun : null) ?? interest;
  const work = workOf(command, args, target.type);
  return work === null ? undefined : deps.workflows[work.workflow];
}

type ByRun = Extract<Interest, { kind: 'run' }>;

async function takeForRun(interest: ByRun, deps: WorkerDeps): Promise<Taken> {
  const repo = await repoByProject(deps.db, 'gitlab', interest.project.id);
  if (!repo) return { ignore: 'no run in this project' };
  const run = await runBy(interest.by, repo, deps);
  if (!run || !isActive(run.state)) return { ignore: 'no active run follows from it' };
  const pipelineId = 'pipeline' in interest.by ? interest.by.pipeline : null;
  const [taken, issue] = await Promise.all([
    runSnapshot(run, repo, null, pipelineId, deps),
    // Whether an issue is still closed is asked for: it may have been opened again since.
    'target' in interest.by && interest.by.target.type === 'issue'
      ? orNull(deps.forge.read.issue(repo.projectId, interest.by.target.iid))
      : null,
  ]);
  return issue === null || 'ignore' in taken
    ? taken
    : { ...taken, snapshot: { ...taken.snapshot, issue } };
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
  const plain = base(repo, deps);
  const branch = orNull(read.branch(projectId, repo.defaultBranch));
  const [
    bot,
    project,
    requesterAccess,
    change,
    attemptPipeline,
    head,
    effect,
    family,
    claimed,
    deploy,
    coolDowns,
    given,
  ] = await Promise.all([
    deps.bot(),
    read.project(projectId),
    read.accessLevel(projectId, run.requester.id),
    role === null || ref?.iid == null ? null : changeFacts(run, repo, role, ref.iid, deps),
    attempt?.pipelineId == null ? null : orNull(ci.pipeline(projectId, attempt.pipelineId)),
    branch,
    effectId === null ? null : effectById(deps.db, effectId),
    epicFacts(run, repo, deps),
    claimedByOthers(run, deps.db),
    deployFacts(run, repo, branch, deps),
    meetsOutage(run) ? listCoolDowns(deps.db) : [],
    givenAhead(run, repo, branch, deps),
  ]);
  const snapshot: Snapshot = {
    ...plain,
    ...family,
    claimed,
    project: { ...plain.project, archived: project.archived },
    requesterAccess,
    bot,
    run,
    headSha: head?.sha ?? null,
    change,
    attemptPipeline,
    coolDowns,
    deploy,
    given,
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

/** An agent says that no model could be asked. */
function meetsOutage(run: Run): boolean {
  return run.tasks.some((task) => latestAttempt(task)?.result?.outcome === 'outage');
}

async function targetChange(repo: RepoRow, iid: number, deps: WorkerDeps): Promise<TargetChange> {
  const { read, checks } = deps.forge;
  const [change, files, known] = await Promise.all([
    read.change(repo.projectId, iid),
    checks.diffs(repo.projectId, iid),
    findingsOf(deps.db, repo.id, iid),
  ]);
  if (known.length === 0) return { ...change, files, findings: [] };
  const look = { iid, head: change.headSha, known, raisedIn: [] };
  const facts = await reviewFacts(look, repo, deps);
  return { ...change, files, findings: withOpinions(known, facts, change.headSha, deps.now()) };
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
