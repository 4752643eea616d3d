/** A recorded case of decide: what happened, and what was known. */
import type { Event } from '../../../bot/domain/events.ts';
import type { Snapshot } from '../../../bot/domain/snapshot.ts';

export interface Case {
  event: Event;
  snapshot: Snapshot;
}
