/** What the simulation shows of a change, as bot/worker/change-facts reads it from a forge. */
import type { TestFacts } from '../../bot/domain/checks.ts';
import type { GateFacts } from '../../bot/domain/gates.ts';
import { roleAt, stageOf, type Run, type Task } from '../../bot/domain/runs.ts';
import type { ChangeFacts } from '../../bot/domain/snapshot.ts';
import type { JobResult } from '../../schema/wire/result.ts';
import { bot, rewritten } from '../unit/decide/builders.ts';
import type { Deploys } from './simulated-deploys.ts';
import type { SimChange, World } from './simulated-store.ts';

export interface Script {
  /** What an agent brings for its task. */
  agent: (task: Task, run: Run) => Partial<JobResult>;
  /** The pipeline of a change at a head: a status, or null when there is none yet. */
  checks: (sha: string) => string | null;
  /** Access levels by user id. */
  level: (userId: number) => number;
  /** What installation and repository both say. */
  autonomy: 'guided' | 'full';
  /** Percent of the code that the change's own pipeline says is covered. */
  coverage: number | null;
  /** True where the forge says when an approval was given. */
  tellsTimes: boolean;
  /** True where the bot may take approvals back after a push. */
  resets: boolean;
  /** How deploy jobs end; null where there is none. */
  deploys: Deploys;
}

/** The change the run is about in its stage; null when there is none. */
export function changeFacts(run: Run, world: World, script: Script): ChangeFacts | null {
  const role = roleAt(run);
  const ref = role === null ? null : run.changes[role];
  const change = ref?.iid == null ? undefined : world.changes.get(ref.iid);
  if (!ref || !change) return null;
  const head = world.branches.get(change.branch);
  const sha = head?.sha ?? ref.headSha;
  const kind = stageOf(run)?.kind;
  const status = kind === 'verify' ? (world.checks.get(sha) ?? script.checks(sha)) : null;
  return {
    state: change.state,
    headSha: sha,
    mergedSha: change.state === 'merged' ? sha : null,
    branchGone: change.state === 'opened' && head === undefined,
    pipeline: status === null ? null : pipelineInfo(1, status, sha, change.iid),
    pipelineEndedAt: null,
    tests: kind === 'verify' ? testFacts(script) : null,
    review: kind === 'verify' ? rewritten(run) : null,
    failedJobs: status === 'failed' ? ['test'] : [],
    gate:
      kind === 'gate' && change.state === 'opened'
        ? { mergeStatus: change.mergeStatus, facts: gateFacts(run, change, world, script) }
        : null,
  };
}

function testFacts({ coverage }: Script): TestFacts {
  return { passed: 9, failed: 0, skipped: 0, coverage, coverageBefore: null };
}

function gateFacts(run: Run, change: SimChange, world: World, script: Script): GateFacts {
  const head = world.branches.get(change.branch);
  return {
    headSha: head?.sha ?? '',
    headAt: head?.at ?? null,
    approvals: [...change.approvals].map(([id, at]) => {
      const seen = world.seen.get(`${change.iid}/${id}`);
      return {
        user: { id, username: `user${id}` },
        level: script.level(id),
        seenAtSha: seen?.given === true ? seen.sha : null,
        at: script.tellsTimes ? at : null,
      };
    }),
    contributors: [...change.contributors],
    requesterId: run.requester.id,
    botId: bot.id,
    approvalsLeft: 0,
  };
}

export function pipelineInfo(
  id: number,
  status: string,
  sha: string,
  changeIid: number,
): NonNullable<ChangeFacts['pipeline']> {
  return {
    id,
    status,
    ref: '',
    sha,
    source: 'merge_request_event',
    parentPipelineId: null,
    changeIid,
    url: '',
  };
}
