/** An embedded database that is set up already: making one anew takes seconds, and every story wants one. */
import { cp } from 'node:fs/promises';
import { openPostgresBackend } from '../../bot/queue/backend.ts';
import { migrate } from '../../bot/store/migrate.ts';
import { openStore } from '../../bot/store/store.ts';
import { keep } from './kept.ts';

/** The migrations, and the packages whose tables and files are in it. */
const SOURCES = [
  'schema/sql',
  ...['@electric-sql/pglite', 'bullmq'].map((name) => `node_modules/${name}/package.json`),
];

/** Puts a migrated database into the data folder `dir`, which must not exist. */
export async function prepareData(dir: string): Promise<void> {
  await cp(await keep('data', SOURCES, makeData), dir, { recursive: true });
}

async function makeData(dir: string): Promise<void> {
  const store = await openStore({ dataDir: dir });
  await migrate(store);
  const backend = await openPostgresBackend(store, 'autodev');
  await backend.queue.close();
  await backend.close();
  await store.close();
}
