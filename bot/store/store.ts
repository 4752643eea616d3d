/** Opens the store: PostgreSQL when a URL is given, the embedded PGlite otherwise. */
import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { PGlite } from '@electric-sql/pglite';
import { Pool, type PoolConfig } from 'pg';
import { lockDataDir } from './data-dir-lock.ts';
import { type Db, STORE_TYPES, dbOverPool } from './db.ts';
import { PgliteHub } from './pglite-wire.ts';

export interface StoreOptions {
  /** PostgreSQL URL; without it the embedded database in `dataDir` is opened. */
  databaseUrl?: string;
  /** Folder of the embedded database; made when absent, not touched with a `databaseUrl`. */
  dataDir: string;
  /** Connections of the store's own pool; the queue has its own. */
  poolSize?: number;
  /** Hears about idle connections that broke; the pool replaces them by itself. */
  log?: (message: string, error: unknown) => void;
}

/** How another client of the same database (the queue) gets its connections. */
export interface StoreConnection {
  /**
   * A new pool whose sessions resolve unqualified names in `schema` first. The caller ends it
   * before the store is closed.
   */
  newPool(schema: string, size: number): Pool;
}

/** The open store. It is a Db itself; `migrate` it before use, `close` it last. */
export interface Store extends Db {
  readonly kind: 'pglite' | 'postgres';
  readonly connection: StoreConnection;
  close(): Promise<void>;
}

const POSTGRES_POOL = 10;
/** PGlite runs one statement at a time: more clients only wait in another place. */
const PGLITE_POOL = 4;
const CONNECT_TIMEOUT_MS = 10_000;
/**
 * Transactions only talk to the database. One that is silent for so long is of a process that stands still,
 * and its locks must not hold up those that take over.
 */
const IDLE_IN_TRANSACTION_MS = 5_000;

/**
 * Opens the database and proves that it answers. Throws StoreError `data_dir_locked`, or the
 * driver's error when PostgreSQL cannot be reached or refuses the login.
 */
export async function openStore(options: StoreOptions): Promise<Store> {
  return options.databaseUrl === undefined
    ? openPglite(options)
    : openPostgres(options, options.databaseUrl);
}

async function openPostgres(options: StoreOptions, databaseUrl: string): Promise<Store> {
  const config: PoolConfig = {
    connectionString: databaseUrl,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    keepAlive: true,
    idle_in_transaction_session_timeout: IDLE_IN_TRANSACTION_MS,
    application_name: 'autodev',
  };
  const pool = watched(
    new Pool({ ...config, types: STORE_TYPES, max: options.poolSize ?? POSTGRES_POOL }),
    options,
  );
  try {
    await pool.query('select 1');
  } catch (error) {
    await pool.end();
    throw error;
  }
  return {
    ...dbOverPool(pool, true),
    kind: 'postgres',
    connection: {
      newPool: (schema, size) =>
        watched(
          new Pool({ ...config, max: size, options: `-c search_path=${schema},public` }),
          options,
        ),
    },
    close: () => pool.end(),
  };
}

async function openPglite(options: StoreOptions): Promise<Store> {
  const unlock = await lockDataDir(options.dataDir);
  let db: PGlite;
  try {
    const folder = path.join(options.dataDir, 'pglite');
    await mkdir(folder, { recursive: true });
    db = await PGlite.create(folder);
  } catch (error) {
    await unlock();
    throw error;
  }
  const hub = new PgliteHub(db);
  // There is one session, so one search path serves everyone: ours first, the queue's tables
  // behind.
  await db.exec('set search_path to public, bullmq');
  const stream = (): ReturnType<PgliteHub['connect']> => hub.connect();
  const config: PoolConfig = { stream, user: 'postgres', database: 'postgres' };
  const max = options.poolSize ?? PGLITE_POOL;
  const pool = watched(new Pool({ ...config, types: STORE_TYPES, max }), options);
  return {
    ...dbOverPool(pool, false),
    kind: 'pglite',
    connection: {
      newPool: (_schema, size) => watched(new Pool({ ...config, max: size }), options),
    },
    close: async () => {
      await pool.end();
      await db.close();
      await unlock();
    },
  };
}

/**
 * Without a listener a connection's error would end the process: the pool hears of idle ones, and of those that
 * somebody has taken only they themselves, between two queries.
 */
function watched(pool: Pool, options: StoreOptions): Pool {
  pool.on('connect', (client) => {
    client.on('error', (error) => options.log?.('A database connection was lost', error));
  });
  pool.on('error', () => undefined);
  return pool;
}
