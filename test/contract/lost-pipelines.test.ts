/** Pipelines whose answers were lost: each launch finds one, no two the same, and none is created again. */
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { pino } from 'pino';
import type { PipelineInfo } from '../../bot/domain/events.ts';
import { attemptById } from '../../bot/store/attempts.ts';
import { claimEffect, effectById, putEffect } from '../../bot/store/effects.ts';
import { pipelineOf, takePipeline } from '../../bot/store/launches.ts';
import type { Store } from '../../bot/store/store.ts';
import { applyEffect } from '../../bot/worker/apply-effects.ts';
import type { WorkerDeps } from '../../bot/worker/deps.ts';
import type { EffectContext } from '../../bot/worker/effects/context.ts';
import { createPipeline } from '../../bot/worker/effects/pipelines.ts';
import { newStore } from '../support/prepared-data.ts';
import { newWork, nextAttempt, type Work } from '../support/store-rows.ts';

let store: Store;
let close: () => Promise<void>;
beforeAll(async () => {
  ({ store, close } = await newStore());
});
afterAll(() => close());

const SHA = 'c'.repeat(40);
const pipeline = (id: number, status = 'running'): PipelineInfo & { createdAt: string } =>
  ({
    ...{ id, url: `http://p/${id}`, sha: SHA, ref: 'main', status, source: 'api' },
    createdAt: new Date().toISOString(),
  }) as PipelineInfo & { createdAt: string };

/**
 * A forge with these pipelines of the bot, the newest first, in that status; a further one is created as
 * number 900, after what happens meanwhile.
 */
function forgeWith(
  ids: number[],
  meanwhile: () => Promise<unknown> = async () => null,
  status = 'running',
): { deps: WorkerDeps; created: number[]; cancelled: number[] } {
  const created: number[] = [];
  const cancelled: number[] = [];
  const ci = {
    pipelines: async () => ids.map((id) => pipeline(id, status)),
    children: async () => [],
    pipeline: async (_: number, id: number) => pipeline(id),
    createPipeline: async () => {
      await meanwhile();
      created.push(900);
      return pipeline(900);
    },
    cancelPipeline: async (_: number, id: number) => void cancelled.push(id),
  };
  const bot = async (): Promise<unknown> => ({ id: 1, username: 'autodev' });
  const deps = {
    ...{ db: store, forge: { ci }, bot, now: () => new Date(), failpoint: async () => undefined },
    ...{ settings: { limits: { runnerWaitMinutes: 10 } }, queue: { add: async () => undefined } },
    log: pino({ level: 'silent' }),
  };
  return { deps: deps as unknown as WorkerDeps, created, cancelled };
}

function context(
  work: Work,
  launch: number,
  { deps, again }: { deps: WorkerDeps; again: boolean },
): EffectContext<'create_pipeline'> {
  const effect = { kind: 'create_pipeline', launch, run: work.run.id, ref: 'main' } as const;
  const row = { startedAt: new Date() } as EffectContext['row'];
  return { effect, row, repo: work.repo, again, deps, begin: async () => undefined };
}

/** Several launches of one project on one ref. */
async function launches(count: number): Promise<{ work: Work; ids: number[] }> {
  const work = await newWork(store);
  const ids = [work.attempt.launchId];
  while (ids.length < count) ids.push((await nextAttempt(store, work)).launchId);
  return { work, ids };
}

/** Effects that cancel a pipeline of the work's run. */
function cancels({ run }: Work): Promise<{ id: number; pipeline: number }[]> {
  return store.query(
    `select id, (payload->>'pipelineId')::int as pipeline from effects
     where kind = 'cancel_pipeline' and run_id = $1 and state = 'pending'`,
    [run.id],
  );
}

test('launches that look at the same time take one each', async () => {
  const { work, ids } = await launches(3);
  const { deps, created } = forgeWith([33, 32, 31]);
  const receipts = await Promise.all(
    ids.map((id) => createPipeline(context(work, id, { deps, again: true }))),
  );
  const found = receipts.map((receipt) => ('pipelineId' in receipt ? receipt.pipelineId : 0));
  expect(found.toSorted()).toEqual([31, 32, 33]);
  expect(receipts.every((receipt) => 'adopted' in receipt && receipt.adopted)).toBe(true);
  expect(created).toEqual([]);
});

