/**
 * The database goes away exactly between the answer of a model and the settling of the call: on PGlite by a
 * handle that fails, on PostgreSQL by a server that is killed. What was answered is paid for, once.
 */
import { createHash, randomUUID } from 'node:crypto';
import { createServer } from 'node:http';
import { mkdtemp, rm } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { createGateway } from '../../bot/gateway/gateway.ts';
import type { GatewayLimits } from '../../bot/gateway/limits.ts';
import { createStoreCoolDowns, createStoreLedger } from '../../bot/gateway/store-ledger.ts';
import { claimAttempt, finishAttempt } from '../../bot/store/attempts.ts';
import type { Db } from '../../bot/store/db.ts';
import { migrate } from '../../bot/store/migrate.ts';
import { openStore, type Store } from '../../bot/store/store.ts';
import { PriceTable } from '../../schema/wire/prices.ts';
import { available, startPostgres, type PostgresServer } from '../support/backends.ts';
import { declareMissing } from '../support/missing.ts';
import { newWork, type Work } from '../support/store-rows.ts';
import { until } from '../support/until.ts';
import { openaiStream } from './jobs-standin.ts';

jest.setTimeout(60_000);

/** Ten tokens in and five out, as the stand-in's stream tells. */
const COST = 10 + 5 * 10;
const MOST = 100;
const LIMIT_MS = 30_000;
/** What a model sends, and what it sends after the test has had its say. */
interface Stream {
  first: string;
  last: string;
}
const WHOLE: Stream = { first: openaiStream({ text: 'Done.' }), last: '' };
/** The model gives up after it has written something. */
const BROKEN: Stream = {
  first: WHOLE.first.slice(0, WHOLE.first.indexOf('event: response.output_item.added')),
  last: 'event: error\ndata: {"type":"error","code":"server_error","message":"Sorry."}\n\n',
};

/** A handle on the store whose statements of some names can be made to fail. */
class FailingDb implements Db {
  readonly #db: Db;
  /** For the statement of this name: fails `before` it is sent or `after` it was carried out. */
  readonly faults = new Map<string, 'before' | 'after'>();
  readonly failed: string[] = [];

  constructor(db: Db) {
    this.#db = db;
  }

  async query<Row = Record<string, unknown>>(
    text: string,
    params?: readonly unknown[],
    name?: string,
  ): Promise<Row[]> {
    const fault = name === undefined ? undefined : this.faults.get(name);
    if (fault !== undefined) this.failed.push(name ?? '');
    if (fault === 'before') throw new Error('connect ECONNREFUSED');
    const rows = await this.#db.query<Row>(text, params, name);
    if (fault === 'after') throw new Error('Connection terminated unexpectedly');
    return rows;
  }

  tx<T>(fn: (db: Db) => Promise<T>): Promise<T> {
    return this.#db.tx(fn);
  }
}

