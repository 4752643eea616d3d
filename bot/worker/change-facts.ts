/**
 * A run's change as the forge has it now, with what a gate needs: approvals, the people who worked on
 * it, and at which head each approval was seen.
 */
import {
  isOpen,
  latestAttempt,
  stageOf,
  type Attempt,
  type ChangeRole,
  type Run,
} from '../domain/runs.ts';
import type { ChangeFacts } from '../domain/snapshot.ts';
import type { Approval } from '../domain/gates.ts';
import { ForgeError } from '../forge/errors.ts';
import { approvedHeads } from '../store/approvals.ts';
import type { RepoRow } from '../store/repos.ts';
import type { WorkerDeps } from './deps.ts';

/** Which of its changes a run is about in its stage; null while it works on none. */
export function roleAt(run: Run): ChangeRole | null {
  const stage = stageOf(run);
  if (stage?.kind === 'gate') return stage.gate === 'spec' ? 'spec' : 'code';
  return stage?.kind === 'verify' ? 'code' : null;
}

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
  const atGate = stageOf(run)?.kind === 'gate';
  try {
    const [change, pipelines] = await Promise.all([
      read.change(projectId, iid),
      atGate ? [] : ci.changePipelines(projectId, iid),
    ]);
    const pipeline = pipelines.find((candidate) => candidate.sha === change.headSha) ?? null;
    const red = pipeline?.status === 'failed' ? await ci.jobs(projectId, pipeline.id) : [];
    return {
      state: change.state,
      headSha: change.headSha,
      mergedSha: change.mergedSha,
      pipeline,
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
      pipeline: null,
      failedJobs: [],
      gate: null,
    };
  }
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
