/** Effects at a gate: its commit status, approvals that no longer hold, and the merge itself. */
import type { Receipt } from '../../domain/effects.ts';
import { ForgeError } from '../../forge/errors.ts';
import { loadRun } from '../load-run.ts';
import type { EffectContext } from './context.ts';

const STATUS_NAME = 'autodev/gate';
const DESCRIPTION_CHARS = 250;
/** Merge states that pass by themselves: ask again later. */
const PASSING = new Set([
  'checking',
  'unchecked',
  'preparing',
  'approvals_syncing',
  'ci_still_running',
  'mergeable',
]);

/** Sets the gate's status on the head, attached to the change's own pipeline where there is one. */
export async function setGate(context: EffectContext<'set_gate'>): Promise<Receipt> {
  const { effect, repo, deps } = context;
  const { branch, iid } = await changeOf(context, effect.run, effect.change);
  const pipelines = await deps.forge.ci.changePipelines(repo.projectId, iid);
  const pipeline = pipelines.find((candidate) => candidate.sha === effect.sha);
  await context.begin();
  // Without a pipeline of its own a status would make an external one that looks like the project's CI.
  if (pipeline) {
    await deps.forge.gate.setStatus(repo.projectId, effect.sha, {
      name: STATUS_NAME,
      state: effect.state,
      description: effect.text.slice(0, DESCRIPTION_CHARS),
      ref: branch,
      pipelineId: pipeline.id,
    });
  }
  return { kind: 'set_gate' };
}

/** Takes approvals back after a push; where the token may not, the bot does not count them anyway. */
export async function resetApprovals(context: EffectContext<'reset_approvals'>): Promise<Receipt> {
  const { effect, repo, deps } = context;
  const { iid } = await changeOf(context, effect.run, effect.change);
  await context.begin();
  try {
    await deps.forge.gate.resetApprovals(repo.projectId, iid);
  } catch (error) {
    if (!(error instanceof ForgeError) || error.kind !== 'denied') throw error;
  }
  return { kind: 'reset_approvals' };
}

/** Merges exactly the head that was approved; after a lost answer it first looks what became of it. */
export async function mergeChange(context: EffectContext<'merge_change'>): Promise<Receipt> {
  const { effect, repo, deps } = context;
  const { iid } = await changeOf(context, effect.run, effect.change);
  const change = await deps.forge.read.change(repo.projectId, iid);
  if (change.state === 'merged') {
    return { kind: 'merge_change', outcome: 'merged', sha: change.headSha };
  }
  if (change.state !== 'opened' || change.headSha !== effect.sha) {
    return { kind: 'merge_change', outcome: 'not_merged', why: 'the head moved or it was closed' };
  }
  await context.begin();
  try {
    const { sha } = await deps.forge.gate.merge(repo.projectId, iid, effect.sha);
    return { kind: 'merge_change', outcome: 'merged', sha };
  } catch (error) {
    if (!(error instanceof ForgeError) || error.kind !== 'conflict') throw error;
    const status = await deps.forge.gate.mergeStatus(repo.projectId, iid);
    if (PASSING.has(status)) throw new ForgeError('unavailable', `not mergeable yet: ${status}`);
    return { kind: 'merge_change', outcome: 'not_merged', why: status };
  }
}

async function changeOf(
  context: Pick<EffectContext, 'deps'>,
  runId: number,
  role: 'spec' | 'code',
): Promise<{ branch: string; iid: number }> {
  const loaded = await loadRun(context.deps.db, runId);
  const change = loaded?.run.changes[role];
  if (!change || change.iid === null) throw new ForgeError('invalid', 'the change is gone');
  return { branch: change.branch, iid: change.iid };
}
