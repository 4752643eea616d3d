/**
 * Purpose: end a run, always with exactly one verdict (DESIGN §4.10).
 */
import type { Effect } from '../domain/effects.ts';
import { RUN_STATE_OF_VERDICT, type Verdict } from '../domain/outcomes.ts';
import { isOpen, type Run } from '../domain/runs.ts';
import type { Write } from '../domain/snapshot.ts';
import { statusOf } from './status-effects.ts';

/** Effects that must not happen any more once a run is over. */
const FORWARD_EFFECTS: Effect['kind'][] = [
  'create_pipeline',
  'commit_changes',
  'open_change',
  'merge_change',
];

/**
 * The writes and effects that end a run: verdict, open attempts with their pipelines, unfinished
 * tasks, status comment, ✅ or ❌ on the command.
 */
export function endRun(run: Run, verdict: Verdict): { writes: Write[]; effects: Effect[] } {
  const good = verdict.kind === 'done';
  const writes: Write[] = [{ op: 'drop_effects', runId: run.id, kinds: FORWARD_EFFECTS }];
  const effects: Effect[] = [];
  const left = verdict.kind === 'cancelled' ? 'cancelled' : 'failed';
  for (const task of run.tasks.filter(({ state }) => state === 'queued' || state === 'running')) {
    for (const attempt of task.attempts.filter(isOpen)) {
      const { cause } = verdict;
      writes.push({ op: 'end_attempt', attemptId: attempt.id, state: 'cancelled', cause });
      if (attempt.pipelineId === null) continue;
      const { pipelineId } = attempt;
      effects.push({ kind: 'cancel_pipeline', run: run.id, attempt: attempt.id, pipelineId });
    }
    writes.push({ op: 'end_task', taskId: task.id, state: left });
  }
  writes.push({
    op: 'update_run',
    runId: run.id,
    version: run.version,
    patch: { state: RUN_STATE_OF_VERDICT[verdict.kind], stage: 'end', waitsFor: null, verdict },
  });
  effects.push(...statusOf(run, true));
  if (run.triggerNoteId !== null) {
    effects.push({
      kind: 'react',
      target: run.target,
      noteId: run.triggerNoteId,
      emoji: good ? 'white_check_mark' : 'x',
    });
  }
  if (run.role === 'ask' && !good) {
    effects.push({
      kind: 'reply',
      target: run.target,
      discussionId: run.triggerDiscussionId,
      internal: false,
      body: `${verdict.cause} ${verdict.next}`,
      about: `run-${run.id}-end`,
    });
  }
  return { writes, effects };
}