test('one that was over before anybody heard of it is nobody’s, and is not taken for a lost one again', async () => {
  const { work, ids } = await launches(2);
  const [launch = 0, other = 0] = ids;
  const { deps, created } = forgeWith([42], async () => null, 'failed');
  const receipt = await createPipeline(context(work, launch, { deps, again: true }));
  expect(receipt).toMatchObject({ pipelineId: 900, adopted: false });
  expect(created).toEqual([900]);
  expect(await takePipeline(store, other, 42)).toBe(false);
});

test('a pipeline taken before a crash is the one of its launch afterwards', async () => {
  const { work, ids } = await launches(1);
  const [launch = 0] = ids;
  await takePipeline(store, launch, 55);
  const { deps, created } = forgeWith([57, 56]);
  const receipt = await createPipeline(context(work, launch, { deps, again: true }));
  expect(receipt).toMatchObject({ pipelineId: 55, adopted: true });
  expect(created).toEqual([]);
});

test('one that another launch took for its own is looked for again', async () => {
  const { work, ids } = await launches(2);
  const [first = 0, second = 0] = ids;
  const { deps } = forgeWith([]);
  await takePipeline(store, first, 900);
  await expect(createPipeline(context(work, second, { deps, again: false }))).rejects.toMatchObject(
    {
      kind: 'ambiguous',
    },
  );
  expect(await pipelineOf(store, second)).toBeNull();
});

test('the first pipeline of a launch counts, and a second one is cancelled', async () => {
  const { work, ids } = await launches(2);
  const [launch = 0, other = 0] = ids;
  // The request of an earlier try arrives after this one has looked for it.
  const { deps, cancelled } = forgeWith([], () => takePipeline(store, launch, 55));
  const receipt = await createPipeline(context(work, launch, { deps, again: true }));
  expect(receipt).toMatchObject({ pipelineId: 55, adopted: true });
  // It is cancelled however often that fails at first.
  const left = await cancels(work);
  expect(left).toEqual([{ id: expect.any(Number), pipeline: 900 }]);
  await applyEffect(left[0]?.id ?? 0, deps);
  expect(cancelled).toEqual([900]);
  // Nobody takes it for one that was lost.
  expect(await takePipeline(store, other, 900)).toBe(false);
});

test('a second pipeline that another launch has taken is not cancelled', async () => {
  const { work, ids } = await launches(2);
  const [launch = 0, other = 0] = ids;
  const { deps, cancelled } = forgeWith([], async () => {
    await takePipeline(store, launch, 55);
    await takePipeline(store, other, 900);
  });
  const receipt = await createPipeline(context(work, launch, { deps, again: true }));
  expect(receipt).toMatchObject({ pipelineId: 55 });
  expect(await cancels(work)).toEqual([]);
  expect(cancelled).toEqual([]);
});

test('who lost the effect writes nothing down, and who took over finds what was done', async () => {
  const { work, ids } = await launches(1);
  const [launch = 0] = ids;
  const { id } = await putEffect(store, {
    ...{ repoId: work.repo.id, runId: work.run.id, kind: 'create_pipeline', key: `test:${launch}` },
    payload: { kind: 'create_pipeline', launch, run: work.run.id, ref: 'main' },
  });
  const { deps } = forgeWith([], async () => {
    // It stands still for longer than its lease lasts.
    await store.query('update effects set lease_until = now() where id = $1', [id]);
    await claimEffect(store, id, 'who took over', 60);
  });
  await applyEffect(id, deps);
  expect(await attemptById(store, work.attempt.id)).toMatchObject({
    ...{ state: 'requested', pipelineId: null },
  });
  expect(await effectById(store, id)).toMatchObject({ state: 'pending', receipt: null });

  await store.query('update effects set lease_until = now() where id = $1', [id]);
  await applyEffect(id, deps);
  expect(await attemptById(store, work.attempt.id)).toMatchObject({
    ...{ state: 'waiting', pipelineId: 900 },
  });
  expect(await effectById(store, id)).toMatchObject({ state: 'done' });
});
