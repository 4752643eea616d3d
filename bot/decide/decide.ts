/**
 * The one place where what happened turns into what to do: pure, total, explainable.
 *
 * In: an event and a snapshot of everything that may matter. Out: state changes and effects as data,
 * with the reasons. No clock, no network, no randomness: the same input gives the same decision.
 */
import type { Event } from '../domain/events.ts';
import type { Decision, Snapshot } from '../domain/snapshot.ts';
import { ignored } from './decision.ts';
import { decideEpicEnded } from './epic-control.ts';
import { decideApproval } from './gate.ts';
import { decideGone } from './gone.ts';
import { decideIssueClosed, decidePipeline, decideSettled, decideWaiting } from './progress.ts';
import { decideLost } from './losses.ts';
import { decideResumeDue, keepWhilePaused } from './pause.ts';
import { decideClaimed, decideResult } from './results.ts';
import { decideLabels, decideNote } from './triggers.ts';

/** Decides one event. Never throws for any event and snapshot that belong together. */
export function decide(event: Event, snapshot: Snapshot): Decision {
  return (
    decideGone(event, snapshot) ?? keepWhilePaused(event, snapshot) ?? decideNow(event, snapshot)
  );
}

function decideNow(event: Event, snapshot: Snapshot): Decision {
  switch (event.kind) {
    case 'note':
      return decideNote(event, snapshot);
    case 'issue':
      return event.action === 'closed'
        ? decideIssueClosed(snapshot, event.actor.username)
        : decideLabels(event, snapshot);
    case 'pipeline':
      return decidePipeline(event, snapshot);
    case 'change':
      return event.action === 'approved' || event.action === 'unapproved'
        ? decideApproval(event, snapshot)
        : decideWaiting(snapshot);
    case 'attempt_claimed':
      return decideClaimed(snapshot);
    case 'job_result':
      return decideResult(event, snapshot);
    case 'attempt_lost':
      return decideLost(event, snapshot);
    case 'effect_settled':
      return decideSettled(snapshot);
    case 'wake':
      return decideWaiting(snapshot);
    case 'epic_ended':
      return decideEpicEnded(event.epicIid, snapshot);
    case 'resume_due':
      return decideResumeDue(event, snapshot);
    case 'job':
    case 'emoji':
    case 'push':
      return ignored(`nothing follows from a ${event.kind} event`);
    case 'token_expiring':
      return ignored(`token ${event.token.name} expires at ${event.token.expiresAt}`);
    case 'ignored':
      return ignored(event.reason);
  }
}
