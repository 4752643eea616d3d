/** Purpose: the shapes a decision can take, and a part of one. */
import type { Effect } from '../domain/effects.ts';
import type { Decision, Write } from '../domain/snapshot.ts';

/** How a run moves: part of a decision, or all of it. */
export interface Moved {
  reasons: string[];
  writes: Write[];
  effects: Effect[];
}

/** Nothing to do; the delivery keeps the reason. */
export function ignored(reason: string): Decision {
  return { ignored: reason, reasons: [reason], writes: [], effects: [] };
}

export function acted(reasons: string[], writes: Write[], effects: Effect[]): Decision {
  return { ignored: null, reasons, writes, effects };
}

/** The decision that is this move and nothing else. */
export function decided({ reasons, writes, effects }: Moved): Decision {
  return acted(reasons, writes, effects);
}
