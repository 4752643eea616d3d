/** Installations for tests of the queue: where rows and jobs are. */
import { randomUUID } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { openQueue, type Queue } from '../../bot/queue/queue.ts';
import { openStore, type Store } from '../../bot/store/store.ts';
import type { PostgresServer } from './backends.ts';
import { prepareData } from './prepared-data.ts';

/** One installation under test: where its rows and its jobs are. */
export interface Place {
  databaseUrl?: string;
  redisUrl?: string;
  dataDir: string;
  name: string;
}

const newDir = (): string => path.join(tmpdir(), `autodev-queue-${randomUUID()}`);
export const removeDir = (dir: string): Promise<void> => rm(dir, { recursive: true, force: true });
export const newName = (): string => `test-${randomUUID()}`;

export const storeAt = ({ databaseUrl, dataDir }: Place): Promise<Store> =>
  openStore({ dataDir, ...(databaseUrl !== undefined && { databaseUrl }) });
export const queueAt = (
  { redisUrl, name }: Place,
  store: Store,
  log: (message: string) => void = () => undefined,
): Promise<Queue> => openQueue({ store, name, log, ...(redisUrl !== undefined && { redisUrl }) });

/** A place with a database of its own: an empty one on a server, or a migrated one that is embedded. */
export async function newPlace(server: PostgresServer | null, redisUrl?: string): Promise<Place> {
  const dataDir = newDir();
  if (server === null) await prepareData(dataDir);
  return {
    dataDir,
    name: newName(),
    ...(server !== null && { databaseUrl: await server.newDatabase() }),
    ...(redisUrl !== undefined && { redisUrl }),
  };
}
