/** Names of lease holders. */
import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';

/**
 * A name for one claim: `host:pid:uuid`. Make a new one for every claim, so that a claim whose
 * lease ran out cannot settle what the same process claimed again.
 */
export function newLeaseOwner(): string {
  return `${hostname()}:${process.pid}:${randomUUID()}`;
}
