/**
 * Purpose: what people ask for, by a comment or by a label, and what becomes of it.
 *
 * Commands count from created notes of people only (gitlab-facts §2.2: an edit names the author, not
 * the editor). A label counts for the actor of the label event, not for the issue's author.
 */
import { commandOfLabel, nearestCommand, parseCommands } from '../domain/commands.ts';
import type { Event } from '../domain/events.ts';
import { isActive } from '../domain/outcomes.ts';
import { rightFor, startsWork } from '../domain/work.ts';
import type { Target } from '../domain/runs.ts';
import type { SeenText } from '../domain/seen-text.ts';
import type { Decision, Snapshot } from '../domain/snapshot.ts';
import { accessName, ACCESS_LEVELS } from '../domain/access.ts';
import { acted, ignored } from './decision.ts';
import { allowPaths } from './allow.ts';
import { answer, refuse, replyTo, type Ask } from './ask.ts';
import { assignAgent } from './assign.ts';
import { COMMANDS } from './command-help.ts';
import { cancelRun, rejectGate, retryRun } from './control.ts';
import { dismissFinding } from './dismiss.ts';
import { helpText } from './help-text.ts';
import { unlockFiles } from './locks.ts';
import { deferRun, pauseRun, refuseWhilePaused, resumeRun } from './pause.ts';
import { permissionFor, neededLevel } from './permissions.ts';
import { raiseBudget } from './raise-budget.ts';
import { statusOf } from './status-effects.ts';
import { decideComment } from './steer.ts';
import * as text from './text.ts';
import { startWork } from './work.ts';

export type NoteEvent = Extract<Event, { kind: 'note' }>;
export type IssueEvent = Extract<Event, { kind: 'issue' }>;

/** A comment: a command, something that looks like one, or nothing for the bot. */
export function decideNote(event: NoteEvent, snapshot: Snapshot): Decision {
  const target = targetOfNote(event);
  if (!target)
    return ignored(`a note on ${event.on.type === 'other' ? event.on.name : event.on.type}`);
  if (event.note.system) return ignored('a system note');
  const commands = parseCommands(event.note.body);
  const [found, ...further] = commands;
  if (!found) return decideComment(event, snapshot);
  // A bare `/autodev` asks what there is.
  const first = found.name === '' && !found.confusable ? { ...found, name: 'help' } : found;
  const right = rightFor(first.name, first.args);
  const permission = permissionFor(right, event.actor, event.note.byBot, snapshot);
  if (!permission.allowed && permission.silent) return ignored(permission.reason);
  const ask: Ask = {
    command: first.name,
    args: first.args,
    actor: event.actor,
    target,
    noteId: event.note.id,
    discussionId: event.note.discussionId,
    internal: event.note.confidential,
    seen: seenWithNote(event, target),
    about: `note-${event.note.id}`,
  };
  if (snapshot.handled) return ignored('the note was handled before');
  if (event.action === 'edited') {
    return refuse(ask, text.editedNote(), 'a command in an edited note');
  }
  if (first.confusable) return refuse(ask, text.confusableCommand(), 'a look-alike of a command');
  if (!COMMANDS.some((command) => command.name === first.name)) {
    const nearest = nearestCommand(
      first.name,
      COMMANDS.map((command) => command.name),
    );
    return refuse(ask, text.unknownCommand(first.name, nearest), `unknown command ${first.name}`);
  }
  if (!permission.allowed) {
    const { has, needs, reason } = permission;
    return refuse(ask, text.forbidden(right, event.actor.username, has, needs), reason);
  }
  return withFurther(decideAsk(ask, snapshot), ask, further.length);
}

