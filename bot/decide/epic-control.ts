/**
 * Purpose: how an epic is stopped and goes on: verdicts of its plan and issues, what its end means for
 * its children, and how it goes on with what failed.
 */
import { isActive, type Verdict } from '../domain/outcomes.ts';
import { stageOf, type Run } from '../domain/runs.ts';
import type { Decision, Snapshot } from '../domain/snapshot.ts';
import { refuse, type Ask } from './ask.ts';
import { oneLine } from './attempts.ts';
import { acted, ignored } from './decision.ts';
import { endRun } from './end.ts';
import { planOf } from './epic.ts';
import { statusOf } from './status-effects.ts';
import * as text from './text.ts';

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
  if (snapshot.issue?.state === 'closed') {
    return refuse(ask, text.closedIssue(), 'the issue is closed');
  }
  if (ask.internal || snapshot.issue?.confidential) {
    return refuse(ask, text.confidentialIssue(), 'confidential input (threat B1)');
  }
  const stage = last.stoppedAt ?? last.stage;
  return acted(
    [`epic goes on in ${stage}, asked by ${ask.actor.username} (id ${ask.actor.id})`],
    [
      {
        op: 'update_run',
        runId: last.id,
        version: last.version,
        patch: {
          state: 'running',
          stage,
          stoppedAt: null,
          waitsFor: 'checks',
          gateNote: null,
          verdict: null,
          requester: ask.actor,
        },
      },
      { op: 'wake', runId: last.id },
    ],
    [
      ...(ask.noteId === null
        ? []
        : [{ kind: 'react', target: ask.target, noteId: ask.noteId, emoji: 'eyes' } as const]),
      ...statusOf(last, true),
    ],
  );
}
