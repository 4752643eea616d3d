/**
 * Purpose: whether an issue or change still says what whoever asked for work had before them. Somebody else may edit
 * it between the comment and the bot's look (threat A2).
 */
import type { Target } from './runs.ts';

/** A text as the forge told it together with the wish. */
export interface SeenText {
  of: Target;
  title: string;
  description: string;
}

/** Whether `now` reads as it did then. */
export function readsAsSeen(seen: SeenText, now: { title: string; description: string }): boolean {
  return (
    plain(seen.title) === plain(now.title) && plain(seen.description) === plain(now.description)
  );
}

const IMAGE = /(!\[[^\]]{0,1000}\]\()[^)\s]{0,2000}(\/uploads\/)/g;

/** GitLab makes the links of uploaded pictures absolute in webhooks, and only there (gitlab-facts §2). */
function plain(text: string): string {
  return text.replaceAll('\r\n', '\n').replace(IMAGE, '$1$2').trim();
}

/** When the work was asked for: by the comment's own time where there is one, for the forge's clock is the measure. */
export interface Asked {
  noteId: number | null;
  at: Date;
}

interface Dated {
  id: number;
  createdAt: string;
  updatedAt: string;
}

/**
 * Comments as they stood when the work was asked for, and how many were written or touched later: an edit is not
 * told from a reaction or a resolved thread, which move the same time.
 */
export function seenNotes<Note extends Dated>(
  notes: readonly Note[],
  asked: Asked,
): { seen: Note[]; later: number } {
  const wish = notes.find(({ id }) => id === asked.noteId);
  const until = wish === undefined ? asked.at.getTime() : Date.parse(wish.createdAt);
  // The wish itself has the bot's reaction on it.
  const seen = notes.filter((note) => note === wish || Date.parse(note.updatedAt) <= until);
  return { seen, later: notes.length - seen.length };
}
