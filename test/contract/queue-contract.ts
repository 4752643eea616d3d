/** What every backend of the queue must do; run by queue.test.ts over each of them. */
import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import type { Queue, QueueHandlers, QueueJob } from '../../bot/queue/queue.ts';
import { ringDue, startSweeper } from '../../bot/queue/sweeper.ts';
import { claimDelivery, insertDelivery, settleDelivery } from '../../bot/store/deliveries.ts';
import { newLeaseOwner } from '../../bot/store/leases.ts';
import { migrate } from '../../bot/store/migrate.ts';
import type { Store } from '../../bot/store/store.ts';
import { SHORT_LEASE } from '../support/store-rows.ts';
import { until } from '../support/until.ts';

export interface OpenedQueue {
  store: Store;
  /** A queue of its own on the same backend; the contract closes it. `log` hears what it logs. */
  openQueue(log: (message: string) => void): Promise<Queue>;
  close(): Promise<void>;
}

const WAIT_MS = 30_000;
/**
 * The measured values are 4 ms on PGlite and 1 ms on Redis, and 51 ms beside three other test files on two cores; a
 * queue that is looked at every second takes 500.
 */
const P50_MS = 250;

/** Declares the whole contract for one backend. */
export function defineQueueContract(label: string, open: () => Promise<OpenedQueue>): void {
  describe(`queue on ${label}`, () => {
    let opened: OpenedQueue;
    let queue: Queue;
    let logged: string[];
    const seen: QueueJob[] = [];

    beforeAll(async () => {
      opened = await open();
      await migrate(opened.store);
    });
    afterAll(() => opened.close());

    const start = async (): Promise<void> => {
      logged = [];
      seen.length = 0;
      queue = await opened.openQueue((message) => logged.push(message));
    };
    afterEach(() => queue.close());

    /** Handlers that note every job, with some replaced. */
    const noting = (special: Partial<QueueHandlers> = {}): QueueHandlers => {
      const note = async (job: QueueJob): Promise<void> => void seen.push(job);
      return { delivery: note, effect: note, sweep: note, ...special };
    };

    test('a job reaches its handler at once', async () => {
      await start();
      const arrived = new Map<number, number>();
      queue.work(noting({ effect: async ({ id }) => void arrived.set(id, performance.now()) }), {
        concurrency: 2,
      });
      const took: number[] = [];
      for (let id = 1; id <= 40; id += 1) {
        const added = performance.now();
        await queue.add({ name: 'effect', id });
        await until(() => arrived.has(id), WAIT_MS, `job ${id}`);
        // The first job also waits for the worker to be ready.
        if (id > 1) took.push((arrived.get(id) ?? Infinity) - added);
      }
      expect(took.toSorted((a, b) => a - b)[20]).toBeLessThan(P50_MS);
    });

    test('500 jobs of all kinds arrive as they were sent, and none stays', async () => {
      await start();
      const sent = Array.from({ length: 500 }, (_, index): QueueJob => {
        if (index % 100 === 0) return { name: 'sweep' };
        return index % 2 === 0
          ? { name: 'delivery', id: randomUUID() }
          : { name: 'effect', id: index };
      });
      queue.work(noting(), { concurrency: 8 });
      await Promise.all(sent.map((job) => queue.add(job)));
      await until(() => seen.length >= 500, WAIT_MS, '500 jobs');
      const text = (jobs: QueueJob[]): string[] =>
        jobs.map((job) => JSON.stringify(job)).toSorted();
      expect(text(seen)).toEqual(text(sent));
      await until(
        async () => Object.values(await queue.counts()).every((count) => count === 0),
        WAIT_MS,
        'an empty queue',
      );
    });

    test('a flood of rings makes few jobs; one row that fails does not hold up the others', async () => {
      await start();
      const ids = Array.from({ length: 200 }, (_, index) => index + 1);
      await Promise.all(ids.map((id) => queue.add({ name: 'effect', id })));
      const { waiting = 0 } = await queue.counts();
      expect(waiting).toBeGreaterThan(0);
      expect(waiting).toBeLessThan(20);
      const effect = async (job: QueueJob): Promise<void> => {
        seen.push(job);
        if ('id' in job && job.id === 1) throw new Error('this one fails');
      };
      queue.work(noting({ effect }), { concurrency: 2 });
      await until(() => seen.length >= ids.length, WAIT_MS, 'every row');
      const handled = seen.map((job) => ('id' in job ? Number(job.id) : 0));
      expect(handled.toSorted((one, two) => one - two)).toEqual(ids);
    });

    test('a delayed job waits', async () => {
      await start();
      queue.work(noting(), { concurrency: 1 });
      const added = performance.now();
      await queue.add({ name: 'effect', id: 1 }, { delayMs: 400 });
      await until(() => seen.length > 0, WAIT_MS, 'the delayed job');
      expect(performance.now() - added).toBeGreaterThan(350);
    });

    test('a key rings once while its job waits, and again afterwards', async () => {
      await start();
      const once = { dedupeKey: `effect-${randomUUID()}` };
      await queue.add({ name: 'effect', id: 1 }, once);
      await queue.add({ name: 'effect', id: 1 }, once);
      expect(await queue.counts()).toMatchObject({ waiting: 1 });
      queue.work(noting(), { concurrency: 1 });
      await until(
        async () => seen.length === 1 && (await queue.counts()).active === 0,
        WAIT_MS,
        'the first',
      );
      await queue.add({ name: 'effect', id: 1 }, once);
      await until(() => seen.length === 2, WAIT_MS, 'the second');
    });

    test('a handler that throws loses nothing: the sweep rings for the row again', async () => {
      await start();
      const { id } = await insertDelivery(opened.store, delivery());
      let tries = 0;
      const owner = newLeaseOwner();
      const work = async (): Promise<void> => {
        tries += 1;
        if (tries === 1) throw new Error('first try fails');
        await claimDelivery(opened.store, id, owner, 60);
        await settleDelivery(opened.store, id, owner, { state: 'done', reason: null });
      };
      queue.work(noting({ delivery: work }), { concurrency: 1 });
      await queue.add({ name: 'delivery', id });
      await until(() => logged.length > 0, WAIT_MS, 'the failure');
      expect(logged).toEqual(['A job failed; its row stays due']);
      const sweeper = startSweeper({
        db: opened.store,
        queue,
        everyMs: 50,
        log: (message) => logged.push(message),
      });
      await until(() => tries === 2, WAIT_MS, 'the second try');
      await until(() => seen.some((job) => job.name === 'sweep'), WAIT_MS, 'the sweep');
      await sweeper.close();
      expect(logged).toHaveLength(1);
    });

    test('a job of unknown shape is dropped, not handled', async () => {
      await start();
      queue.work(noting(), { concurrency: 1 });
      await queue.add({ name: 'effect', id: 'x; drop table' as unknown as number });
      await until(() => logged.length > 0, WAIT_MS, 'the log line');
      expect(logged).toEqual(['A job of unknown shape was dropped']);
      expect(seen).toEqual([]);
    });

    test('ringing inside a transaction is refused: the row is not there yet', async () => {
      await start();
      const early = opened.store.tx(() => queue.add({ name: 'sweep' }));
      await expect(early).rejects.toMatchObject({ code: 'query_outside_transaction' });
    });

    test('close waits for the job at hand, tells it to stop, and takes no other', async () => {
      await start();
      let ended = false;
      const worker = queue.work(
        noting({
          effect: async (job, signal) => {
            seen.push(job);
            await new Promise((resolve) => {
              signal.addEventListener('abort', resolve, { once: true });
            });
            ended = true;
          },
        }),
        { concurrency: 1 },
      );
      await queue.add({ name: 'effect', id: 1 });
      await queue.add({ name: 'effect', id: 2 });
      await until(() => seen.length === 1, WAIT_MS, 'the first job');
      await worker.close();
      expect(ended).toBe(true);
      expect(seen).toEqual([{ name: 'effect', id: 1 }]);
      expect(await queue.counts()).toMatchObject({ waiting: 1, active: 0 });
      queue.work(noting(), { concurrency: 1 });
      await until(() => seen.length === 2, WAIT_MS, 'the second job, by another worker');
    });

    test('a sweep rings for every due row once, and not at all into a flood', async () => {
      await start();
      const ids = await Promise.all(
        Array.from({ length: 5 }, async () => (await insertDelivery(opened.store, delivery())).id),
      );
      const now = Date.now();
      await ringDue(opened.store, queue, now);
      await ringDue(opened.store, queue, now);
      queue.work(noting(), { concurrency: 4 });
      // Four go at once, so that the last one rung for need not be the last one seen.
      await until(() => seen.length >= ids.length + 1, WAIT_MS, 'all that was rung for');
      expect(seen.filter((job) => job.name === 'sweep')).toHaveLength(1);
      for (const id of ids) {
        expect(seen.filter((job) => job.name === 'delivery' && job.id === id)).toHaveLength(1);
      }
      // The worker that claimed it is dead, and the queue may believe for long that its job goes on.
      const [claimed = ''] = ids;
      const rings: (string | undefined)[] = [];
      const told = {
        add: async (_: unknown, { dedupeKey }: { dedupeKey?: string } = {}) =>
          void rings.push(dedupeKey),
        counts: () => queue.counts(),
      };
      await ringDue(opened.store, told, now);
      expect(await claimDelivery(opened.store, claimed, 'dead', SHORT_LEASE)).not.toBeNull();
      await new Promise((resolve) => setTimeout(resolve, SHORT_LEASE * 1_500));
      await ringDue(opened.store, told, now);
      const own = rings.filter((key) => key?.includes(claimed) === true);
      expect(own).toHaveLength(2);
      expect(new Set(own).size).toBe(2);
      const flooded = {
        add: () => Promise.reject(new Error('rang')),
        counts: async () => ({ waiting: 5_000 }),
      };
      expect(await ringDue(opened.store, flooded, now)).toBe(0);
    });
  });
}

function delivery() {
  return {
    source: 'gitlab',
    dedupeKey: randomUUID(),
    eventName: 'x',
    headers: {},
    body: '{}',
  } as const;
}
