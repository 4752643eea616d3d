/** What a receipt means for our own rows; written in the transaction that settles the effect. */
import type { Receipt } from '../../domain/effects.ts';
import { setPipeline } from '../../store/attempts.ts';
import type { Db } from '../../store/db.ts';
import type { EffectRow } from '../../store/effects.ts';
import { runById, updateRun, type RunPatch } from '../../store/runs.ts';
import type { WorkerDeps } from '../deps.ts';

/** Writes ids and links from a receipt to the run or attempt it is about. */
export async function applyReceipt(
  db: Db,
  row: EffectRow,
  receipt: Receipt,
  deps: WorkerDeps,
): Promise<void> {
  switch (receipt.kind) {
    case 'status_comment':
      return patchRun(db, row.runId, { statusNoteId: receipt.noteId });
    case 'create_pipeline': {
      if (row.attemptId === null) return;
      const wait = deps.settings.limits.runnerWaitMinutes * 60_000;
      await setPipeline(db, row.attemptId, {
        pipelineId: receipt.pipelineId,
        pipelineUrl: receipt.url,
        sha: receipt.sha,
        claimBy: new Date(deps.now().getTime() + wait),
      });
      return;
    }
    case 'commit_changes':
      if (receipt.outcome === 'refused') return;
      return patchRun(db, row.runId, { branch: receipt.branch, headSha: receipt.sha });
    case 'open_change':
      return patchRun(db, row.runId, { changeIid: receipt.iid, changeUrl: receipt.url });
    case 'react':
    case 'reply':
    case 'cancel_pipeline':
      return;
  }
}

/** Facts from receipts go in whatever the version: they are true for every decision. */
async function patchRun(db: Db, runId: number | null, patch: RunPatch): Promise<void> {
  if (runId === null) return;
  await db.query('select 1 from runs where id = $1 for update', [runId]);
  const run = await runById(db, runId);
  if (!run) throw new Error(`run ${runId} does not exist`);
  await updateRun(db, runId, run.version, patch);
}
