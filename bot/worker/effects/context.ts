/** What the handlers of effects have in common. */
import type { Effect, EffectKind } from '../../domain/effects.ts';
import type { EffectRow } from '../../store/effects.ts';
import type { RepoRow } from '../../store/repos.ts';
import type { WorkerDeps } from '../deps.ts';

/** What a handler is given. `again` is true when an earlier try may have reached the forge. */
export interface EffectContext<K extends EffectKind = EffectKind> {
  effect: Extract<Effect, { kind: K }>;
  row: EffectRow;
  repo: RepoRow;
  again: boolean;
  /** Call right before the first write; throws LeaseLost when another process took over. */
  begin: () => Promise<void>;
  deps: WorkerDeps;
}
