/**
 * Purpose: one wish of one person, however it was brought, and the ways to answer it.
 */
import type { Effect } from '../domain/effects.ts';
import type { Actor } from '../domain/events.ts';
import type { Target } from '../domain/runs.ts';
import type { SeenText } from '../domain/seen-text.ts';
import { acted } from './decision.ts';
import type { Decision } from '../domain/snapshot.ts';

export interface Ask {
  command: string;
  args: string;
  actor: Actor;
  target: Target;
  noteId: number | null;
  discussionId: string | null;
  internal: boolean;
  /** What the issue or change said when it was asked; null where nothing tells. */
  seen: SeenText | null;
  /** Names the input, so that it is answered once. */
  about: string;
}

/** ❌ on the command and one reply in its thread. */
export function refuse(ask: Ask, body: string, reason: string): Decision {
  const effects: Effect[] = [];
  if (ask.noteId !== null) {
    effects.push({ kind: 'react', target: ask.target, noteId: ask.noteId, emoji: 'x' });
  }
  return acted([reason], [], [...effects, replyTo(ask, body)]);
}

/** ✅ on the command and one reply in its thread. */
export function answer(ask: Ask, body: string, reason: string): Decision {
  const effects: Effect[] = [];
  if (ask.noteId !== null) {
    effects.push({
      kind: 'react',
      target: ask.target,
      noteId: ask.noteId,
      emoji: 'white_check_mark',
    });
  }
  return acted([reason], [], [...effects, replyTo(ask, body)]);
}

/** One answer to the wish, in the place where it was made. */
export function replyTo(ask: Ask, body: string): Effect {
  return {
    kind: 'reply',
    target: ask.target,
    discussionId: ask.discussionId,
    internal: ask.internal,
    body,
    about: ask.about,
  };
}
