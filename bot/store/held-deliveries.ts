/** Deliveries that a paused run keeps back: they wait in their rows until it goes on or is over. */
import type { Db } from './db.ts';
import { requireTransaction } from './db.ts';

/** Where the first of several released deliveries stands before the next: order, not delay. */
const STEP_MICROSECONDS = 1;

const RELEASED = `state = 'new', held_for = null, reason = null, processed_at = null, attempts = 0,
  not_before = now() + make_interval(secs => $2::float8 / 1000000 * place.at)`;

/**
 * Keeps a delivery until the run goes on. `paused` is false when the run is not paused any more and
 * the delivery has to be decided anew; null when `owner` lost its lease. Inside a transaction that
 * holds the lock of the run's target, so that no resume can come in between.
 */
export async function holdDelivery(
  db: Db,
  id: string,
  owner: string,
  held: { runId: number; reason: string },
): Promise<{ paused: boolean } | null> {
  requireTransaction(db, 'holdDelivery');
  const [run] = await db.query<{ paused: boolean }>(
    `select state = 'paused' as paused from runs where id = $1 for share`,
    [held.runId],
  );
  if (run?.paused !== true) return { paused: false };
  const rows = await db.query(
    `update deliveries set state = 'held', held_for = $3, reason = $4, lease_until = null,
       lease_owner = null where id = $1 and lease_owner = $2 and state = 'new' returning id`,
    [id, owner, held.runId, held.reason],
  );
  return rows.length > 0 ? { paused: true } : null;
}

/** Makes everything that was kept for a run due, in the order in which it came; returns the ids. */
export async function releaseHeld(db: Db, runId: number): Promise<string[]> {
  const rows = await db.query<{ id: string }>(
    `update deliveries set ${RELEASED}
     from (select id, row_number() over (order by received_at, id) as at from deliveries
           where state = 'held' and held_for = $1) as place
     where deliveries.id = place.id and state = 'held'
     returning deliveries.id, place.at`,
    [runId, STEP_MICROSECONDS],
    'deliveries_release',
  );
  return inOrder(rows);
}

/**
 * The same for everything that is kept for a run that is not paused: nothing stays behind, whatever
 * way the run took.
 */
export async function releaseStranded(db: Db, limit: number): Promise<string[]> {
  const rows = await db.query<{ id: string }>(
    `update deliveries set ${RELEASED}
     from (select held.id, row_number() over (order by held.received_at, held.id) as at
           from deliveries held left join runs on runs.id = held.held_for
           where held.state = 'held' and runs.state is distinct from 'paused'
           limit $1) as place
     where deliveries.id = place.id and deliveries.state = 'held'
     returning deliveries.id, place.at`,
    [limit, STEP_MICROSECONDS],
    'deliveries_release_stranded',
  );
  return inOrder(rows);
}

function inOrder(rows: readonly { id: string; at?: number }[]): string[] {
  return rows.toSorted((a, b) => Number(a.at) - Number(b.at)).map((row) => row.id);
}
