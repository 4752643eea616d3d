/**
 * Purpose: how an epic is stopped and goes on: verdicts of its plan and issues, what its end means for
 * its children, and how it goes on with what failed.
 */
import type { Effect } from '../domain/effects.ts';
import { isActive, type Verdict } from '../domain/outcomes.ts';
import { stageOf, type Run } from '../domain/runs.ts';
import type { Decision, Snapshot } from '../domain/snapshot.ts';
import { acted, ignored } from './decision.ts';
import type { Ask } from './ask.ts';
import { oneLine } from './attempts.ts';
import { endRun } from './end.ts';
import { planOf } from './epic.ts';
import { cannotReopen, reopenRun } from './reopen.ts';
import { statusOf } from './status-effects.ts';

/** A plan that cannot be followed is not shown for approval. */
export function planRefused(problem: string): Verdict {
  return {
    kind: 'needs-human',
    cause: `The plan cannot be followed. ${problem}.`,
    next: '`/autodev retry <hint>` has another one made.',
  };
}

/** An issue of the plan, or the epic above them, could not be made. */
export function issueRefused(error: string): Verdict {
  return {
    kind: 'needs-human',
    cause: `An issue of the plan could not be made: ${oneLine(error)}`,
    next: 'Check the bot account’s rights in the project, then `/autodev retry` goes on.',
  };
}

/** The run was started for an epic that has ended: what nobody waits for is not worth its money. */
export function decideEpicEnded(epicIid: number, snapshot: Snapshot): Decision {
  const { run } = snapshot;
  if (!run || !isActive(run.state)) return ignored('the run is over');
  const stopped = endRun(run, {
    kind: 'cancelled',
    cause: `The epic #${epicIid}, which this was started for, has ended.`,
    next: '`/autodev retry` starts it again, here for this issue or in the epic for all that is left.',
  });
  return acted([`epic #${epicIid} ended`], stopped.writes, stopped.effects);
}

/** True for a run that ended among its children: its plan and its issues are still good. */
export function canResumeEpic(last: Run): boolean {
  return last.stoppedAt !== null && isChildren(last, last.stoppedAt) && planOf(last) !== null;
}

function isChildren(run: Run, stage: string): boolean {
  return stageOf(run, stage)?.kind === 'children';
}

/** `/autodev retry` on an epic: what is done stays done, what failed is started again. */
export function resumeEpic(ask: Ask, last: Run, snapshot: Snapshot): Decision {
  const refused = cannotReopen(ask, snapshot);
  if (refused !== null) return refused;
  const reopened = reopenRun(last, { gateNote: null, requester: ask.actor });
  const seen: Effect[] =
    ask.noteId === null
      ? []
      : [{ kind: 'react', target: ask.target, noteId: ask.noteId, emoji: 'eyes' }];
  return acted(
    [`epic goes on among its children, asked by ${ask.actor.username} (id ${ask.actor.id})`],
    [...reopened.writes, { op: 'wake', runId: last.id }],
    [...seen, ...statusOf(reopened.run, true)],
  );
}
