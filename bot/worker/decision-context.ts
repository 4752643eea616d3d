/** What a decision is committed with, and the one way in which that can be refused. */
import type { Event } from '../domain/events.ts';
import type { Snapshot } from '../domain/snapshot.ts';
import type { DeliveryRow } from '../store/deliveries.ts';
import type { Scope } from './snapshot-base.ts';

/** The state moved on between snapshot and commit: decide again on a fresh snapshot. */
export class DecisionConflict extends Error {
  constructor(what: string) {
    super(`the state moved on: ${what}`);
    this.name = 'DecisionConflict';
  }
}

/** A delivery with the name of the claim under which it is worked on. */
export interface ClaimedDelivery extends DeliveryRow {
  owner: string;
}

export interface DecisionContext {
  delivery: ClaimedDelivery;
  event: Event;
  snapshot: Snapshot;
  scope: Scope;
}
