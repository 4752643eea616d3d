/**
 * Effects on pipelines. The pipeline API has no idempotency key and pipelines of the bot carry nothing
 * of their task, so after a lost answer any one that the bot started meanwhile and no launch has taken is as
 * good as the one that was lost (threat R14). A launch takes a pipeline before it does anything else with
 * it: of several that look for theirs at the same time, each takes another, and none is created twice.
 */
import type { Effect, Receipt } from '../../domain/effects.ts';
import type { PipelineInfo } from '../../domain/events.ts';
import { ForgeError } from '../../forge/errors.ts';
import { ring } from '../../queue/ring.ts';
import { attemptsOfLaunch } from '../../store/attempts.ts';
import { putEffect } from '../../store/effects.ts';
import { pipelineOf, takenPipelines, takePipeline, takeSurplus } from '../../store/launches.ts';
import { newEffect } from '../new-effect.ts';
import type { EffectContext } from './context.ts';

/** Clock difference to the forge that is allowed for when looking for a lost pipeline. */
const SKEW_MS = 2 * 60_000;
const LIVE = new Set(['created', 'waiting_for_resource', 'preparing', 'pending', 'running']);

/** Starts the pipeline of an attempt, or finds the one an earlier try started. */
export async function createPipeline(context: EffectContext<'create_pipeline'>): Promise<Receipt> {
  const { effect, repo, deps } = context;
  if (effect.launch === 'new' || effect.run === 'new') {
    throw new Error('a stored effect names its launch and its run');
  }
  const attempts = await attemptsOfLaunch(deps.db, effect.launch);
  const open = attempts.find(({ state }) => state === 'requested' || state === 'waiting');
  if (open === undefined) {
    throw new ForgeError('invalid', 'the attempt ended before its pipeline was created');
  }
  const own = await pipelineOf(deps.db, effect.launch);
  // Taken by an earlier try that came to no receipt.
  if (own !== null) return receipt(await deps.forge.ci.pipeline(repo.projectId, own), true);
  const lost = context.again ? await takeLost(context, effect.launch) : null;
  if (lost) return receipt(lost, true);
  await context.begin();
  const created = await deps.forge.ci.createPipeline(repo.projectId, effect.ref);
  if (await takePipeline(deps.db, effect.launch, created.id)) return receipt(created, false);
  const first = await pipelineOf(deps.db, effect.launch);
  // Another launch took it for the one it had lost. Its own may be there for us then.
  if (first === null) {
    throw new ForgeError('ambiguous', `another launch has taken pipeline ${created.id}`);
  }
  // An earlier try stood still right before its request and got through after this one had looked for it: GitLab
  // knows no fences (threat R2). That one counts.
  const { run, launch } = effect;
  const cancel = {
    kind: 'cancel_pipeline',
    run,
    attempt: open.id,
    pipelineId: created.id,
  } as const;
  await cancelSurplus(context, launch, cancel);
  return receipt(await deps.forge.ci.pipeline(repo.projectId, first), true);
}

/** Takes a pipeline that is one too many for its launch, and has it cancelled for as long as that takes. */
async function cancelSurplus(
  { repo, deps }: EffectContext<'create_pipeline'>,
  launchId: number,
  cancel: Extract<Effect, { kind: 'cancel_pipeline' }>,
): Promise<void> {
  const put = await deps.db.tx(async (tx) => {
    if (!(await takeSurplus(tx, launchId, cancel.pipelineId))) return null;
    return putEffect(tx, newEffect(cancel, repo.id, { runId: cancel.run, launchId }));
  });
  if (put !== null) ring(deps, { name: 'effect', id: put.id });
}

/** Cancels the pipeline of an attempt; one that is gone or over counts as done. */
export async function cancelPipeline(context: EffectContext<'cancel_pipeline'>): Promise<Receipt> {
  const { effect, repo, deps } = context;
  await context.begin();
  try {
    // Cancelling a parent reaches its children only in some configurations (gitlab-facts §3.1).
    const children = await deps.forge.ci.children(repo.projectId, effect.pipelineId);
    for (const id of [effect.pipelineId, ...children.map((child) => child.id)]) {
      await deps.forge.ci.cancelPipeline(repo.projectId, id);
    }
  } catch (error) {
    if (!(error instanceof ForgeError) || error.kind !== 'not_found') throw error;
  }
  return { kind: 'cancel_pipeline' };
}

/**
 * Takes the oldest live pipeline that the bot started on this ref since the first try and no launch has. Those that
 * are over by now (its jobs found no task, because nobody knew of it) are taken out of the way, too.
 */
async function takeLost(
  context: EffectContext<'create_pipeline'>,
  launch: number,
): Promise<PipelineInfo | null> {
  const { effect, row, repo, deps } = context;
  const startedAt = row.startedAt ?? deps.now();
  const since = new Date(startedAt.getTime() - SKEW_MS);
  const own = await deps.forge.ci.pipelines(repo.projectId, {
    ref: effect.ref,
    source: 'api',
    username: (await deps.bot()).username,
    createdAfter: since.toISOString(),
  });
  const ids = own.map(({ id }) => id);
  const taken = await takenPipelines(deps.db, repo.id, ids);
  const free = own.filter(({ id }) => !taken.includes(id)).toReversed();
  for (const { id, status } of free) if (!LIVE.has(status)) await takeSurplus(deps.db, launch, id);
  for (const pipeline of free.filter(({ status }) => LIVE.has(status))) {
    if (await takePipeline(deps.db, launch, pipeline.id)) return pipeline;
  }
  return null;
}

function receipt(pipeline: PipelineInfo, adopted: boolean): Receipt {
  return {
    kind: 'create_pipeline',
    pipelineId: pipeline.id,
    url: pipeline.url,
    sha: pipeline.sha,
    adopted,
  };
}
