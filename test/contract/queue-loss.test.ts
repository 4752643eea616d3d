/** What a killed worker, an emptied Redis or one that is away leave behind: nothing that stays undone. */
import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer } from 'node:net';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { Redis } from 'ioredis';
import type { Queue, QueueHandlers } from '../../bot/queue/queue.ts';
import { ringDue, startSweeper } from '../../bot/queue/sweeper.ts';
import { claimDelivery, insertDelivery } from '../../bot/store/deliveries.ts';
import { freeLeasesOfTheDead, newLeaseOwner } from '../../bot/store/leases.ts';
import { migrate } from '../../bot/store/migrate.ts';
import {
  available,
  type PostgresServer,
  type RedisServer,
  startPostgres,
  startRedis,
  stopChild,
} from '../support/backends.ts';
import { declareMissing } from '../support/missing.ts';
import { newPlace, type Place, queueAt, removeDir, storeAt } from '../support/queue-places.ts';
import { until } from '../support/until.ts';

jest.setTimeout(120_000);

const WORKER = fileURLToPath(new URL('../support/queue-worker.ts', import.meta.url));
const WAIT_MS = 50_000;
/**
 * Less than the minute of a lease, so that nothing waited for one to run out. The ten seconds of DESIGN §11
 * are for a machine without other work: the proof of faults measures them.
 */
const RESUME_MS = 40_000;

function delivery() {
  return {
    source: 'gitlab',
    dedupeKey: randomUUID(),
    eventName: 'x',
    headers: {},
    body: '{}',
  } as const;
}

const idle: QueueHandlers = {
  delivery: async () => undefined,
  effect: async () => undefined,
  sweep: async () => undefined,
};

