/** Locks that live as long as a transaction. */
import type { Db } from './db.ts';
import { requireTransaction } from './db.ts';
import type { TargetType } from '../domain/runs.ts';

/**
 * Waits until no other transaction works on this issue or change, and keeps others out until the
 * calling transaction ends. Throws StoreError `transaction_required` outside a transaction.
 */
export async function withTargetLock(
  db: Db,
  repoId: number,
  type: TargetType,
  iid: number,
): Promise<void> {
  requireTransaction(db, 'withTargetLock');
  await db.query('select pg_advisory_xact_lock(hashtextextended($1, 0))', [
    `target ${repoId} ${type} ${iid}`,
  ]);
}

/** The database's clock: the only one that leases and deadlines are compared with. */
export async function databaseNow(db: Db): Promise<Date> {
  const [row] = await db.query<{ now: Date }>('select clock_timestamp() as now');
  return (row as { now: Date }).now;
}

/**
 * Takes a named lock until the calling transaction ends, without waiting. False when another
 * transaction has it. Throws StoreError `transaction_required` outside a transaction.
 */
export async function tryLeaderLock(db: Db, name: string): Promise<boolean> {
  requireTransaction(db, 'tryLeaderLock');
  const [row] = await db.query<{ taken: boolean }>(
    'select pg_try_advisory_xact_lock(hashtextextended($1, 2)) as taken',
    [name],
  );
  return row?.taken === true;
}
