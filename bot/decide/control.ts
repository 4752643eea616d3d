/**
 * Purpose: stop a run, and start a stopped one again.
 */
import type { Effect } from '../domain/effects.ts';
import { isActive, type Verdict } from '../domain/outcomes.ts';
import { isOpen, type Run } from '../domain/runs.ts';
import type { Decision, Snapshot, Write } from '../domain/snapshot.ts';
import { refuse, type Ask } from './ask.ts';
import { acted } from './decision.ts';
import { endRun } from './end.ts';
import * as text from './text.ts';
import { startWork } from './work.ts';

/** Effects that must not happen any more once a run is over. */
const FORWARD_EFFECTS: Effect['kind'][] = ['create_pipeline', 'commit_changes', 'open_change'];

/** `/autodev cancel`: final; a later result of the agent is refused by its fence. */
export function cancelRun(ask: Ask, snapshot: Snapshot): Decision {
  const run = snapshot.run;
  if (!run || !isActive(run.state)) return refuse(ask, text.nothingToCancel(), 'nothing to cancel');
  const stopped = stopRun(run, {
    kind: 'cancelled',
    cause: `Cancelled by @${ask.actor.username}.`,
    next: '`/autodev retry` starts it again.',
  });
  const done: Effect[] =
    ask.noteId === null
      ? []
      : [{ kind: 'react', target: ask.target, noteId: ask.noteId, emoji: 'white_check_mark' }];
  return acted(
    [`run ${run.id} cancelled by ${ask.actor.username} (id ${ask.actor.id})`],
    stopped.writes,
    [...stopped.effects, ...done],
  );
}

/** Ends a run that is under way: open attempts are cancelled, their pipelines too. */
export function stopRun(run: Run, verdict: Verdict): { writes: Write[]; effects: Effect[] } {
  const writes: Write[] = [{ op: 'drop_effects', runId: run.id, kinds: FORWARD_EFFECTS }];
  const effects: Effect[] = [];
  for (const attempt of run.attempts.filter(isOpen)) {
    writes.push({
      op: 'end_attempt',
      attemptId: attempt.id,
      state: 'cancelled',
      cause: verdict.cause,
    });
    if (attempt.pipelineId !== null) {
      effects.push({
        kind: 'cancel_pipeline',
        run: run.id,
        attempt: attempt.id,
        pipelineId: attempt.pipelineId,
      });
    }
  }
  const end = endRun(run, verdict);
  return { writes: [...writes, ...end.writes], effects: [...effects, ...end.effects] };
}

/** `/autodev retry [hint]`: the last work again, as a new run, when it ended without success. */
export function retryRun(ask: Ask, snapshot: Snapshot): Decision {
  if (snapshot.run && isActive(snapshot.run.state)) {
    return refuse(ask, text.alreadyRunning(snapshot.run), `run ${snapshot.run.id} is active`);
  }
  const last = snapshot.lastRun;
  if (!last || last.verdict?.kind === 'done') {
    return refuse(ask, text.nothingToRetry(last), 'nothing to retry');
  }
  const args = ask.args.trim() === '' ? last.args : ask.args;
  const here = ask.target.type === last.target.type && ask.target.iid === last.target.iid;
  if (here) return startWork({ ...ask, command: last.command, args }, snapshot);
  // Asked under the change: the work belongs to its issue, the acknowledgement to the comment.
  const started = startWork(
    { ...ask, target: last.target, noteId: null, discussionId: null, command: last.command, args },
    snapshot,
  );
  const seen: Effect[] =
    ask.noteId === null
      ? []
      : [{ kind: 'react', target: ask.target, noteId: ask.noteId, emoji: 'eyes' }];
  return { ...started, effects: [...started.effects, ...seen] };
}