/** A worker that is killed with a delivery in its hands; another one has to take it over. */
async function takeOver(
  place: Place,
  survivor: 'runs already' | 'starts afterwards',
): Promise<number> {
  const first = await storeAt(place);
  await migrate(first);
  const { id } = await insertDelivery(first, delivery());
  const bell = await queueAt(place, first);
  await bell.add({ name: 'delivery', id });
  await bell.close();
  await first.close();

  const child = spawn(process.execPath, [WORKER, JSON.stringify(place)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let said = '';
  child.stdout.on('data', (chunk) => (said += String(chunk)));
  try {
    await until(() => said.includes(`claimed ${id}`), WAIT_MS, 'the child to claim');
    let killedAt = Number.NaN;
    const kill = async (): Promise<void> => {
      killedAt = performance.now();
      await stopChild(child, 'SIGKILL');
    };
    if (survivor === 'starts afterwards') await kill();
    const store = await storeAt(place);
    await freeLeasesOfTheDead(store);
    const queue = await queueAt(place, store);
    const sweeper = startSweeper({ db: store, queue, log: () => undefined });
    let takenAt: number | null = null;
    queue.work(
      {
        ...idle,
        delivery: async (job) => {
          const claimed = await claimDelivery(store, job.id, newLeaseOwner(), 60);
          if (claimed !== null) takenAt = performance.now();
        },
      },
      { concurrency: 2 },
    );
    if (survivor === 'runs already') await kill();
    await until(() => takenAt !== null, WAIT_MS, 'another worker to take it over');
    await sweeper.close();
    await queue.close();
    await store.close();
    return (takenAt ?? Infinity) - killedAt;
  } finally {
    await stopChild(child, 'SIGKILL');
  }
}

/** A due delivery and a worker that has just been started; `taken` waits until it was worked on, then closes all. */
async function workerStarts(
  place: Place,
): Promise<{ id: string; queue: Queue; taken(): Promise<void> }> {
  const store = await storeAt(place);
  await migrate(store);
  const { id } = await insertDelivery(store, delivery());
  const queue = await queueAt(place, store);
  const seen: string[] = [];
  queue.work({ ...idle, delivery: async (job) => void seen.push(job.id) }, { concurrency: 1 });
  const taken = async (): Promise<void> => {
    const sweeper = startSweeper({ db: store, queue, everyMs: 100, log: () => undefined });
    await until(() => seen.includes(id), WAIT_MS, 'the delivery');
    await sweeper.close();
    await queue.close();
    await store.close();
    await removeDir(place.dataDir);
  };
  return { id, queue, taken };
}

test('what a killed process had in its hands on pglite goes on after the restart', async () => {
  const place = await newPlace(null);
  // Nobody else can hold a lease here, so nothing waits the minute until one runs out.
  expect(await takeOver(place, 'starts afterwards')).toBeLessThan(RESUME_MS);
  await removeDir(place.dataDir);
});

if (available('postgres')) describe('with a server', withPostgres);
else declareMissing('postgres', 'Loss of a worker');
// Its tests share rows between processes, so they need PostgreSQL too.
if (!available('redis') || !available('postgres')) declareMissing('redis', 'Loss of Redis');

function withPostgres(): void {
  let server: PostgresServer;
  beforeAll(async () => {
    server = await startPostgres();
  });
  afterAll(() => server.stop());

  test('what a killed worker had in its hands on postgres is taken over', async () => {
    const place = await newPlace(server);
    expect(await takeOver(place, 'runs already')).toBeLessThan(RESUME_MS);
    await removeDir(place.dataDir);
  });

  test('a worker that starts while PostgreSQL dies works when it is back', async () => {
    if (server.outage === null) return;
    const place = await newPlace(server);
    const { taken } = await workerStarts(place);
    await server.outage.begin('SIGKILL');
    await server.outage.end();
    await taken();
  });

  if (available('redis')) describe('and Redis', () => withRedis(() => server));
}

function withRedis(server: () => PostgresServer): void {
  let redis: RedisServer;
  beforeAll(async () => {
    redis = await startRedis();
  });
  afterAll(() => redis.stop());

  test('what a killed worker had in its hands on redis is taken over', async () => {
    const place = await newPlace(server(), redis.url);
    expect(await takeOver(place, 'runs already')).toBeLessThan(RESUME_MS);
    await removeDir(place.dataDir);
  });

  test('an emptied Redis loses no row: the sweep rings for all of them', async () => {
    const place = await newPlace(server(), redis.url);
    const store = await storeAt(place);
    await migrate(store);
    const queue = await queueAt(place, store);
    const ids = new Set<string>();
    for (let i = 0; i < 20; i += 1) {
      const { id } = await insertDelivery(store, delivery());
      ids.add(id);
      await queue.add({ name: 'delivery', id });
    }
    const admin = new Redis(redis.url);
    await admin.flushall();
    admin.disconnect();
    expect(await queue.counts()).toMatchObject({ waiting: 0 });
    queue.work({ ...idle, delivery: async ({ id }) => void ids.delete(id) }, { concurrency: 4 });
    await ringDue(store, queue, Date.now());
    await until(() => ids.size === 0, WAIT_MS, 'all deliveries');
    await queue.close();
    await store.close();
    await removeDir(place.dataDir);
  });

  test('a Redis that dies makes adding fail fast, and its return is noticed', async () => {
    if (redis.outage === null) return;
    const place = await newPlace(server(), redis.url);
    const { id, queue, taken } = await workerStarts(place);
    await redis.outage.begin();
    const started = performance.now();
    await expect(queue.add({ name: 'delivery', id })).rejects.toThrow();
    expect(performance.now() - started).toBeLessThan(20_000);
    await redis.outage.end();
    await taken();
  });

  test('a queue whose Redis died while it was opened is not handed out', async () => {
    const place = await newPlace(server());
    const store = await storeAt(place);
    const lossy = await dyingLine(redis.url);
    // BullMQ remembers for good what its first connection met: such a queue would never add anything.
    await expect(queueAt({ ...place, redisUrl: lossy.url }, store)).rejects.toThrow();
    await lossy.close();
    await store.close();
    await removeDir(place.dataDir);
  });
}

/** A line to Redis that dies for good before the second question for its version is answered. */
async function dyingLine(redisUrl: string): Promise<{ url: string; close(): Promise<void> }> {
  const target = redisUrl.startsWith('redis:') ? new URL(redisUrl) : null;
  let asked = 0;
  const line = createServer((client) => {
    const upstream =
      target === null ? connect(redisUrl) : connect(Number(target.port), target.hostname);
    upstream.on('error', () => client.destroy());
    client.on('error', () => upstream.destroy());
    upstream.pipe(client);
    client.on('data', (bytes: Buffer) => {
      if (/\binfo\b/i.test(bytes.toString('latin1'))) asked += 1;
      if (asked < 2) upstream.write(bytes);
      else client.destroy();
    });
    client.on('close', () => upstream.destroy());
  });
  await once(line.listen(0, '127.0.0.1'), 'listening');
  const { port } = line.address() as AddressInfo;
  const close = async (): Promise<void> => void (await once(line.close(), 'close'));
  return { url: `redis://127.0.0.1:${port}`, close };
}
