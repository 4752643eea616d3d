/**
 * The two ways to talk to the database: one query, or one transaction that is retried as a whole.
 * The same code runs on PostgreSQL and on the embedded PGlite; nothing else in the bot imports
 * `pg`.
 */
import { AsyncLocalStorage } from 'node:async_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  type CustomTypesConfig,
  type Pool,
  type PoolClient,
  type QueryConfig,
  type QueryResult,
  types,
} from 'pg';
import { StoreError, sqlState } from './errors.ts';

/** What table functions get: the store itself, or one transaction of it. */
export interface Db {
  /**
   * Runs one statement. `name` makes it a prepared statement on PostgreSQL (PGlite ignores it: its
   * clients share one session). int8 arrives as number, timestamptz as Date, jsonb parsed.
   * Several statements in one text are possible without params only.
   */
  query<Row = Record<string, unknown>>(
    text: string,
    params?: readonly unknown[],
    name?: string,
  ): Promise<Row[]>;
  /**
   * Runs `fn` in one transaction (READ COMMITTED) and commits when it resolves. A serialization
   * failure or deadlock, or a connection lost before COMMIT was sent, runs the whole function
   * again, so it must change nothing but the database. A `tx` inside a `tx` joins the outer one.
   */
  tx<T>(fn: (db: Db) => Promise<T>): Promise<T>;
}

/** Runs of one transaction, the first included. */
const TX_RUNS = 6;
const RETRY_BASE_MS = 15;

/** Marks the asynchronous flow in which a transaction is open. */
const openTransaction = new AsyncLocalStorage<{ open: boolean }>();
const transactions = new WeakSet<Db>();

/** True while the calling flow is inside `tx`; the queue refuses to ring from there. */
export function insideTransaction(): boolean {
  return openTransaction.getStore()?.open === true;
}

/** Throws unless `db` is a transaction: a row or advisory lock outside one is let go at once. */
export function requireTransaction(db: Db, what: string): void {
  if (transactions.has(db)) return;
  throw new StoreError('transaction_required', `${what} works inside db.tx(…) only.`);
}

const INT8_OID = 20;

/** Per-pool type parsers: int8 becomes a number, everything else stays with pg's defaults. */
export const STORE_TYPES: CustomTypesConfig = {
  getTypeParser: (oid: number, format?: 'text' | 'binary') =>
    oid === INT8_OID && format !== 'binary' ? parseInt8 : types.getTypeParser(oid, format),
};

function parseInt8(text: string): number {
  const value = Number(text);
  if (Number.isSafeInteger(value)) return value;
  throw new StoreError('unsafe_integer', `The database returned ${text}, which is above 2^53.`);
}

interface Runner {
  query(config: QueryConfig): Promise<QueryResult>;
}

/** Makes a Db over a pool; `prepared` says whether statement names may be used. */
export function dbOverPool(pool: Pool, prepared: boolean): Db {
  return {
    query: (text, params, name) => {
      if (insideTransaction()) return Promise.reject(outsideTransaction(text));
      return run(pool, prepared, text, params, name);
    },
    tx: (fn) => {
      if (insideTransaction()) return Promise.reject(outsideTransaction('begin'));
      return retryTransaction(pool, prepared, fn);
    },
  };
}

async function run<Row>(
  runner: Runner,
  prepared: boolean,
  text: string,
  params: readonly unknown[] = [],
  name?: string,
): Promise<Row[]> {
  const config: QueryConfig = { text };
  if (params.length > 0) config.values = params.map(storable);
  if (prepared && name !== undefined) config.name = name;
  const result = await runner.query(config);
  return result.rows as Row[];
}

/** PostgreSQL's text takes no NUL; what a model or a person wrote may hold one. */
function storable(value: unknown): unknown {
  return typeof value === 'string' && value.includes('\0')
    ? value.replaceAll('\0', '\uFFFD')
    : value;
}

/** With one session (PGlite) such a query would wait for ever for its own transaction. */
function outsideTransaction(text: string): StoreError {
  return new StoreError(
    'query_outside_transaction',
    `"${text.trim().slice(0, 60)}" was sent on the store while a transaction is open here. ` +
      'Use the db that tx() passes to its function.',
  );
}

async function retryTransaction<T>(
  pool: Pool,
  prepared: boolean,
  fn: (db: Db) => Promise<T>,
): Promise<T> {
  for (let runs = 1; ; runs += 1) {
    const outcome = await oneTransaction(pool, prepared, fn);
    if (outcome.ok) return outcome.value;
    if (!outcome.retry || runs >= TX_RUNS) throw outcome.error;
    await sleep(RETRY_BASE_MS * 2 ** runs * (0.5 + Math.random()));
  }
}

type TxOutcome<T> = { ok: true; value: T } | { ok: false; retry: boolean; error: unknown };

async function oneTransaction<T>(
  pool: Pool,
  prepared: boolean,
  fn: (db: Db) => Promise<T>,
): Promise<TxOutcome<T>> {
  let client: PoolClient;
  try {
    client = await pool.connect();
  } catch (error) {
    return { ok: false, retry: isConnectionLoss(error), error };
  }
  let lost: unknown;
  const onError = (error: unknown): void => {
    lost ??= error;
  };
  client.on('error', onError);
  let commitSent = false;
  try {
    await client.query('begin');
    const value = await inTransaction(client, prepared, fn);
    commitSent = true;
    await client.query('commit');
    return { ok: true, value };
  } catch (error) {
    const connectionLost = lost !== undefined || isConnectionLoss(error);
    if (connectionLost) lost ??= error;
    else await client.query('rollback').catch(onError);
    // After COMMIT was sent a lost connection says nothing about the outcome: never run twice.
    const retry = isConflict(error) || (connectionLost && !commitSent);
    return { ok: false, retry, error };
  } finally {
    client.removeListener('error', onError);
    client.release(lost !== undefined);
  }
}

async function inTransaction<T>(
  client: PoolClient,
  prepared: boolean,
  fn: (db: Db) => Promise<T>,
): Promise<T> {
  const scope = { open: true };
  const db: Db = {
    query: (text, params, name) => run(client, prepared, text, params, name),
    tx: (inner) => inner(db),
  };
  transactions.add(db);
  try {
    return await openTransaction.run(scope, () => fn(db));
  } finally {
    scope.open = false;
  }
}

/** 40001 serialization_failure, 40P01 deadlock_detected (PostgreSQL manual, appendix A). */
function isConflict(error: unknown): boolean {
  const state = sqlState(error);
  return state === '40001' || state === '40P01';
}

const CONNECTION_LOST = /^Connection terminated|^Client has encountered a connection error/;
const SOCKET_ERRORS = new Set(['ECONNRESET', 'ECONNREFUSED', 'EPIPE', 'ENOENT', 'ETIMEDOUT']);

/**
 * 57P01–57P03: server going down or starting; 25P03: silent for too long in a transaction; class 08: connection exceptions; or the socket's own.
 */
function isConnectionLoss(error: unknown): boolean {
  const state = sqlState(error);
  if (state !== null && (state.startsWith('08') || /^(57P0[123]|25P03)$/.test(state))) return true;
  if (typeof error !== 'object' || error === null) return false;
  if ('code' in error && SOCKET_ERRORS.has(String(error.code))) return true;
  // pg has no code for this one.
  return 'message' in error && CONNECTION_LOST.test(String(error.message));
}
