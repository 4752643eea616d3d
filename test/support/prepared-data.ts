/**
 * An embedded database that is set up already: making one anew takes seconds of computing, and every story
 * wants one. It is made once per version of everything it depends on and kept where tools keep caches.
 */
import { createHash, randomUUID } from 'node:crypto';
import { cp, mkdir, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import { openPostgresBackend } from '../../bot/queue/backend.ts';
import { migrate } from '../../bot/store/migrate.ts';
import { openStore } from '../../bot/store/store.ts';

const ROOT = path.resolve(import.meta.dirname, '../..');
const MIGRATIONS = path.join(ROOT, 'schema/sql');
const CACHE = path.join(ROOT, 'node_modules/.cache/autodev-test-data');
const PACKAGES = ['@electric-sql/pglite', 'bullmq'];

/** Puts a migrated database into the data folder `dir`, which must not exist. */
export async function prepareData(dir: string): Promise<void> {
  const kept = path.join(CACHE, await version());
  if (!(await exists(kept))) await makeData(kept);
  await cp(kept, dir, { recursive: true });
}

async function makeData(kept: string): Promise<void> {
  const own = `${kept}-${randomUUID()}`;
  await mkdir(own, { recursive: true });
  const store = await openStore({ dataDir: own });
  await migrate(store);
  const backend = await openPostgresBackend(store, 'autodev');
  await backend.queue.close();
  await backend.close();
  await store.close();
  // Of several that are made at once the first one counts.
  await rename(own, kept).catch(() => rm(own, { recursive: true, force: true }));
}

/** A hash of the migrations and of the packages whose tables and files are in it. */
async function version(): Promise<string> {
  const hash = createHash('sha256');
  for (const name of (await readdir(MIGRATIONS)).toSorted()) {
    hash.update(name).update(await readFile(path.join(MIGRATIONS, name)));
  }
  for (const name of PACKAGES) {
    hash.update(await readFile(path.join(ROOT, 'node_modules', name, 'package.json')));
  }
  return hash.digest('hex').slice(0, 16);
}

async function exists(folder: string): Promise<boolean> {
  return stat(folder).then(
    () => true,
    () => false,
  );
}