/** A gateway in front of a model that answers whole and ends its stream when it is told to. */
async function openGate(db: Db, limits: Partial<GatewayLimits> = {}, stream = WHOLE) {
  const logged: string[] = [];
  const log = (fields: object, message: string): void => {
    logged.push(`${message} ${JSON.stringify(fields)}`);
  };
  const ends: (() => void)[] = [];
  const gateway = createGateway({
    ledger: createStoreLedger(db, { installationDayMicrousd: 1e12 }),
    coolDowns: createStoreCoolDowns(db),
    providers: { openai: { baseUrl: 'http://model.invalid/v1', apiKey: 'k' }, anthropic: null },
    prices: PriceTable.parse({
      openai: {
        test: { input: 1, cachedInput: 1, cacheWrite: 1, cacheWriteLong: 1, output: 10 },
      },
      anthropic: {},
    }),
    limits: { grantCacheMs: 0, settleRetryMs: 20, settleRetryMostMs: 200, ...limits },
    log: { info: log, warn: log, error: log },
    now: () => performance.now(),
    fetch: async (_url, init) => {
      const body = new ReadableStream<Uint8Array>({
        start(controller) {
          init?.signal?.addEventListener('abort', () => controller.error(new Error('aborted')));
          controller.enqueue(new TextEncoder().encode(stream.first));
          ends.push(() => {
            if (stream.last !== '') controller.enqueue(new TextEncoder().encode(stream.last));
            controller.close();
          });
        },
      });
      return new Response(body, { headers: { 'content-type': 'text/event-stream' } });
    },
  });
  const server = createServer(gateway.handle).listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/openai/v1/responses`;
  const send = (token: string): Promise<Response> =>
    fetch(url, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}` },
      body: JSON.stringify({ model: 'test', input: 'go', stream: true, max_output_tokens: MOST }),
    });
  /** Calls the model; `between` runs when its answer is here and the stream has not ended. */
  const ask = async (token: string, between?: () => unknown): Promise<string> => {
    const answer = await send(token);
    const reader = answer.body?.pipeThrough(new TextDecoderStream()).getReader();
    let text = '';
    let ended = false;
    for (;;) {
      const part = await reader?.read();
      if (part === undefined || part.done) return text;
      text += part.value;
      if (ended || text.length < stream.first.length) continue;
      await between?.();
      ends.shift()?.();
      ended = true;
    }
  };
  const close = async (): Promise<void> => {
    server.close();
    server.closeAllConnections();
    await gateway.close();
  };
  return { ask, send, close, logged };
}

type Gate = Awaited<ReturnType<typeof openGate>>;

async function claimed(store: Db): Promise<Work & { token: string }> {
  const work = await newWork(store);
  const token = `adt_${randomUUID()}`;
  await claimAttempt(store, work.attempt.id, {
    ...{ jti: randomUUID(), jobId: 1, childPipelineId: null },
    tokenHash: createHash('sha256').update(token).digest(),
    ...{ tokenSeconds: 600, deadlineSeconds: 600 },
  });
  return { ...work, token };
}

/** What a task spent and holds, its rows of usage, and whether anything is held for its attempt. */
async function account(store: Db, work: Work) {
  const [task] = await store.query<{ spent: number; reserved: number; day: number }>(
    `select t.spent_microusd as spent, t.reserved_microusd as reserved,
       (select d.spent_microusd from budget_days d where d.scope = 'repo/' || $2) as day
     from tasks t where t.id = $1`,
    [work.task.id, String(work.repo.id)],
  );
  const calls = await store.query<{ outcome: string; cost: number }>(
    'select outcome, cost_microusd as cost from usage where task_id = $1 order by id',
    [work.task.id],
  );
  const holds = await store.query('select 1 from holds where attempt_id = $1', [work.attempt.id]);
  return { ...task, holds: holds.length, calls: calls.map(({ outcome, cost }) => [outcome, cost]) };
}

const PAID_ONCE = { spent: COST, reserved: 0, day: COST, holds: 0, calls: [['ok', COST]] };

