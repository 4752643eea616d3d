/**
 * Purpose: comments of people that reach the agents at work: who may steer them, and what of a comment
 * they are given. What a comment says is data; only its author's rights make it a message.
 */
import type { Event } from '../domain/events.ts';
import { fenced } from '../domain/fenced.ts';
import { isActive } from '../domain/outcomes.ts';
import { isOpen, latestAttempt, type Run } from '../domain/runs.ts';
import type { Decision, Snapshot } from '../domain/snapshot.ts';
import { visibleText } from '../domain/visible-text.ts';
import { acted, ignored } from './decision.ts';
import { permissionFor } from './permissions.ts';
import { hiddenParts } from './text.ts';

/** Longest comment an agent is given, and how many of them in one run. */
const MESSAGE_CHARS = 2_000;
const MESSAGES_PER_RUN = 20;
/** What is read of a comment at all. */
const READ_CHARS = 100_000;

type NoteEvent = Extract<Event, { kind: 'note' }>;

/** True for notes that can reach an agent at all, whatever the state: new, in the open, by a person. */
export function maySteer(event: NoteEvent): boolean {
  const { note, action, on } = event;
  const open = action === 'created' && !note.system && !note.confidential && !note.byBot;
  return open && (on.type === 'issue' || on.type === 'change') && note.body.trim() !== '';
}

/** True while somebody is there to hear. */
export function agentAtWork(run: Run): boolean {
  if (!isActive(run.state)) return false;
  return run.tasks.some((task) => {
    const attempt = latestAttempt(task);
    return attempt !== null && isOpen(attempt);
  });
}

/** A comment without a command: a message to the agents at work, when its author may command them. */
export function decideComment(event: NoteEvent, snapshot: Snapshot): Decision {
  const { run } = snapshot;
  const { note, actor, on } = event;
  if (!maySteer(event) || (on.type !== 'issue' && on.type !== 'change')) {
    return ignored('no command in the note');
  }
  if (!run || !agentAtWork(run)) return ignored('no command, and no agent is at work here');
  if (snapshot.handled) return ignored('the note was handled before');
  const permission = permissionFor(run.command, actor, note.byBot, snapshot);
  if (!permission.allowed) return ignored(`no message to the agent: ${permission.reason}`);
  if (snapshot.issue?.confidential) return ignored('confidential input (threat B1)');
  if (snapshot.messages >= MESSAGES_PER_RUN) {
    return ignored(`the run has its ${MESSAGES_PER_RUN} messages already`);
  }
  const text = commentText(note.body);
  if (text === '') return ignored('nothing of the note can be seen');
  const target =
    on.type === 'issue'
      ? ({ type: 'issue', iid: on.issue.iid } as const)
      : ({ type: 'change', iid: on.change.iid } as const);
  const body = `A comment by @${actor.username}:\n${fenced('comment', text)}`;
  return acted(
    [`comment ${note.id} by ${actor.username} (id ${actor.id}) goes to the agent`],
    [{ op: 'add_message', runId: run.id, noteId: note.id, author: `@${actor.username}`, body }],
    [{ kind: 'react', target, noteId: note.id, emoji: 'eyes' }],
  );
}

/** What a reader of the comment sees (threats C1, C2), bounded; hidden parts are told of. */
export function commentText(body: string): string {
  const { text, hidden } = visibleText(body.slice(0, READ_CHARS));
  const plain = text.trim();
  const note = plain === '' || hidden === 0 ? '' : `\n(${hiddenParts(hidden)})`;
  if (plain.length <= MESSAGE_CHARS) return `${plain}${note}`;
  return `${plain.slice(0, MESSAGE_CHARS).toWellFormed()}\n(cut: the rest is in the comment)${note}`;
}
