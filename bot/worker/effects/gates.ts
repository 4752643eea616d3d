/** Effects at a gate: its commit status, approvals that no longer hold, and the merge itself. */
import { autonomyAt } from '../../decide/autonomy.ts';
import type { Receipt } from '../../domain/effects.ts';
import { judgeGate } from '../../domain/gates.ts';
import { isActive } from '../../domain/outcomes.ts';
import { ForgeError } from '../../forge/errors.ts';
import { roleAt, stageOf } from '../../domain/runs.ts';
import { changeFacts } from '../change-facts.ts';
import { loadRun } from '../load-run.ts';
import type { EffectContext } from './context.ts';

export const STATUS_NAME = 'autodev/gate';
export const DESCRIPTION_CHARS = 250;
/** Merge states that pass by themselves: ask again later. */
const PASSING = new Set([
  'checking',
  'unchecked',
  'preparing',
  'approvals_syncing',
  'ci_still_running',
  'mergeable',
]);

/**
 * Sets the gate's status on the head, attached to the change's own pipeline where there is one. Only
 * where the project merges nothing without a green pipeline: elsewhere a status would hold nobody back.
 */
export async function setGate(context: EffectContext<'set_gate'>): Promise<Receipt> {
  const { effect, repo, deps } = context;
  const { branch, iid } = await changeOf(context, effect.run, effect.change);
  const [project, pipelines] = await Promise.all([
    deps.forge.read.project(repo.projectId),
    deps.forge.ci.changePipelines(repo.projectId, iid),
  ]);
  if (!project.pipelinesMustSucceed) return { kind: 'set_gate' };
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

/**
 * Takes approvals back after a push; where the token may not, the bot does not count them anyway. When
 * all there are came after the push, nothing is taken back: they are for what was pushed.
 */
export async function resetApprovals(context: EffectContext<'reset_approvals'>): Promise<Receipt> {
  const { effect, repo, deps } = context;
  const { iid } = await changeOf(context, effect.run, effect.change);
  const { gate } = deps.forge;
  const [{ given }, headAt] = await Promise.all([
    gate.approvals(repo.projectId, iid),
    gate.headAt(repo.projectId, iid),
  ]);
  const old = given.some(({ at }) => at === null || headAt === null || at <= headAt);
  if (!old) return { kind: 'reset_approvals' };
  await context.begin();
  try {
    await gate.resetApprovals(repo.projectId, iid);
  } catch (error) {
    if (!(error instanceof ForgeError) || error.kind !== 'denied') throw error;
  }
  return { kind: 'reset_approvals' };
}

/**
 * Merges exactly the head that was approved. Everything the decision rested on is re-read right before:
 * the run still stands at this gate, the head is the same, and the approvals still hold (threat A10).
 */
export async function mergeChange(context: EffectContext<'merge_change'>): Promise<Receipt> {
  const { effect, repo, deps } = context;
  const notMerged = (why: string): Receipt => ({
    kind: 'merge_change',
    outcome: 'not_merged',
    why,
  });
  const loaded = await loadRun(deps.db, effect.run);
  const ref = loaded?.run.changes[effect.change];
  if (!loaded || !ref || ref.iid === null) throw new ForgeError('invalid', 'the change is gone');
  const { run } = loaded;
  const { iid } = ref;
  const stands = stageOf(run)?.kind === 'gate' && roleAt(run) === effect.change;
  if (!isActive(run.state) || !stands) {
    return notMerged('the run has gone on or ended');
  }
  const facts = await changeFacts(run, repo, effect.change, iid, deps);
  if (facts.state === 'merged') {
    return { kind: 'merge_change', outcome: 'merged', sha: facts.headSha };
  }
  if (facts.state !== 'opened' || facts.headSha !== effect.sha) {
    return notMerged('the head moved or it was closed');
  }
  const open = facts.gate !== null && judgeGate(facts.gate.facts).open;
  if (!open && autonomyAt(run, effect.change, facts, deps).kind !== 'opens') {
    return notMerged('it is not approved now');
  }
  await context.begin();
  try {
    const { sha } = await deps.forge.gate.merge(repo.projectId, iid, effect.sha);
    return { kind: 'merge_change', outcome: 'merged', sha };
  } catch (error) {
    if (!(error instanceof ForgeError) || error.kind !== 'conflict') throw error;
    const status = await deps.forge.gate.mergeStatus(repo.projectId, iid);
    if (PASSING.has(status)) throw new ForgeError('unavailable', `not mergeable yet: ${status}`);
    return notMerged(status);
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
