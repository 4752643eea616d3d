/**
 * Purpose: the children of an epic: issues with runs of their own, whose ends are waited for.
 */
import { isActive } from '../domain/outcomes.ts';
import { stageOf } from '../domain/runs.ts';
import type { Decision, Snapshot } from '../domain/snapshot.ts';
import { ignored } from './decision.ts';

/** Looks how far the children are. */
export function decideChildren(snapshot: Snapshot): Decision {
  const { run } = snapshot;
  if (!run || !isActive(run.state)) return ignored('the run is over');
  if (stageOf(run)?.kind !== 'children') return ignored('the run has no children now');
  return ignored('children are not known yet');
}
