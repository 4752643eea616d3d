/** What a receipt means for our own rows; written in the transaction that settles the effect. */
import type { Effect, Receipt } from '../../domain/effects.ts';
import type { ChangeRole } from '../../domain/runs.ts';
import { attemptById } from '../../store/attempts.ts';
import { setThreads } from '../../store/findings.ts';
import { claimFiles } from '../../store/file-locks.ts';
import { notePublished } from '../../store/published.ts';
import { setPipeline } from '../../store/launches.ts';
import type { Db } from '../../store/db.ts';
import type { EffectRow } from '../../store/effects.ts';
import { patchRun, runById } from '../../store/runs.ts';
import type { WorkerDeps } from '../deps.ts';
import { digestOf } from './same-changes.ts';

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
      const effect = row.payload as Effect;
      if (effect.kind !== 'create_pipeline' || effect.launch === 'new') return;
      await setPipeline(db, effect.launch, {
        pipelineId: receipt.pipelineId,
        pipelineUrl: receipt.url,
        sha: receipt.sha,
        claimSeconds: deps.settings.limits.runnerWaitMinutes * 60,
      });
      return;
    }
    case 'commit_changes': {
      if (receipt.outcome !== 'committed') return;
      const { branch, sha } = receipt;
      if (roleOf(row) === 'code') await notePublication(db, row, sha, deps);
      return patchRun(
        db,
        runId,
        roleOf(row) === 'spec' ? { specBranch: branch, specSha: sha } : { branch, headSha: sha },
      );
    }
    case 'open_change': {
      const { iid, url } = receipt;
      return patchRun(
        db,
        runId,
        roleOf(row) === 'spec'
          ? { specIid: iid, specUrl: url }
          : { changeIid: iid, changeUrl: url },
      );
    }
    case 'open_threads':
    case 'resolve_threads':
      return noteThreads(db, runId, receipt.threads);
    case 'play_job': {
      if (receipt.outcome === 'refused') return;
      const asked = (await runById(db, runId))?.deployment;
      if (asked?.state !== 'asked') return;
      const { jobId, url } = receipt;
      const since = deps.now().toISOString();
      return patchRun(db, runId, { deployment: { ...asked, jobId, url, since, state: 'running' } });
    }
    case 'react':
    case 'reply':
    case 'cancel_pipeline':
    case 'update_change':
    case 'reset_approvals':
    case 'set_gate':
    case 'merge_change':
    case 'publish_reports':
    case 'create_epic':
    case 'create_issue':
    case 'report_note':
    case 'raise_issues':
      return;
  }
}

/** In which threads the findings on the run's change are told, and how those stand. */
async function noteThreads(
  db: Db,
  runId: number,
  threads: readonly { fingerprint: string; discussionId: string; resolved?: boolean }[],
): Promise<void> {
  const run = await runById(db, runId);
  if (run?.changeIid == null) return;
  const { repoId, changeIid } = run;
  const rows = threads.map(({ fingerprint, discussionId, resolved = false }) => ({
    fingerprint,
    threadId: discussionId,
    resolved,
  }));
  await setThreads(db, { repoId, changeIid }, rows);
}

/** What is published is claimed as far as it is free, and remembered to tell twins by it. */
async function notePublication(
  db: Db,
  row: EffectRow,
  sha: string,
  deps: WorkerDeps,
): Promise<void> {
  const { repoId, runId, attemptId } = row;
  if (runId === null || attemptId === null) return;
  const changes = (await attemptById(db, attemptId))?.result?.changes ?? [];
  const paths = changes.map((change) => change.path);
  await notePublished(db, runId, { digest: digestOf(changes), sha });
  await claimFiles(db, { repoId, runId, paths, hours: deps.settings.limits.lockHours });
}

function roleOf(row: EffectRow): ChangeRole {
  const effect = row.payload as Effect;
  return 'change' in effect ? effect.change : 'code';
}