describe('on a handle that fails', () => {
  let dataDir: string;
  let store: Store;
  let db: FailingDb;
  let gate: Gate | undefined;

  beforeAll(async () => {
    dataDir = await mkdtemp(path.join(tmpdir(), 'autodev-settlement-'));
    store = await openStore({ dataDir });
    await migrate(store);
  });
  afterEach(() => gate?.close());
  afterAll(async () => {
    await store.close();
    await rm(dataDir, { recursive: true, force: true });
  });

  const open = async (limits?: Partial<GatewayLimits>, stream?: Stream): Promise<Gate> => {
    db = new FailingDb(store);
    gate = await openGate(db, limits, stream);
    return gate;
  };
  const settled = (work: Work): Promise<void> =>
    until(async () => (await account(store, work)).holds === 0, LIMIT_MS, 'the call to be settled');
  const said = (what: string): boolean => gate?.logged.some((line) => line.includes(what)) === true;

  test.each([
    ['budgets_settle', 'before'],
    ['budgets_settle', 'after'],
    ['budgets_kept', 'before'],
    ['budgets_kept', 'after'],
  ] as const)('%s fails %s it is carried out: the call is paid once', async (name, when) => {
    const { ask } = await open();
    const work = await claimed(store);
    const text = await ask(work.token, () => db.faults.set(name, when));
    expect(text).toContain('response.completed');
    // It goes on trying, and the money stays held or booked meanwhile.
    await until(() => db.failed.length >= 4, LIMIT_MS, 'more tries');
    const away = await account(store, work);
    const booked = name === 'budgets_kept' || when === 'after';
    expect(away).toMatchObject(booked ? PAID_ONCE : { spent: 0, holds: 1, calls: [] });
    db.faults.clear();
    await settled(work);
    await until(() => said('settled late'), LIMIT_MS, 'the end of the tries');
    expect(await account(store, work)).toEqual(PAID_ONCE);
    expect(said('a call was not settled')).toBe(true);
  });

  test('what a crash of the server takes away after it was settled is settled again', async () => {
    const { ask } = await open();
    const work = await claimed(store);
    await ask(work.token, () => {
      // The settling is answered and lost, as a commit is that has not reached the disk.
      const query = db.query.bind(db);
      let lost = 0;
      db.query = async <Row>(text: string, params?: readonly unknown[], name?: string) =>
        name === 'budgets_settle' && lost++ === 0 ? [] : query<Row>(text, params, name);
    });
    await until(() => said('settled late'), LIMIT_MS, 'the second try');
    expect(await account(store, work)).toEqual(PAID_ONCE);
  });

  test('a model that gives up while the database is away is paid for what it wrote', async () => {
    const { ask } = await open({}, BROKEN);
    const work = await claimed(store);
    await ask(work.token, () => {
      for (const name of ['providers_cool', 'budgets_settle']) db.faults.set(name, 'before');
    });
    expect(said('a cool-down was not begun')).toBe(true);
    db.faults.clear();
    await until(() => said('settled late'), LIMIT_MS, 'the call to be settled');
    const { spent, calls } = await account(store, work);
    expect(calls).toEqual([['cut', spent]]);
    expect(spent).toBeGreaterThan(0);
  });

  test('a call that waits is put right although its attempt has ended meanwhile', async () => {
    const { ask } = await open();
    const work = await claimed(store);
    await ask(work.token, () => db.faults.set('budgets_settle', 'before'));
    await finishAttempt(store, work.attempt.id, { state: 'cancelled', cause: 'stopped' });
    const worst = await account(store, work);
    expect(worst).toMatchObject({ reserved: 0, holds: 0, calls: [['unknown', worst.spent]] });
    expect(worst.spent).toBeGreaterThanOrEqual(MOST * 10);
    db.faults.clear();
    await until(() => said('settled late'), LIMIT_MS, 'the call to be settled');
    expect(await account(store, work)).toEqual(PAID_ONCE);
  });

  test('a process that leaves tries once more', async () => {
    const { ask, close } = await open({ settleRetryMs: 3_600_000, settleRetryMostMs: 3_600_000 });
    const work = await claimed(store);
    await ask(work.token, () => db.faults.set('budgets_settle', 'before'));
    expect(await account(store, work)).toMatchObject({ spent: 0, holds: 1, calls: [] });
    db.faults.clear();
    await close();
    expect(await account(store, work)).toEqual(PAID_ONCE);
  });

  test('a call under way while its process leaves is settled before it is gone', async () => {
    const { send, close } = await open();
    const work = await claimed(store);
    await send(work.token);
    await close();
    const left = await account(store, work);
    expect(left).toMatchObject({ reserved: 0, holds: 0 });
    expect(left.calls).toEqual([[expect.any(String), left.spent]]);
    expect(left.spent).toBeGreaterThan(0);
  });

  test('what a process takes with it counts in full when its attempt ends', async () => {
    const { ask, close } = await open({ closeMs: 50 });
    const work = await claimed(store);
    await ask(work.token, () => db.faults.set('budgets_settle', 'before'));
    await close();
    expect(said('left unsettled')).toBe(true);
    expect(await account(store, work)).toMatchObject({ spent: 0, holds: 1 });
    await finishAttempt(store, work.attempt.id, { state: 'lost', cause: 'no heartbeat' });
    const worst = await account(store, work);
    expect(worst.spent).toBeGreaterThanOrEqual(MOST * 10);
    expect(worst).toEqual({
      ...{ spent: worst.spent, reserved: 0, day: worst.spent, holds: 0 },
      calls: [['unknown', worst.spent]],
    });
  });

  test('a hold whose answer is lost is given back, and no model is asked', async () => {
    const { send } = await open();
    const work = await claimed(store);
    db.faults.set('budgets_hold', 'after').set('budgets_give_back', 'before');
    expect((await send(work.token)).status).toBe(503);
    await until(() => db.failed.length >= 3, LIMIT_MS, 'a second try');
    expect(await account(store, work)).toMatchObject({ spent: 0, holds: 1, calls: [] });
    db.faults.clear();
    await settled(work);
    expect(await account(store, work)).toMatchObject({ spent: 0, reserved: 0, calls: [] });
  });

  test('while as many calls wait as may, no other begins', async () => {
    const { ask, send } = await open({ openSettlements: 1 });
    const work = await claimed(store);
    await ask(work.token, () => db.faults.set('budgets_settle', 'before'));
    const refused = await send(work.token);
    expect(refused.status).toBe(503);
    expect(await refused.json()).toMatchObject({ error: { code: 'gateway_unavailable' } });
    expect(await account(store, work)).toMatchObject({ holds: 1, calls: [] });
    db.faults.clear();
    await until(() => said('settled late'), LIMIT_MS, 'the call to be settled');
    expect(await ask(work.token)).toContain('response.completed');
  });

  test('one that can never be settled holds up no other', async () => {
    const { ask } = await open();
    const [bad, good] = [await claimed(store), await claimed(store)];
    await ask(bad.token, () => db.faults.set('budgets_settle', 'before'));
    await ask(good.token);
    const query = db.query.bind(db);
    db.query = async <Row>(text: string, params?: readonly unknown[], name?: string) => {
      if (name === 'budgets_settle' && params?.[1] === bad.attempt.id) throw new Error('never');
      return query<Row>(text, params, name);
    };
    db.faults.clear();
    await until(() => said('settled late'), LIMIT_MS, 'the good one');
    expect((await account(store, good)).calls).toEqual([['ok', COST]]);
    expect((await account(store, bad)).calls).toEqual([]);
  });
});

