/** An effect as the row that is stored for it: all of the row follows from the effect. */
import { effectKey, type Effect, type NewIds } from '../domain/effects.ts';
import type { NewEffect } from '../store/effects.ts';

/** The row of an effect whose references are resolved; `ids` are those that its decision created, if any. */
export function newEffect(effect: Effect, repoId: number, ids: NewIds): NewEffect {
  return {
    repoId,
    runId: 'run' in effect && effect.run !== 'new' ? effect.run : null,
    attemptId: 'attempt' in effect ? effect.attempt : null,
    kind: effect.kind,
    key: effectKey(effect, repoId, ids),
    payload: effect,
  };
}
