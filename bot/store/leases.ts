/** Who holds a lease, and when nobody can hold one. */
import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import type { Store } from './store.ts';

/**
 * A name for one claim: `host:pid:uuid`. Make a new one for every claim, so that a claim whose lease
 * ran out cannot settle what the same process claimed again.
 */
export function newLeaseOwner(): string {
  return `${hostname()}:${process.pid}:${randomUUID()}`;
}

/**
 * Frees every lease that a process before this one left in the embedded database, so that its work goes
 * on at once; call it after `migrate` and before any work. The database's lock says that nobody else
 * can be working on it. On PostgreSQL it does nothing: other processes may live.
 */
export async function freeLeasesOfTheDead(store: Store): Promise<void> {
  if (store.kind !== 'pglite') return;
  await store.query(
    `update deliveries set lease_until = null, lease_owner = null
     where state = 'new' and lease_until is not null`,
  );
  // The fence goes up with the next claim, as always.
  await store.query(
    `update effects set lease_until = null, lease_owner = null
     where state = 'pending' and lease_until is not null`,
  );
}
