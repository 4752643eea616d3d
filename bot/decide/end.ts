/**
 * Purpose: end a run, always with exactly one verdict (DESIGN §4.10).
 */
import type { Effect } from '../domain/effects.ts';
import { RUN_STATE_OF_VERDICT, type Verdict } from '../domain/outcomes.ts';
import { isOpen, stageOf, type Attempt, type Run, type Task } from '../domain/runs.ts';
import type { RunPatch, Write } from '../domain/snapshot.ts';
import type { Moved } from './decision.ts';
import { goesOn } from './deploy-text.ts';
import { statusOf } from './status-effects.ts';

/** Effects that must not happen any more once a run is over. */
const FORWARD_EFFECTS: Effect['kind'][] = [
  'create_pipeline',
  'commit_changes',
  'open_change',
  'merge_change',
  'play_job',
  'create_epic',
  'create_issue',
  'raise_issues',
];

/** What a run still had to say on its changes: not wanted any more when people took the ground from it. */
const SAID_ON_CHANGES: Effect['kind'][] = [
  'update_change',
  'open_threads',
  'resolve_threads',
  'reset_approvals',
  'set_gate',
];

/**
 * The writes and effects that end a run: verdict, open attempts with their pipelines, unfinished
 * tasks, status comment, ✅ or ❌ on the command. `also` is written with them.
 */
export function endRun(
  run: Run,
  given: Verdict,
  also: RunPatch = {},
): { writes: Write[]; effects: Effect[] } {
  // An end that says nothing of a deployment under way leaves it under way.
  const open = also.deployment === undefined ? goesOn(run) : '';
  const verdict = { ...given, cause: `${given.cause}${open}` };
  const among = stageOf(run)?.kind === 'children';
  const good = verdict.kind === 'done';
  const left = verdict.kind === 'cancelled' ? 'cancelled' : 'failed';
  const { writes, effects } = stopWork(run, verdict.cause, left);
  if (verdict.kind === 'cancelled' || verdict.kind === 'refused') {
    writes.push({ op: 'drop_effects', runId: run.id, kinds: SAID_ON_CHANGES });
  }
  if (among) writes.push({ op: 'stop_children', runId: run.id, epicIid: run.target.iid });
  // What waited for a paused run has nothing left to wait for.
  if (run.state === 'paused') writes.push({ op: 'release_held', runId: run.id });
  writes.push({
    op: 'update_run',
    runId: run.id,
    version: run.version,
    patch: {
      state: RUN_STATE_OF_VERDICT[verdict.kind],
      stage: 'end',
      stoppedAt: run.stage,
      waitsFor: null,
      pausedUntil: null,
      verdict: among ? withChildren(verdict) : verdict,
      ...also,
    },
  });
  // A child that ends lets others start.
  if (run.parentRunId !== null) writes.push({ op: 'wake', runId: run.parentRunId });
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

/** Children outlive nothing that ends the epic before them; a person has to read that. */
function withChildren(verdict: Verdict): Verdict {
  if (verdict.kind !== 'cancelled' && verdict.kind !== 'refused') return verdict;
  return { ...verdict, cause: `${verdict.cause} Children that were at work are cancelled, too.` };
}

/** The end of a run as a whole move. */
export function ended(run: Run, verdict: Verdict, also: RunPatch = {}): Moved {
  return { reasons: [`verdict ${verdict.kind}`], ...endRun(run, verdict, also) };
}

/** Ends whatever agents do for the run, and what was still to be published; `run` is it without them. */
export function stopWork(
  run: Run,
  cause: string,
  left: 'cancelled' | 'failed' = 'cancelled',
): { writes: Write[]; effects: Effect[]; run: Run } {
  const writes: Write[] = [{ op: 'drop_effects', runId: run.id, kinds: FORWARD_EFFECTS }];
  const effects: Effect[] = [];
  const tasks = run.tasks.map((task): Task => {
    if (task.state !== 'queued' && task.state !== 'running') return task;
    for (const attempt of task.attempts.filter(isOpen)) {
      writes.push({ op: 'end_attempt', attemptId: attempt.id, state: 'cancelled', cause });
      if (attempt.pipelineId === null) continue;
      const { pipelineId } = attempt;
      effects.push({ kind: 'cancel_pipeline', run: run.id, attempt: attempt.id, pipelineId });
    }
    writes.push({ op: 'end_task', taskId: task.id, state: left });
    const attempts = task.attempts.map((attempt): Attempt =>
      isOpen(attempt) ? { ...attempt, state: 'cancelled' } : attempt,
    );
    return { ...task, state: left, attempts };
  });
  return { writes, effects, run: { ...run, tasks } };
}
