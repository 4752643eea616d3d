/** Making note records; who may, and what it triggers, is decided in notes.ts. */
import { randomBytes } from 'node:crypto';
import type { Instance } from '../instance.ts';
import type { Note, Noteable, Position, User } from '../state/types.ts';

/** GitLab's `ThrottledTouch`: comments move the time of their item at most so often. */
const TOUCH_MS = 60_000;

export interface NewNote {
  body: string;
  internal?: boolean;
  discussionId?: string;
  type?: Note['type'];
  position?: Position;
  resolvable?: boolean;
}

export function addNote(gl: Instance, item: Noteable, author: User, note: NewNote): Note {
  const now = gl.now();
  const record: Note = {
    id: gl.state.nextId('note'),
    body: note.body,
    authorId: author.id,
    system: false,
    internal: note.internal ?? false,
    discussionId: note.discussionId ?? randomBytes(20).toString('hex'),
    type: note.type ?? null,
    position: note.position ?? null,
    resolvable: note.resolvable ?? false,
    resolvedById: null,
    resolvedAt: null,
    awards: [],
    suggestions: [],
    createdAt: now,
    updatedAt: now,
    updatedById: null,
  };
  item.notes.push(record);
  if (Date.parse(now) - Date.parse(item.updatedAt) > TOUCH_MS) item.updatedAt = now;
  return record;
}

/** History lines such as `closed`; they never fire a hook. */
export function addSystemNote(gl: Instance, item: Noteable, user: User, body: string): void {
  addNote(gl, item, user, { body }).system = true;
}

/** A reply in the thread that `first` began; an individual note becomes a thread with its first reply. */
export function replyTo(first: Note, body: string): NewNote {
  if (first.type === null) first.type = 'DiscussionNote';
  return {
    body,
    discussionId: first.discussionId,
    internal: first.internal,
    type: first.type,
    resolvable: first.resolvable,
    ...(first.position ? { position: first.position } : {}),
  };
}
