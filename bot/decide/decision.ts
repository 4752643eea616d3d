/** Purpose: the two shapes a decision can take. */
import type { Effect } from '../domain/effects.ts';
import type { Decision, Write } from '../domain/snapshot.ts';

/** Nothing to do; the delivery keeps the reason. */
export function ignored(reason: string): Decision {
  return { ignored: reason, reasons: [reason], writes: [], effects: [] };
}

export function acted(reasons: string[], writes: Write[], effects: Effect[]): Decision {
  return { ignored: null, reasons, writes, effects };
}
