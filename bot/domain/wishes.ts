/**
 * Purpose: what makes a wish one wish, by whatever way it comes.
 *
 * The same comment or label can reach the bot by a webhook, by the poll that makes up for a lost one, by
 * both in either order, minutes apart or on both sides of a restart. It is acted on once, because what
 * was acted on is remembered in the transaction of the decision (store/wishes.ts) and asked for before:
 *
 * - A note has an id, so `note/<id>` says it all. An edit that looks like a command is answered under
 *   `edit/<id>`, a key of its own: when the hooks of creation and edit arrive in the wrong order, the
 *   answer to the edit must not swallow the command that was there from the beginning.
 * - A label has no id in the webhook, only in the API's label events. Both name the issue, the label,
 *   the person, and a time by the forge's own clock: `updated_at` of the issue in the hook, `created_at`
 *   of the label event in the API. One request of the person makes both, a moment apart, so two
 *   additions by one person within SAME_LABEL_SECONDS are one wish. It does not matter when the bot
 *   hears of it: a hook that comes ten minutes late still carries the time of its request. A label that
 *   was taken away and added again later has another time, and is a new wish. So is the label of
 *   somebody else: each is judged by the rights of the person who added it (threats A11).
 * - A wish that came to nothing because a run was active is remembered, too: the poll must not start
 *   the work anew when that run is over.
 */
import { commandOfLabel } from './commands.ts';
import type { ForgeEvent } from './events.ts';

/** Two additions of a label by one person within so many seconds are one. */
export const SAME_LABEL_SECONDS = 30;

export interface Wish {
  /** What is remembered once it was acted on. */
  keys: string[];
  /** Any of these in memory means: it was acted on. */
  known: string[];
  /** Set where the key does not name it for good: when it was made; null where the forge did not say. */
  made: { at: string | null } | null;
}

/** The wish of a comment. */
export function wishOfNote(event: Extract<ForgeEvent, { kind: 'note' }>): Wish {
  const created = `note/${event.note.id}`;
  if (event.action !== 'edited') return { keys: [created], known: [created], made: null };
  const edited = `edit/${event.note.id}`;
  return { keys: [edited], known: [created, edited], made: null };
}

/**
 * The wish of added labels: the first one for the bot is acted on, those that came with it are over
 * with it.
 */
export function wishOfLabels(event: Extract<ForgeEvent, { kind: 'issue' }>): Wish {
  const keys = event.labelsAdded
    .filter((label) => commandOfLabel(label) !== null)
    .map((label) => labelKey(event.issue.iid, label, event.actor.id));
  return { keys, known: keys.slice(0, 1), made: { at: event.at } };
}

/** The key of one label by one person; label events of the API are looked up by it. */
export function labelKey(iid: number, label: string, userId: number): string {
  return `label/${iid}/${label}/${userId}`;
}
