/**
 * Purpose: what decide has to know for an event, so that nothing is read from the forge in vain.
 */
import { commandOfLabel, parseCommands } from '../domain/commands.ts';
import type { Event, Project } from '../domain/events.ts';
import type { RunRole, Target } from '../domain/runs.ts';
import { maySteer } from './steer.ts';
import { wishOfLabels, wishOfNote, type Wish } from '../domain/wishes.ts';

export type Interest =
  /** Nothing follows from this event whatever the state; the reason is stored. */
  | { kind: 'none'; reason: string }
  /** A person may be asking for something: rights, the item's text and the settings are needed. */
  | {
      kind: 'ask';
      project: Project;
      actorId: number;
      target: Target;
      role: RunRole;
      /** The command, which says what has to be read for it. */
      command: string;
      args: string;
      /** What makes it the same wish by whatever way it comes. */
      wish: Wish;
    }
  /** A person said something; it matters only while an agent is at work there. */
  | { kind: 'comment'; project: Project; actorId: number; target: Target; wish: Wish }
  /** Only matters when a run of this target, change or pipeline is under way. */
  | {
      kind: 'run';
      project: Project;
      by: { target: Target } | { change: number } | { pipeline: number; sha: string };
    }
  /** An event of the bot's own about one run. */
  | { kind: 'own'; runId: number; effectId: number | null };

/** What can happen to a change that a run may have waited for; new commits do, too. */
const MOVING: ReadonlySet<string> = new Set(['closed', 'merged', 'approved', 'unapproved']);

/** What an event needs; pure and total. */
export function interestOf(event: Event): Interest {
  switch (event.kind) {
    case 'note': {
      if (event.note.system) return none('a system note');
      const [first] = parseCommands(event.note.body);
      if (!first && !maySteer(event)) return none('no command in the note');
      if (event.on.type !== 'issue' && event.on.type !== 'change') {
        return none(`a note on a ${event.on.type}`);
      }
      const target: Target =
        event.on.type === 'issue'
          ? { type: 'issue', iid: event.on.issue.iid }
          : { type: 'change', iid: event.on.change.iid };
      const who = { project: event.project, actorId: event.actor.id, target };
      const wish = wishOfNote(event);
      if (!first) return { kind: 'comment', ...who, wish };
      const role = first.name === 'ask' ? 'ask' : 'main';
      const { name: command, args } = first;
      return { kind: 'ask', ...who, role, command, args, wish };
    }
    case 'issue': {
      const target: Target = { type: 'issue', iid: event.issue.iid };
      if (event.action === 'closed') return { kind: 'run', project: event.project, by: { target } };
      if (!event.labelsAdded.some((label) => commandOfLabel(label) !== null)) {
        return none('no label for the bot was added');
      }
      return {
        kind: 'ask',
        project: event.project,
        actorId: event.actor.id,
        target,
        role: 'main',
        command: event.labelsAdded.map(commandOfLabel).find((name) => name !== null) ?? '',
        args: '',
        wish: wishOfLabels(event),
      };
    }
    case 'change':
      if (!MOVING.has(event.action) && event.oldHeadSha === null) {
        return none(`a change was ${event.action}`);
      }
      return { kind: 'run', project: event.project, by: { change: event.change.iid } };
    case 'pipeline': {
      if (!['success', 'failed', 'canceled', 'skipped', 'manual'].includes(event.pipeline.status)) {
        return none(`a pipeline is ${event.pipeline.status}`);
      }
      const iid = event.pipeline.changeIid;
      const { id: pipeline, sha } = event.pipeline;
      const by = iid === null ? { pipeline, sha } : { change: iid };
      return { kind: 'run', project: event.project, by };
    }
    case 'effect_settled':
      return { kind: 'own', runId: event.runId, effectId: event.effectId };
    case 'attempt_claimed':
    case 'job_result':
    case 'attempt_lost':
    case 'wake':
    case 'epic_ended':
    case 'resume_due':
      return { kind: 'own', runId: event.runId, effectId: null };
    case 'job':
    case 'emoji':
    case 'push':
      return none(`nothing follows from a ${event.kind} event`);
    case 'token_expiring':
      return none(`token ${event.token.name} expires at ${event.token.expiresAt}`);
    case 'ignored':
      return none(event.reason);
  }
}

function none(reason: string): Interest {
  return { kind: 'none', reason };
}
