/** Purpose: `/autodev dismiss` in the thread of a finding: people do not want it (docs/reviews.md). */
import type { Effect } from '../domain/effects.ts';
import type { Decision, Snapshot } from '../domain/snapshot.ts';
import { refuse, type Ask } from './ask.ts';
import { acted } from './decision.ts';
import { dismissed } from './opinions.ts';
import * as text from './text.ts';

/** Remembers that the finding of the thread is not wanted, and resolves the thread. */
export function dismissFinding(ask: Ask, snapshot: Snapshot): Decision {
  const row = snapshot.targetFindings.find(
    ({ threadId }) => threadId !== null && threadId === ask.discussionId,
  );
  if (ask.target.type !== 'change' || row === undefined) {
    return refuse(ask, text.nothingToDismiss(), 'no finding is told in this thread');
  }
  if (row.dismissal !== null) {
    return refuse(ask, text.dismissedAlready(row.dismissal.by.username), 'dismissed already');
  }
  const { target, noteId } = ask;
  const run = snapshot.run ?? snapshot.lastRun;
  const effects: Effect[] = [];
  if (noteId !== null) {
    effects.push({ kind: 'react', target, noteId, emoji: 'white_check_mark' });
    if (run?.changes.code?.iid === target.iid) {
      effects.push({ kind: 'resolve_threads', run: run.id, round: run.round, asked: noteId });
    }
  }
  return acted(
    [`finding ${row.id} dismissed by ${ask.actor.username} (id ${ask.actor.id})`],
    [
      {
        op: 'save_findings',
        changeIid: target.iid,
        findings: [dismissed(row, 'reply', ask.actor, ask.args)],
      },
    ],
    effects,
  );
}
