/**
 * Purpose: stop a run, send it back at a gate, and start a stopped one again.
 */
import type { Effect } from '../domain/effects.ts';
import { isActive } from '../domain/outcomes.ts';
import { stageOf, type Run } from '../domain/runs.ts';
import type { Decision, Snapshot } from '../domain/snapshot.ts';
import { argsAgain, rightFor } from '../domain/work.ts';
import { acted } from './decision.ts';
import { refuse, type Ask } from './ask.ts';
import { endRun } from './end.ts';
import { canResumeEpic, resumeEpic } from './epic-control.ts';
import { sendBack } from './gate.ts';
import { permissionFor } from './permissions.ts';
import * as text from './text.ts';
import { startWork } from './work.ts';

/** `/autodev cancel`: final; a later result of the agent is refused by its fence. */
export function cancelRun(ask: Ask, snapshot: Snapshot): Decision {
  const run = snapshot.run;
  if (!run || !isActive(run.state)) return refuse(ask, text.nothingToCancel(), 'nothing to cancel');
  const stopped = endRun(run, {
    kind: 'cancelled',
    cause: `Cancelled by @${ask.actor.username}.`,
    next: '`/autodev retry` starts it again.',
  });
  return acted(
    [`run ${run.id} cancelled by ${ask.actor.username} (id ${ask.actor.id})`],
    stopped.writes,
    [...stopped.effects, ...acknowledged(ask, 'white_check_mark')],
  );
}

/** `/autodev reject <why>`: at a gate, back to the stage before it with the reason. */
export function rejectGate(ask: Ask, snapshot: Snapshot): Decision {
  const run = snapshot.run;
  const stage = run && isActive(run.state) ? stageOf(run) : null;
  if (!run || stage?.kind !== 'gate')
    return refuse(ask, text.nothingToReject(), 'no gate to reject at');
  if (ask.args.trim() === '') return refuse(ask, text.needsReason(), 'reject without a reason');
  const why = `rejected by @${ask.actor.username}`;
  const moved = sendBack(run, stage, snapshot, why, ask.args);
  return acted(moved.reasons, moved.writes, [
    ...moved.effects,
    ...acknowledged(ask, 'white_check_mark'),
  ]);
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
  const { command, args } = wishAgain(ask, last);
  const right = rightFor(command, args);
  const permission = permissionFor(right, ask.actor, false, snapshot);
  if (!permission.allowed && !permission.silent) {
    // Whoever starts work again needs the right to start it.
    const { has, needs, reason } = permission;
    return refuse(ask, text.forbidden(right, ask.actor.username, has, needs), reason);
  }
  if (canResumeEpic(last)) return resumeEpic(ask, last, snapshot);
  const here = ask.target.type === last.target.type && ask.target.iid === last.target.iid;
  if (here) return startWork({ ...ask, command, args }, snapshot);
  // Asked under the change: the work belongs to its issue, the acknowledgement to the comment.
  const started = startWork(
    { ...ask, target: last.target, noteId: null, discussionId: null, command, args },
    snapshot,
  );
  return { ...started, effects: [...started.effects, ...acknowledged(ask, 'eyes')] };
}

/** What to start: the same wish, with the new hint. What is merged already is only deployed again. */
function wishAgain(ask: Ask, last: Run): { command: string; args: string } {
  const hint = ask.args.trim();
  const stopped = stageOf(last, last.stoppedAt ?? last.stage);
  if (last.mergedSha !== null && stopped?.kind === 'deploy') {
    return { command: 'deploy', args: hint === '' ? (last.context.environment ?? '') : hint };
  }
  return { command: last.command, args: hint === '' ? last.args : argsAgain(last, hint) };
}

function acknowledged(ask: Ask, emoji: 'eyes' | 'white_check_mark'): Effect[] {
  if (ask.noteId === null) return [];
  return [{ kind: 'react', target: ask.target, noteId: ask.noteId, emoji }];
}
