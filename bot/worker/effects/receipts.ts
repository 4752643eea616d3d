/** What a receipt means for our own rows; written in the transaction that settles the effect. */
import type { Receipt } from '../../domain/effects.ts';
import { setPipeline } from '../../store/attempts.ts';
import type { Db } from '../../store/db.ts';
import type { EffectRow } from '../../store/effects.ts';
import { patchRun } from '../../store/runs.ts';
import type { WorkerDeps } from '../deps.ts';

/** Writes ids and links from a receipt to the run or attempt it is about. */
export async function applyReceipt(
  db: Db,
  row: EffectRow,
  receipt: Receipt,
  deps: WorkerDeps,
): Promise<void> {
  const { runId } = row;
  if (runId === null) return;
  switch (receipt.kind) {
    case 'status_comment':
      return patchRun(db, runId, { statusNoteId: receipt.noteId });
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
      return patchRun(db, runId, { branch: receipt.branch, headSha: receipt.sha });
    case 'open_change':
      return patchRun(db, runId, { changeIid: receipt.iid, changeUrl: receipt.url });
    case 'react':
    case 'reply':
    case 'cancel_pipeline':
      return;
  }
}