/** Labels that were added, or that a new issue came with. */
export function decideLabels(event: IssueEvent, snapshot: Snapshot): Decision {
  const label = event.labelsAdded.find((name) => commandOfLabel(name) !== null);
  const command = label === undefined ? null : commandOfLabel(label);
  if (label === undefined || command === null) return ignored('no label for the bot was added');
  const permission = permissionFor(command, event.actor, false, snapshot);
  if (!permission.allowed && permission.silent) return ignored(permission.reason);
  if (snapshot.handled) return ignored('the label was acted on before');
  const target: Target = { type: 'issue', iid: event.issue.iid };
  const ask: Ask = {
    command,
    args: '',
    actor: event.actor,
    target,
    noteId: null,
    discussionId: null,
    internal: event.issue.confidential,
    seen: seenText(target, event.issue),
    about: `label-${label}-${event.actor.id}`,
  };
  if (!permission.allowed) {
    const { has, needs, reason } = permission;
    return refuse(ask, text.labelForbidden(label, event.actor.username, has, needs), reason);
  }
  if (!startsWork(command)) {
    const nearest = nearestCommand(
      command,
      COMMANDS.map((known) => known.name),
    );
    return refuse(ask, text.unknownCommand(command, nearest), `label ${label} names no work`);
  }
  if (command === 'ask') return refuse(ask, text.needsQuestion(), 'a label cannot ask a question');
  if (snapshot.run && isActive(snapshot.run.state)) {
    // Acted on all the same: heard of once more after that run, the label must not start another one.
    return acted(['a run is active already; the label adds nothing'], [], []);
  }
  return decideAsk(ask, snapshot);
}

/** What becomes of an allowed wish. */
export function decideAsk(ask: Ask, snapshot: Snapshot): Decision {
  const paused = refuseWhilePaused(ask, snapshot);
  if (paused !== null) return paused;
  switch (ask.command) {
    case 'help':
      return answer(ask, helpFor(ask, snapshot), 'help');
    case 'status': {
      const run = snapshot.run ?? snapshot.lastRun;
      const reply = answer(ask, text.statusReply(run), 'status');
      return run ? { ...reply, effects: [...reply.effects, ...statusOf(run, true)] } : reply;
    }
    case 'cancel':
      return cancelRun(ask, snapshot);
    case 'pause':
      return pauseRun(ask, snapshot);
    case 'resume':
      return resumeRun(ask, snapshot);
    case 'defer':
      return deferRun(ask, snapshot);
    case 'assign-agent':
      return assignAgent(ask, snapshot);
    case 'unlock':
      return unlockFiles(ask, snapshot);
    case 'reject':
      return rejectGate(ask, snapshot);
    case 'allow':
      return allowPaths(ask, snapshot);
    case 'budget':
      return raiseBudget(ask, snapshot);
    case 'dismiss':
      return dismissFinding(ask, snapshot);
    case 'retry':
      return retryRun(ask, snapshot);
    default:
      return startWork(ask, snapshot);
  }
}

function withFurther(decision: Decision, ask: Ask, count: number): Decision {
  if (count === 0) return decision;
  const about = `${ask.about}-further`;
  const further = replyTo({ ...ask, about }, text.ignoredFurther(count));
  return { ...decision, effects: [...decision.effects, further] };
}

function helpFor(ask: Ask, snapshot: Snapshot): string {
  return helpText(ask.target.type, snapshot, (command) =>
    accessName(ACCESS_LEVELS[neededLevel(command, snapshot)]),
  );
}

function seenWithNote({ on }: NoteEvent, target: Target): SeenText | null {
  if (on.type === 'issue') return seenText(target, on.issue);
  return on.type === 'change' ? seenText(target, on.change) : null;
}

function seenText(of: Target, { title, description }: Omit<SeenText, 'of'>): SeenText {
  return { of, title, description };
}

function targetOfNote(event: NoteEvent): Target | null {
  switch (event.on.type) {
    case 'issue':
      return { type: 'issue', iid: event.on.issue.iid };
    case 'change':
      return { type: 'change', iid: event.on.change.iid };
    default:
      return null;
  }
}
