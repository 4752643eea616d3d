/** What moved on a forge since a moment: the questions that make up for lost webhooks (ForgePoll). */
import type { Actor, Change, Issue } from '../domain/events.ts';
import type { Target } from '../domain/runs.ts';

/** What a list shows of an issue or change that moved. */
export interface Moved<T> {
  item: T;
  updatedAt: Date;
  /** False where nobody has commented. */
  hasNotes: boolean;
  /** Who closed or merged it; null while it is open or when the forge does not say. */
  endedBy: Actor | null;
}

export interface MovedList<T> {
  /** Oldest move first. */
  items: Moved<T>[];
  /** The forge's clock as it answered, cut to the second; null when it does not tell. */
  at: Date | null;
  /** Set when there is more than one answer may hold: all that moved until then is in it. */
  completeUntil: Date | null;
}

/** A comment of a person. */
export interface PolledNote {
  id: number;
  body: string;
  author: Actor;
  internal: boolean;
  createdAt: Date;
  updatedAt: Date;
}

/** A label that somebody put on an issue or took away. */
export interface LabelEvent {
  label: string;
  action: 'add' | 'remove';
  by: Actor;
  at: Date;
}

/** Same contract as the other roles of forge.ts. */
export interface ForgePoll {
  /** Issues that moved at or after a moment. */
  issues(projectId: number, since: Date): Promise<MovedList<Issue>>;
  /** Changes that moved at or after a moment. */
  changes(projectId: number, since: Date): Promise<MovedList<Change>>;
  /** Notes made at or after a moment, without the forge's own, oldest first; the newest hundreds only. */
  notes(projectId: number, on: Target, since: Date): Promise<PolledNote[]>;
  /** The thread of each note, by the note's id. */
  threads(projectId: number, on: Target): Promise<ReadonlyMap<number, string>>;
  /** Everything that happened to an issue's labels, oldest first; deleted labels and people are left out. */
  labelEvents(projectId: number, issueIid: number): Promise<LabelEvent[]>;
}
