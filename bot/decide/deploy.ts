/**
 * Purpose: the deploy stage: the repository's own deploy job is played and followed.
 */
import { isActive } from '../domain/outcomes.ts';
import { stageOf } from '../domain/runs.ts';
import type { Decision, Snapshot } from '../domain/snapshot.ts';
import { acted, ignored } from './decision.ts';
import { enterStage, nextStage } from './stages.ts';

/** Looks how the deployment of the run stands. */
export function decideDeploy(snapshot: Snapshot): Decision {
  const { run } = snapshot;
  if (!run || !isActive(run.state)) return ignored('the run is over');
  if (stageOf(run)?.kind !== 'deploy') return ignored('the run deploys nothing now');
  const moved = enterStage(run, nextStage(run), snapshot);
  return acted(['the repository has no deploy job', ...moved.reasons], moved.writes, moved.effects);
}
