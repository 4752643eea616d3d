/**
 * What a poll of a forge found, as the events that its webhooks would have been. Pure.
 *
 * Nothing here is trusted more than a webhook is: the events go through the same inbox and the same
 * decide, which reads rights, texts and states again.
 */
import { commandOfLabel, parseCommands } from '../domain/commands.ts';
import type { Actor, ForgeEvent, Issue, NoteSubject, Project } from '../domain/events.ts';
import { labelKey } from '../domain/wishes.ts';
import type { LabelEvent, Moved, PolledNote } from '../forge/poll.ts';
import type { ActiveTarget } from '../store/reconcile.ts';

export const RECONCILE_LIMITS = {
  /**
   * Seconds the poll looks back beyond the last one. More than the minute for which GitLab may leave
   * `updated_at` as it is when somebody comments (forge/gitlab/poll.ts), and more than the grace.
   */
  overlapSeconds: 120,
  /** Younger things are left to their webhook, which is faster, until the next poll. */
  graceSeconds: 15,
  /** After a longer pause of the bot, what is older is not looked for: nobody waits for it any more. */
  lookBackHours: 7 * 24,
  /** A note whose time of change is further from its birth may have been edited (threats A16). */
  editedSeconds: 2,
} as const;

/** An event with the key that makes it one delivery however often it is found. */
export interface Found {
  event: ForgeEvent;
  key: string;
}

/** From when the forge is asked. */
export function sinceOf(poll: { reconciledUntil: Date | null; createdAt: Date }, now: Date): Date {
  const { overlapSeconds, lookBackHours } = RECONCILE_LIMITS;
  const start = (poll.reconciledUntil ?? poll.createdAt).getTime() - overlapSeconds * 1000;
  return new Date(Math.max(start, now.getTime() - lookBackHours * 3_600_000));
}

/** What a poll answers for: from when, and up to when things are old enough to have been missed. */
export interface Window {
  since: Date;
  until: Date;
}

/**
 * The window of a poll by the forge's clock, which is told in whole seconds gone by. Polls in short turns
 * leave webhooks less time.
 */
export function windowOf(since: Date, at: Date, everySeconds: number): Window {
  const grace = Math.min(RECONCILE_LIMITS.graceSeconds, everySeconds / 2);
  return { since, until: new Date(at.getTime() + 1000 - grace * 1000) };
}

/**
 * Notes that may be a wish: of people, made within the window, with a command. While an agent works on
 * the item, every note may be for it.
 */
export function wantedNotes(
  notes: readonly PolledNote[],
  window: Window,
  botId: number,
  agentWorks: boolean,
): PolledNote[] {
  return notes.filter(
    (note) =>
      note.author.id !== botId &&
      within(note.createdAt, window) &&
      (parseCommands(note.body).length > 0 || (agentWorks && !wasEdited(note))),
  );
}

/** The API does not say who changed a note, or whether: a reaction moves the time, too. */
function wasEdited(note: PolledNote): boolean {
  const changedMs = note.updatedAt.getTime() - note.createdAt.getTime();
  return changedMs > RECONCILE_LIMITS.editedSeconds * 1000;
}

/**
 * The newest addition of each of the bot's labels that are still there. A label that was taken away is
 * a wish taken back.
 */
export function wantedLabels(
  events: readonly LabelEvent[],
  issue: Issue,
  window: Window,
): LabelEvent[] {
  return botLabels(issue).flatMap((label) => {
    const added = events.findLast((event) => event.label === label && event.action === 'add');
    return added && within(added.at, window) ? [added] : [];
  });
}

/** The issue's labels that are commands. */
export function botLabels(issue: Issue): string[] {
  return issue.labels.filter((label) => commandOfLabel(label) !== null);
}

/**
 * A note as its webhook would have told. One that changed since it was made counts as edited, and no
 * command in an edited note is obeyed (threats A16).
 */
export function noteFound(
  project: Project,
  on: NoteSubject,
  note: PolledNote,
  discussionId: string | null,
): Found {
  const edited = wasEdited(note);
  return {
    key: `poll:${project.id}:note:${note.id}${edited ? `:${note.updatedAt.getTime()}` : ''}`,
    event: {
      kind: 'note',
      action: edited ? 'edited' : 'created',
      project,
      actor: note.author,
      note: {
        id: note.id,
        body: note.body,
        discussionId,
        system: false,
        confidential: note.internal || (on.type === 'issue' && on.issue.confidential),
        byBot: false,
        url: '',
      },
      on,
    },
  };
}

/** A label as its webhook would have told. */
export function labelFound(project: Project, issue: Issue, added: LabelEvent): Found {
  return {
    key: `poll:${project.id}:${labelKey(issue.iid, added.label, added.by.id)}:${added.at.getTime()}`,
    event: {
      kind: 'issue',
      action: 'updated',
      project,
      actor: added.by,
      issue,
      at: added.at.toISOString(),
      labelsAdded: [added.label],
      labelsRemoved: [],
      textChanged: false,
    },
  };
}

/** The issue of an active run that was closed. */
export function closedFound(
  project: Project,
  moved: Moved<Issue>,
  active: readonly ActiveTarget[],
): Found[] {
  const { item: issue, updatedAt, endedBy } = moved;
  if (issue.state !== 'closed') return [];
  if (!active.some((target) => target.issueIid === issue.iid)) return [];
  return [
    {
      key: `poll:${project.id}:closed:${issue.iid}:${updatedAt.getTime()}`,
      event: {
        kind: 'issue',
        action: 'closed',
        project,
        actor: endedBy ?? NOBODY,
        issue,
        at: updatedAt.toISOString(),
        labelsAdded: [],
        labelsRemoved: [],
        textChanged: false,
      },
    },
  ];
}

/** Somebody the forge does not name; nobody has the id. */
const NOBODY: Actor = { id: 0, username: 'somebody' };

function within(time: Date, { since, until }: Window): boolean {
  return time.getTime() >= since.getTime() && time.getTime() <= until.getTime();
}