if (available('postgres')) describe('on PostgreSQL', onPostgres);
else declareMissing('postgres', 'The settling of calls while PostgreSQL is away');

function onPostgres(): void {
  let server: PostgresServer;
  let store: Store;
  let gate: Gate | undefined;

  beforeAll(async () => {
    server = await startPostgres();
    store = await openStore({
      ...{ databaseUrl: await server.newDatabase(), dataDir: '/nowhere' },
      log: () => undefined,
    });
    await migrate(store);
  });
  afterEach(() => gate?.close());
  afterAll(async () => {
    await store.close();
    await server.stop();
  });

  for (const signal of ['SIGINT', 'SIGQUIT', 'SIGKILL'] as const) {
    test(`stopped by ${signal} after the answer: paid once, nothing stays held`, async () => {
      const { outage } = server;
      if (outage === null) return;
      gate = await openGate(store);
      const works = [await claimed(store), await claimed(store), await claimed(store)];
      const { ask, logged } = gate;
      const down = Promise.withResolvers<void>();
      let here = 0;
      const arrived = async (): Promise<void> => {
        here += 1;
        if (here === works.length) outage.begin(signal).then(down.resolve, down.reject);
        await down.promise;
      };
      const texts = await Promise.all(works.map(({ token }) => ask(token, arrived)));
      for (const text of texts) expect(text).toContain('response.completed');
      expect(logged.filter((line) => line.startsWith('a call was not settled'))).toHaveLength(3);
      await outage.end();
      const late = (): boolean =>
        logged.filter((line) => line.startsWith('a call was settled late')).length === 3;
      await until(late, LIMIT_MS, 'the calls to be settled');
      for (const work of works) expect(await account(store, work)).toEqual(PAID_ONCE);
    });
  }
}
