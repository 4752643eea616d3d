/** Writes about what is kept for a run: files it has claimed, and events that wait while it is paused. */
import type { Decision, Write } from '../domain/snapshot.ts';
import type { Ring } from '../queue/ring.ts';
import { appendAudit } from '../store/audit.ts';
import type { Db } from '../store/db.ts';
import { claimFiles, releaseFiles } from '../store/file-locks.ts';
import { holdDelivery, releaseHeld } from '../store/held-deliveries.ts';
import { withTargetLock } from '../store/locks.ts';
import { DecisionConflict, type DecisionContext } from './decision-context.ts';
import type { WorkerDeps } from './deps.ts';

/**
 * Keeps the delivery for a paused run.
 * @throws DecisionConflict when the run is not paused any more, or the delivery was taken over.
 */
export async function commitHold(
  runId: number,
  decision: Decision,
  context: DecisionContext,
  deps: WorkerDeps,
): Promise<void> {
  const { delivery, scope } = context;
  const reason = decision.reasons.join('; ').slice(0, 1000);
  await deps.db.tx(async (db) => {
    await withTargetLock(db, scope.repo.id, scope.target.type, scope.target.iid);
    const held = await holdDelivery(db, delivery.id, delivery.owner, { runId, reason });
    if (held === null) throw new DecisionConflict('the delivery was taken over');
    if (!held.paused) throw new DecisionConflict(`run ${runId} goes on`);
  });
}

type KeptWrite = Extract<Write, { op: 'claim_files' | 'release_files' | 'release_held' }>;

/**
 * Applies one of them; returns what the queue has to be rung for after the commit.
 * @throws DecisionConflict when another run has one of the files by now.
 */
export async function applyKept(
  db: Db,
  write: KeptWrite,
  context: DecisionContext,
  deps: WorkerDeps,
): Promise<Ring[]> {
  const repoId = context.scope.repo.id;
  switch (write.op) {
    case 'claim_files': {
      const { runId, paths } = write;
      const hours = deps.settings.limits.lockHours;
      const got = await claimFiles(db, { repoId, runId, paths, hours });
      if (got.length < paths.length) throw new DecisionConflict('files were claimed meanwhile');
      return [];
    }
    case 'release_files':
      await releaseFiles(db, write.runId, write.paths);
      await appendAudit(db, {
        repoId,
        runId: write.runId,
        deliveryId: context.delivery.id,
        entry: {
          event: 'files_released',
          actor: 'actor' in context.event ? context.event.actor : null,
          reasons: [`${write.paths.join(', ').slice(0, 1000)} ${write.why}`],
          writes: ['release_files'],
          effects: [],
        },
      });
      return [];
    case 'release_held': {
      const ids = await releaseHeld(db, write.runId);
      return ids.map((id) => ({ name: 'delivery', id }));
    }
  }
}
