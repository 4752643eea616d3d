/** Databases that are set up already: making one anew takes seconds, and every story wants one. */
import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { openPostgresBackend } from '../../bot/queue/backend.ts';
import { migrate } from '../../bot/store/migrate.ts';
import { openStore, type Store } from '../../bot/store/store.ts';
import { available, canMakeCluster, makeCluster, startCopy, startPostgres } from './backends.ts';
import { keep } from './kept.ts';

/** The migrations, and the packages whose tables and files are in it. */
const SOURCES = [
  'schema/sql',
  ...['@electric-sql/pglite', 'bullmq'].map((name) => `node_modules/${name}/package.json`),
];

export interface PreparedDatabase {
  /** Null: the embedded database, which whoever uses the folder opens. */
  url: string | null;
  stop(): Promise<void>;
}

/**
 * A migrated database: `asked` is the URL of one that is there, or `embedded` for one in `dataDir`, which
 * must not exist. Default: PostgreSQL where the machine has it, embedded elsewhere.
 */
export async function prepareDatabase(dataDir: string, asked?: string): Promise<PreparedDatabase> {
  const stop = async (): Promise<void> => undefined;
  if (asked !== undefined && asked !== 'embedded') return { url: asked, stop };
  if (asked === undefined && available('postgres')) {
    if (!canMakeCluster()) return newDatabase();
    const cluster = await keep('cluster', SOURCES, (own) =>
      makeCluster(own, async (url) => setUp(await openStore({ databaseUrl: url, dataDir: '' }))),
    );
    return startCopy(cluster);
  }
  await prepareData(dataDir);
  return { url: null, stop };
}

/** A migrated database on the server that the environment names. */
async function newDatabase(): Promise<PreparedDatabase> {
  const server = await startPostgres();
  const url = await server.newDatabase();
  await setUp(await openStore({ databaseUrl: url, dataDir: '' }));
  return { url, stop: () => server.stop() };
}

/** An open store on a prepared database of its own; `asked` as for `prepareDatabase`. */
export async function newStore(
  asked?: string,
): Promise<{ store: Store; close: () => Promise<void> }> {
  const dir = await mkdtemp(path.join(tmpdir(), 'autodev-prepared-'));
  const dataDir = path.join(dir, 'data');
  const { url, stop } = await prepareDatabase(dataDir, asked);
  const store = await openStore({ dataDir, ...(url !== null && { databaseUrl: url }) });
  return {
    store,
    close: async () => {
      await store.close();
      await stop();
      await rm(dir, { recursive: true, force: true });
    },
  };
}

/** Puts a migrated embedded database into the data folder `dir`, which must not exist. */
export async function prepareData(dir: string): Promise<void> {
  // Thousands of files: twice as fast as Node's own copy.
  await promisify(execFile)('cp', ['-R', await keep('data', SOURCES, makeData), dir]);
}

const makeData = async (dir: string): Promise<void> => setUp(await openStore({ dataDir: dir }));

async function setUp(store: Store): Promise<void> {
  await migrate(store);
  const backend = await openPostgresBackend(store, 'autodev');
  await backend.queue.close();
  await backend.close();
  await store.close();
}
