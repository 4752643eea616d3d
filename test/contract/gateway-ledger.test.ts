/** The gateway over the real store: tokens of attempts, the cap of a task, rows of usage. */
import { createHash, randomUUID } from 'node:crypto';
import { createServer } from 'node:http';
import { mkdtemp, rm } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import express from 'express';
import { createGateway } from '../../bot/gateway/gateway.ts';
import { createStoreCoolDowns, createStoreLedger } from '../../bot/gateway/store-ledger.ts';
import { claimAttempt, finishAttempt } from '../../bot/store/attempts.ts';
import { migrate } from '../../bot/store/migrate.ts';
import { openStore } from '../../bot/store/store.ts';
import type { Store } from '../../bot/store/store.ts';
import { taskById } from '../../bot/store/tasks.ts';
import { usageOfRun } from '../../bot/store/usage.ts';
import { PriceTable } from '../../schema/wire/prices.ts';
import { scriptFromSteps } from '../../sandbox/model/scripts.ts';
import { startModelServer } from '../../sandbox/model/server.ts';
import type { ModelServer } from '../../sandbox/model/server.ts';
import { newWork } from '../support/store-rows.ts';
import type { Work } from '../support/store-rows.ts';
import { until } from '../support/until.ts';

const USAGE = { inputTokens: 1000, cachedInputTokens: 0, cacheWriteTokens: 0, outputTokens: 100 };
const COST = 1000 + 100 * 10;

let dataDir: string;
let store: Store;
let model: ModelServer;
let url: string;
let close: () => Promise<void>;

beforeAll(async () => {
  dataDir = await mkdtemp(path.join(tmpdir(), 'autodev-gateway-'));
  store = await openStore({ dataDir });
  await migrate(store);
  const steps = [{ text: 'Done.', usage: USAGE }];
  model = await startModelServer({ scripts: [scriptFromSteps({ name: 'one', steps })] });
  const none = (): void => undefined;
  const gateway = createGateway({
    ledger: createStoreLedger(store, { installationDayMicrousd: 1_000_000_000 }),
    coolDowns: createStoreCoolDowns(store),
    providers: {
      openai: { baseUrl: `${model.url}/v1`, apiKey: model.keys.openai },
      anthropic: null,
    },
    prices: PriceTable.parse({
      openai: {
        test: { input: 1, cachedInput: 1, cacheWrite: 1, cacheWriteLong: 1, output: 10 },
      },
      anthropic: {},
    }),
    limits: { grantCacheMs: 0, defaultOutputTokens: 1000 },
    log: { info: none, warn: none, error: none },
    now: () => performance.now(),
  });
  const app = express().use('/gateway', gateway.handle);
  const server = createServer(app);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/gateway/openai/v1`;
  close = async () => {
    await new Promise<void>((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    });
    await gateway.close();
  };
});
afterAll(async () => {
  await close();
  await model.close();
  await store.close();
  await rm(dataDir, { recursive: true, force: true });
});

async function claimed(capMicrousd: number): Promise<Work & { token: string }> {
  const work = await newWork(store, capMicrousd);
  const token = `adt_${randomUUID()}`;
  const claim = await claimAttempt(store, work.attempt.id, {
    jti: randomUUID(),
    jobId: 1,
    childPipelineId: null,
    tokenHash: createHash('sha256').update(token).digest(),
    tokenSeconds: 60,
    deadlineSeconds: 60,
  });
  expect(claim).toBe('claimed');
  return { ...work, token };
}

const ask = async (token: string): Promise<number> => {
  const answer = await fetch(`${url}/responses`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}` },
    body: JSON.stringify({ model: 'test', input: 'go', stream: true }),
  });
  await answer.text();
  return answer.status;
};

test('a claimed attempt may call until it ends', async () => {
  const work = await claimed(1_000_000);
  expect(await ask(work.token)).toBe(200);
  expect(await ask(`${work.token}x`)).toBe(401);
  expect(await usageOfRun(store, work.run.id)).toEqual([
    {
      provider: 'openai',
      model: 'test',
      calls: 1,
      inputTokens: 1000,
      cachedInputTokens: 0,
      outputTokens: 100,
      costMicrousd: COST,
    },
  ]);
  expect(await taskById(store, work.task.id)).toMatchObject({
    spentMicrousd: COST,
    reservedMicrousd: 0,
  });
  await finishAttempt(store, work.attempt.id, { state: 'cancelled', cause: 'stopped' });
  expect(await ask(work.token)).toBe(401);
});

test('fifty calls at once stay within the cap, in the database too', async () => {
  const cap = 45_000;
  const work = await claimed(cap);
  const before = model.requests.length;
  const statuses = await Promise.all(Array.from({ length: 50 }, () => ask(work.token)));
  const made = statuses.filter((status) => status === 200).length;
  expect(statuses.filter((status) => status === 403)).toHaveLength(50 - made);
  expect(made).toBeGreaterThan(2);
  expect(model.requests.length - before).toBe(made);
  const settled = async (): Promise<boolean> =>
    (await taskById(store, work.task.id))?.reservedMicrousd === 0;
  await until(settled, 5_000, 'all calls to be settled');
  const task = await taskById(store, work.task.id);
  expect(task?.spentMicrousd).toBe(COST * made);
  expect(task?.spentMicrousd).toBeLessThanOrEqual(cap);
});
