/**
 * Cool-downs over two gateways that share a database, as two processes of the bot do: on PGlite and on
 * PostgreSQL. After one, fifty calls wait for a single one that goes first.
 */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { createGateway } from '../../bot/gateway/gateway.ts';
import { createStoreCoolDowns } from '../../bot/gateway/store-ledger.ts';
import { coolDown, listCoolDowns, noteCooled, takeProbe } from '../../bot/store/providers.ts';
import { attemptById } from '../../bot/store/attempts.ts';
import type { Store } from '../../bot/store/store.ts';
import { scriptFromSteps } from '../../sandbox/model/scripts.ts';
import { startModelServer, type ModelServer } from '../../sandbox/model/server.ts';
import { available } from '../support/backends.ts';
import { MemoryLedger, PRICES, TOKEN } from '../support/gateway.ts';
import { declareMissing } from '../support/missing.ts';
import { newStore } from '../support/prepared-data.ts';
import { newWork } from '../support/store-rows.ts';
import { until } from '../support/until.ts';

jest.setTimeout(60_000);

const ROUTE = { provider: 'openai', model: 'scripted' } as const;

/** A gateway on that store, in front of that provider; `sharp` remembers nothing. */
async function gatewayOn(store: Store, model: ModelServer, sharp: boolean) {
  const none = (): void => undefined;
  const ledger = new MemoryLedger();
  ledger.capMicrousd = Number.MAX_SAFE_INTEGER;
  const gateway = createGateway({
    ledger,
    coolDowns: createStoreCoolDowns(store),
    providers: {
      openai: { baseUrl: `${model.url}/v1`, apiKey: model.keys.openai },
      anthropic: { baseUrl: model.url, apiKey: model.keys.anthropic },
    },
    prices: PRICES,
    log: { info: none, warn: none, error: none },
    limits: sharp ? { coolDownsFreshMs: -1, coolDownsStaleMs: -1 } : {},
    now: () => performance.now(),
  });
  const server = createServer(gateway.handle);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const call = async (): Promise<{ status: number; body: string }> => {
    const answer = await fetch(`${url}/openai/v1/responses`, {
      method: 'POST',
      headers: { authorization: `Bearer ${TOKEN}` },
      body: JSON.stringify({ model: 'scripted', input: 'go', stream: true }),
    });
    return { status: answer.status, body: await answer.text() };
  };
  const close = (): void => {
    server.closeAllConnections();
    server.close();
  };
  return { call, ledger, close };
}

