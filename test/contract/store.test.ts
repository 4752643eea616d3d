/** The store's contract over every backend, and what only the embedded database has to show. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, readFile, rm, utimes, writeFile } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { deliveryById, insertDelivery } from '../../bot/store/deliveries.ts';
import { migrate } from '../../bot/store/migrate.ts';
import { openStore, type Store } from '../../bot/store/store.ts';
import { available, type PostgresServer, startPostgres, stopChild } from '../support/backends.ts';
import { declareMissing } from '../support/missing.ts';
import { prepareData } from '../support/prepared-data.ts';
import { until } from '../support/until.ts';
import { defineStoreContract } from './store-contract.ts';

const WRITER = fileURLToPath(new URL('../support/store-writer.ts', import.meta.url));

const newDir = (): Promise<string> => mkdtemp(path.join(tmpdir(), 'autodev-store-'));
const removeDir = (dir: string): Promise<void> => rm(dir, { recursive: true, force: true });

defineStoreContract('pglite', async () => {
  const dataDir = await newDir();
  const store = await openStore({ dataDir });
  return {
    store,
    close: async () => {
      await store.close();
      await removeDir(dataDir);
    },
  };
});

if (available('postgres')) describe('with a server', withPostgres);
else declareMissing('postgres', 'The store contract');

function withPostgres(): void {
  let server: PostgresServer;
  beforeAll(async () => {
    server = await startPostgres();
  });
  afterAll(() => server.stop());

  const open = async (): Promise<Store> =>
    openStore({ databaseUrl: await server.newDatabase(), dataDir: '/nowhere' });

  defineStoreContract('postgres', async () => {
    const store = await open();
    return { store, close: () => store.close() };
  });

  test('a transaction whose connection is cut runs again on another one', async () => {
    const store = await open();
    await migrate(store);
    let runs = 0;
    const id = await store.tx(async (tx) => {
      runs += 1;
      const [row] = await tx.query<{ pid: number }>('select pg_backend_pid() as pid');
      const made = await insertDelivery(tx, delivery('cut'));
      // Its own session is ended under it, as a restart of the server does.
      if (runs === 1) await tx.query('select pg_terminate_backend($1)', [row?.pid]);
      return made.id;
    });
    expect(runs).toBe(2);
    expect(await deliveryById(store, id)).toMatchObject({ dedupeKey: 'cut' });
    await store.close();
  });

  test.each(['taken', 'idle'])(
    'a connection that is cut while it is %s is told of, and no more',
    async (how) => {
      const lost: unknown[] = [];
      const log = (_: string, error: unknown): void => void lost.push(error);
      const databaseUrl = await server.newDatabase();
      const store = await openStore({ databaseUrl, dataDir: '/nowhere', log });
      const pool = store.connection.newPool('public', 1);
      const client = await pool.connect();
      const { rows } = await client.query<{ pid: number }>('select pg_backend_pid() as pid');
      if (how === 'idle') client.release();
      // Nobody waits for an answer on it, so nobody else hears of its end.
      await store.query('select pg_terminate_backend($1)', [rows[0]?.pid]);
      await until(() => lost.length > 0, 30_000, 'the loss to be told');
      if (how === 'taken') client.release(true);
      expect((await pool.query('select 1 as one')).rows).toEqual([{ one: 1 }]);
      // The server says why, and then the socket may say that it is over.
      expect(lost.length).toBeLessThanOrEqual(2);
      await pool.end();
      await store.close();
    },
  );

  test('a server that does not answer is an error, not a wait', async () => {
    const url = new URL(await server.newDatabase());
    url.pathname = '/not_there';
    await expect(openStore({ databaseUrl: url.href, dataDir: '/nowhere' })).rejects.toThrow(
      'does not exist',
    );
  });
}

function delivery(dedupeKey: string) {
  return { source: 'gitlab', dedupeKey, eventName: 'x', headers: {}, body: '{}' } as const;
}

describe('the embedded database', () => {
  let dir: string;
  let dataDir: string;
  beforeAll(async () => {
    dir = await newDir();
    dataDir = path.join(dir, 'data');
    await prepareData(dataDir);
  });
  afterAll(() => removeDir(dir));

  test('what was acknowledged is there after kill -9, and the lock does not stay', async () => {
    const writer = spawn(process.execPath, [WRITER, dataDir], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const acknowledged = await killAfter(writer, 200);
    expect(acknowledged.length).toBeGreaterThanOrEqual(200);

    const store = await openStore({ dataDir });
    const rows = await store.query<{ id: string }>('select id from deliveries');
    const there = new Set(rows.map((row) => row.id));
    expect(acknowledged.filter((id) => !there.has(id))).toEqual([]);
    expect((await insertDelivery(store, delivery('after'))).inserted).toBe(true);
    await store.close();
  });

  test('a second opener is told who has it, and gets it when it is free', async () => {
    const store = await openStore({ dataDir });
    await expect(openStore({ dataDir })).rejects.toMatchObject({
      code: 'data_dir_locked',
      message: expect.stringMatching(
        `^Process ${process.pid} on .* already uses .*Stop that process`,
      ),
    });
    await store.close();
    const lock = path.join(dataDir, 'autodev.lock');
    await expect(readFile(lock)).rejects.toMatchObject({ code: 'ENOENT' });
  });

  test('a lock of another host counts while it is touched', async () => {
    const lock = path.join(dataDir, 'autodev.lock');
    const holder = { id: 'x', pid: process.pid, host: 'another-container', started: null };
    await writeFile(lock, JSON.stringify(holder));
    await expect(openStore({ dataDir })).rejects.toMatchObject({ code: 'data_dir_locked' });
    const old = new Date(Date.now() - 60_000);
    await utimes(lock, old, old);
    await (await openStore({ dataDir })).close();
  });

  test('a pid that belongs to someone else by now does not hold the lock', async () => {
    const lock = path.join(dataDir, 'autodev.lock');
    const holder = { id: 'x', pid: process.ppid, host: hostname(), started: '1' };
    await writeFile(lock, JSON.stringify(holder));
    if (process.platform === 'linux') await (await openStore({ dataDir })).close();
  });
});

/** Lines the child wrote until it was killed, once it wrote `count` of them. */
async function killAfter(child: ChildProcess, count: number): Promise<string[]> {
  if (child.stdout === null) throw new Error('the child has no stdout');
  const lines: string[] = [];
  const reader = createInterface({ input: child.stdout });
  reader.on('line', (line) => lines.push(line));
  const ended = new Promise((resolve) => reader.once('close', resolve));
  await until(() => lines.length >= count, 50_000, `${count} rows of the child`);
  await stopChild(child, 'SIGKILL');
  await ended;
  return lines;
}
