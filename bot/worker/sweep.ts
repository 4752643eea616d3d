/**
 * What nobody rings for: attempts that fell silent, changes whose pipeline hook was missed, and the
 * live figures of the status comment. Any number of processes may sweep; what they find is an event
 * with a key of its own, so it is handled once.
 */
import type { AttemptLoss } from '../domain/events.ts';
import { openAttempts } from '../store/attempts.ts';
import { recordLooks, recordOwnEvent, type Look, type OwnEvent } from '../store/own-events.ts';
import { putEffect } from '../store/effects.ts';
import { dueRuns, quietRuns, staleStatusRuns } from '../store/run-queries.ts';
import { renewFiles } from '../store/file-locks.ts';
import { releaseStranded } from '../store/held-deliveries.ts';
import type { WorkerDeps } from './deps.ts';
import { newEffect } from './new-effect.ts';

const ROWS = 100;
/** How often a run that waits is looked at, besides its hooks: missed ones are healed by this. */
const LOOK_SECONDS = { checks: 10, person: 30 } as const;
/** A running agent's figures are not followed more often than this. */
const MIN_LIVE_SECONDS = 10;
/** A resume that was given up is asked for again after so long. */
const AGAIN_SECONDS = 600;
/** A run is left alone this long after it was touched. */
const QUIET_SECONDS = 2;

/** One sweep; returns how many events and effects it made. */
export async function sweep(deps: WorkerDeps): Promise<number> {
  await renewFiles(deps.db, deps.settings.limits.lockHours);
  const [lost, woken, due, released, refreshed] = [
    await reportLostAttempts(deps),
    await wakeWaiting(deps),
    await resumeDue(deps),
    await releaseLeftBehind(deps),
    await refreshStatus(deps),
  ];
  return lost + woken + due + released + refreshed;
}

async function reportLostAttempts(deps: WorkerDeps): Promise<number> {
  const overdue = await openAttempts(deps.db, {
    heartbeatSeconds: deps.settings.limits.heartbeatLostSeconds,
    limit: ROWS,
  });
  for (const attempt of overdue) {
    const loss: AttemptLoss = attempt.reason;
    const event: OwnEvent = {
      kind: 'attempt_lost',
      runId: attempt.runId,
      attemptId: attempt.id,
      loss,
      detail: '',
    };
    await announce(event, `lost:${attempt.id}:${loss}`, deps);
  }
  return overdue.length;
}

async function wakeWaiting(deps: WorkerDeps): Promise<number> {
  const looks: Look[] = [];
  for (const waitsFor of ['checks', 'person'] as const) {
    const seconds = Math.min(LOOK_SECONDS[waitsFor], deps.settings.limits.reconcileSeconds || 30);
    const bucket = Math.floor(deps.now().getTime() / 1000 / seconds);
    for (const runId of await quietRuns(deps.db, waitsFor, QUIET_SECONDS, ROWS)) {
      looks.push({ runId, dedupeKey: `wake:${runId}:${waitsFor}:${bucket}` });
    }
  }
  const ids = await recordLooks(deps.db, looks);
  for (const id of ids) await deps.queue.add({ name: 'delivery', id });
  return ids.length;
}

/** Runs that were deferred until now. The date is in the key: deferring again makes another event. */
async function resumeDue(deps: WorkerDeps): Promise<number> {
  const due = await dueRuns(deps.db, ROWS);
  const bucket = Math.floor(deps.now().getTime() / 1000 / AGAIN_SECONDS);
  for (const { id: runId, until } of due) {
    const event: OwnEvent = { kind: 'resume_due', runId, until: until.toISOString() };
    await announce(event, `resume:${runId}:${event.until}:${bucket}`, deps);
  }
  return due.length;
}

/** Events kept for runs that are not paused: there should be none. */
async function releaseLeftBehind(deps: WorkerDeps): Promise<number> {
  const ids = await releaseStranded(deps.db, ROWS);
  for (const id of ids) await deps.queue.add({ name: 'delivery', id });
  return ids.length;
}

async function refreshStatus(deps: WorkerDeps): Promise<number> {
  const runs = await staleStatusRuns(
    deps.db,
    Math.max(MIN_LIVE_SECONDS, deps.settings.limits.statusSeconds),
    ROWS,
  );
  for (const { id: runId, repoId } of runs) {
    const effect = { kind: 'status_comment', run: runId, urgent: true } as const;
    const row = newEffect(effect, repoId, { runId, launchId: null });
    const { id } = await putEffect(deps.db, row);
    await deps.queue.add({ name: 'effect', id });
  }
  return runs.length;
}

async function announce(event: OwnEvent, dedupeKey: string, deps: WorkerDeps): Promise<void> {
  const { id, inserted } = await recordOwnEvent(deps.db, event, dedupeKey);
  if (inserted) await deps.queue.add({ name: 'delivery', id });
}
