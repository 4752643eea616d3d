/**
 * A run's change as the forge has it now, with what a gate needs: approvals, the people who worked on
 * it, and at which head each approval was seen.
 */
import { looksOf } from '../decide/findings.ts';
import { lookedAt } from '../decide/review.ts';
import {
  currentTasks,
  isOpen,
  latestAttempt,
  stageOf,
  type Attempt,
  type ChangeRole,
  type Run,
} from '../domain/runs.ts';
import type { PipelineInfo } from '../domain/events.ts';
import type { ChangeFacts } from '../domain/snapshot.ts';
import type { Approval } from '../domain/gates.ts';
import type { ReviewFacts } from '../domain/findings.ts';
import { ForgeError } from '../forge/errors.ts';
import { approvedHeads } from '../store/approvals.ts';
import { reportPipelines } from '../store/reports.ts';
import type { RepoRow } from '../store/repos.ts';
import type { WorkerDeps } from './deps.ts';
import { reviewFacts } from './review-facts.ts';

export function openAttempts(run: Run): Attempt[] {
  return run.tasks.flatMap((task) => latestAttempt(task) ?? []).filter(isOpen);
}

/**
 * The facts, read at once; a change that is gone counts as closed.
 * @throws ForgeError for any other failure: no decision is made on half of the facts.
 */
export async function changeFacts(
  run: Run,
  repo: RepoRow,
  role: ChangeRole,
  iid: number,
  deps: WorkerDeps,
): Promise<ChangeFacts> {
  const { read, ci } = deps.forge;
  const { projectId } = repo;
  const kind = stageOf(run)?.kind;
  const atGate = kind === 'gate';
  const branch = run.changes[role]?.branch;
  try {
    const [change, pipelines, head] = await Promise.all([
      read.change(projectId, iid),
      kind === 'verify' ? ci.changePipelines(projectId, iid) : [],
      branch === undefined ? null : read.branch(projectId, branch),
    ]);
    const sha = lookedAt(run) ?? change.headSha;
    const ofReports = atGate ? new Set() : await reportPipelines(deps.db, repo.id, iid);
    const own = pipelines.filter(({ id }) => !ofReports.has(id));
    const pipeline = own.find((candidate) => candidate.sha === sha) ?? null;
    const [red, ended, review] = await Promise.all([
      pipeline?.status === 'failed' ? ci.jobs(projectId, pipeline.id) : [],
      pipelineEnd(run, repo, pipeline, deps),
      role === 'code' && kind === 'verify' && areDone(run) ? reviewed(run, repo, iid, deps) : null,
    ]);
    return {
      state: change.state,
      headSha: change.headSha,
      mergedSha: change.mergedSha,
      branchGone: branch !== undefined && change.state === 'opened' && head === null,
      pipeline,
      ...ended,
      review,
      failedJobs: red.filter((job) => job.status === 'failed').map((job) => job.name),
      gate:
        atGate && change.state === 'opened'
          ? await gateFacts(run, repo, iid, change.headSha, deps)
          : null,
    };
  } catch (error) {
    if (!(error instanceof ForgeError) || error.kind !== 'not_found') throw error;
    const headSha = run.changes[role]?.headSha ?? '';
    return {
      state: 'closed',
      headSha,
      mergedSha: null,
      branchGone: false,
      pipeline: null,
      pipelineEndedAt: null,
      tests: null,
      review: null,
      failedJobs: [],
      gate: null,
    };
  }
}

/** True once every agent of the stage has brought its result. */
function areDone(run: Run): boolean {
  return currentTasks(run).every((task) => latestAttempt(task)?.state === 'finished');
}

/** What the findings on the change are judged by; null where no agent looked at it. */
async function reviewed(
  run: Run,
  repo: RepoRow,
  iid: number,
  deps: WorkerDeps,
): Promise<ReviewFacts | null> {
  const looks = looksOf(run);
  if (looks.length === 0) return null;
  const raisedIn = looks.flatMap(({ findings }) => findings.map(({ path }) => path));
  const head = run.changes.code?.headSha ?? '';
  return reviewFacts({ iid, head, known: run.findings, raisedIn }, repo, deps);
}

/** When the change's own pipeline ended, and its figures once the agents are done with the change. */
async function pipelineEnd(
  run: Run,
  repo: RepoRow,
  pipeline: PipelineInfo | null,
  deps: WorkerDeps,
): Promise<Pick<ChangeFacts, 'pipelineEndedAt' | 'tests'>> {
  const { checks } = deps.forge;
  const ended = pipeline?.status === 'failed' || (areDone(run) && pipeline?.status === 'success');
  if (!pipeline || !ended) return { pipelineEndedAt: null, tests: null };
  const { endedAt, ...tests } = await checks.testFacts(repo.projectId, pipeline.id);
  const coverageBefore =
    tests.coverage === null ? null : await checks.coverageOf(repo.projectId, repo.defaultBranch);
  return { pipelineEndedAt: endedAt, tests: { ...tests, coverageBefore } };
}

async function gateFacts(
  run: Run,
  repo: RepoRow,
  iid: number,
  headSha: string,
  deps: WorkerDeps,
): Promise<NonNullable<ChangeFacts['gate']>> {
  const { gate, read } = deps.forge;
  const { projectId } = repo;
  const [bot, approvals, contributors, headAt, mergeStatus, seen] = await Promise.all([
    deps.bot(),
    gate.approvals(projectId, iid),
    gate.contributors(projectId, iid),
    gate.headAt(projectId, iid),
    gate.mergeStatus(projectId, iid),
    approvedHeads(deps.db, repo.id, iid),
  ]);
  const judged = await Promise.all(
    approvals.given.map(async ({ user, at }): Promise<Approval> => ({
      user,
      at,
      level: await read.accessLevel(projectId, user.id),
      seenAtSha: seen.get(user.id) ?? null,
    })),
  );
  return {
    mergeStatus,
    facts: {
      headSha,
      headAt,
      approvals: judged,
      // The bot wrote the change; it is refused by its own rule.
      contributors: contributors.filter((id) => id !== bot.id),
      requesterId: run.requester.id,
      botId: bot.id,
      approvalsLeft: approvals.left,
    },
  };
}