function defineCoolDowns(label: string, open: () => ReturnType<typeof newStore>): void {
  describe(`cool-downs on ${label}`, () => {
    let store: Store;
    let closeStore: () => Promise<void>;
    let model: ModelServer;
    let one: Awaited<ReturnType<typeof gatewayOn>>;
    let two: Awaited<ReturnType<typeof gatewayOn>>;
    let usual: Awaited<ReturnType<typeof gatewayOn>>;
    /** Holds every answer back until it is called. */
    let release: () => void = () => undefined;
    let held: Promise<void> = Promise.resolve();

    beforeAll(async () => {
      ({ store, close: closeStore } = await open());
      const script = scriptFromSteps({ name: 'x', steps: [{ text: 'Done.' }] });
      const slow = { ...script, answer: async () => (await held, { text: 'Done.' }) };
      model = await startModelServer({ scripts: [slow] });
      one = await gatewayOn(store, model, true);
      two = await gatewayOn(store, model, true);
      usual = await gatewayOn(store, model, false);
    });
    afterAll(async () => {
      one.close();
      two.close();
      usual.close();
      await model.close();
      await closeStore();
    });
    beforeEach(async () => {
      await store.query('delete from providers');
      held = Promise.resolve();
      model.requests.length = 0;
    });

    test('what one gateway met, the other answers at once, typed and with the time', async () => {
      await until(async () => (await usual.call()).status === 200, 30_000, 'an empty table');
      model.fail({ status: 429, headers: { 'retry-after': '90' } });
      const first = await one.call();
      expect(first.status).toBe(429);
      const asked = model.requests.length;
      await until(async () => (await usual.call()).status === 429, 30_000, 'the other gateway');
      expect((await one.call()).status).toBe(429);
      const { error } = JSON.parse((await usual.call()).body) as { error: Record<string, unknown> };
      expect(error).toMatchObject({ code: 'model_cooling', type: 'autodev_gateway' });
      expect(error['message']).toMatch(/^openai\/scripted answered 429; it is left alone until 20/);
      expect(error['wait_ms']).toBeGreaterThan(80_000);
      expect(error['wait_ms']).toBeLessThanOrEqual(90_000);
      // Between the failure and the moment the other knew of it, its calls may have gone through.
      const after = model.requests.length;
      await Promise.all([one.call(), usual.call(), one.call(), usual.call()]);
      expect(model.requests.length).toBe(after);
      expect(asked).toBeLessThanOrEqual(after);
      expect(usual.ledger.met.at(-1)).toMatchObject({
        route: ROUTE,
        cooled: { reason: 'rate_limit', status: 429 },
      });
    });

    test('fifty calls wait for the one that goes first, then follow', async () => {
      await coolDown(store, { ...wish(), toldMs: 0, firstMs: 1, mostMs: 1 });
      await until(
        async () => ((await listCoolDowns(store))[0]?.leftMs ?? 1) <= 0,
        30_000,
        'the end',
      );
      held = new Promise((resolve) => (release = resolve));
      const calls = Array.from({ length: 50 }, (_, i) => (i % 2 === 0 ? one : two).call());
      await until(() => model.requests.length > 0, 30_000, 'the first call');
      // All fifty have looked by now, several times.
      await new Promise((resolve) => setTimeout(resolve, 700));
      expect(model.requests).toHaveLength(1);
      release();
      const answers = await Promise.all(calls);
      expect(answers.map(({ status }) => status)).toEqual(Array(50).fill(200));
      expect(model.requests).toHaveLength(50);
      expect(await listCoolDowns(store)).toEqual([]);
    });

    test('when the one that goes first fails, no other is made, and the next wait is longer', async () => {
      await coolDown(store, { ...wish(), toldMs: 0, firstMs: 1, mostMs: 1 });
      await until(
        async () => ((await listCoolDowns(store))[0]?.leftMs ?? 1) <= 0,
        30_000,
        'the end',
      );
      model.fail({ status: 529 }, 50);
      const answers = await Promise.all(Array.from({ length: 20 }, () => one.call()));
      expect(answers.map(({ status }) => status)).toEqual(Array(20).fill(429));
      expect(model.requests).toHaveLength(1);
      const [row] = await listCoolDowns(store);
      expect(row).toMatchObject({ reason: 'overload', strikes: 2 });
      expect(row?.leftMs).toBeGreaterThan(5_000);
    });

    test('fifty calls that fail together are one failure; the next in a row waits twice as long', async () => {
      const together = await Promise.all(Array.from({ length: 50 }, () => coolDown(store, wish())));
      expect(new Set(together.map(({ strikes }) => strikes))).toEqual(new Set([1]));
      await store.query(`update providers set until = now() - interval '1 minute'`);
      const again = await coolDown(store, wish());
      expect(again.strikes).toBe(2);
      expect(again.leftMs).toBeGreaterThan(19_000);
      expect(again.leftMs).toBeLessThanOrEqual(20_000);
      await store.query(`update providers set until = now() - interval '1 minute', strikes = 30`);
      expect((await coolDown(store, wish())).leftMs).toBeLessThanOrEqual(300_000);
    });

    test('a later failure never brings the end nearer, and one process alone goes first', async () => {
      await coolDown(store, { ...wish(), toldMs: 90_000 });
      expect((await coolDown(store, { ...wish(), toldMs: 1_000 })).leftMs).toBeGreaterThan(80_000);
      expect(await takeProbe(store, ROUTE, 1_000)).toBe(false);
      await store.query(`update providers set until = now() - interval '1 second'`);
      const taken = await Promise.all(
        Array.from({ length: 10 }, () => takeProbe(store, ROUTE, 60_000)),
      );
      expect(taken.filter(Boolean)).toHaveLength(1);
      // The provider as a whole cools down: none of its models may be tried.
      await store.query(`update providers set probe_until = null`);
      await coolDown(store, { ...wish(), model: null });
      expect(await takeProbe(store, ROUTE, 60_000)).toBe(false);
    });

    test('an attempt keeps what it met', async () => {
      const { attempt } = await newWork(store, 1_000_000);
      const cooled = {
        reason: 'rate_limit',
        status: 429,
        until: '2026-11-21T14:20:00.000Z',
      } as const;
      await noteCooled(store, attempt.id, 'openai/scripted', cooled);
      await noteCooled(store, attempt.id, 'openai/scripted', cooled);
      expect((await attemptById(store, attempt.id))?.cooled).toEqual({ 'openai/scripted': cooled });
    });
  });
}

function wish() {
  return {
    ...ROUTE,
    ...({ reason: 'rate_limit', status: 429, toldMs: null } as const),
    ...{ firstMs: 10_000, factor: 2, mostMs: 300_000, ageMs: 0 },
  };
}

defineCoolDowns('pglite', () => newStore('embedded'));

if (available('postgres')) defineCoolDowns('postgres', () => newStore());
else declareMissing('postgres', 'Cool-downs');
