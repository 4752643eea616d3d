/**
 * Purpose: end a run, always with exactly one verdict (DESIGN §4.10).
 */
import type { Effect } from '../domain/effects.ts';
import { RUN_STATE_OF_VERDICT, type Verdict } from '../domain/outcomes.ts';
import type { Run } from '../domain/runs.ts';
import type { Write } from '../domain/snapshot.ts';
import { statusOf } from './start.ts';

/** The writes and effects that end a run: verdict, task, status comment, ✅ or ❌ on the command. */
export function endRun(run: Run, verdict: Verdict): { writes: Write[]; effects: Effect[] } {
  const good = verdict.kind === 'done';
  const effects: Effect[] = statusOf(run);
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
  const taskState = good ? 'done' : verdict.kind === 'cancelled' ? 'cancelled' : 'failed';
  return {
    effects,
    writes: [
      {
        op: 'update_run',
        runId: run.id,
        version: run.version,
        patch: { state: RUN_STATE_OF_VERDICT[verdict.kind], stage: 'end', verdict },
      },
      { op: 'end_task', taskId: run.task.id, state: taskState },
    ],
  };
}
