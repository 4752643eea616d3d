/**
 * What moved on GitLab since a moment (ForgePoll). Rules: gitlab-facts §1.3 and §3.5.
 *
 * GitLab moves an item's `updated_at` for a new comment at most once a minute (`ThrottledTouch`), so who
 * asks looks back by more than that.
 */
import { z } from 'zod';
import type { Actor } from '../../domain/events.ts';
import type { ForgePoll, LabelEvent, MovedList, PolledNote } from '../poll.ts';
import { listAll, parseAnswer } from './resources.ts';
import type { Resources } from './resources.ts';
import { ChangeAnswer, IssueAnswer, toChange, toIssue } from './shapes.ts';

export const POLL_LIMITS = {
  /** Requests for one list of what moved; what is beyond is asked for the next time. */
  pages: 5,
  pageSize: 100,
  /** Requests for the newest notes of one item. */
  notePages: 3,
  discussions: 5_000,
  labelEvents: 1_000,
} as const;

const Person = z.object({ id: z.number().int(), username: z.string() });
const Ended = {
  updated_at: z.string(),
  closed_by: Person.nullish(),
  user_notes_count: z.number().nullish(),
};
const MovedIssueAnswer = IssueAnswer.extend(Ended);
const MovedChangeAnswer = ChangeAnswer.extend({ ...Ended, merge_user: Person.nullish() });

const NoteAnswer = z.object({
  id: z.number().int(),
  body: z.string().nullish(),
  author: Person.nullish(),
  system: z.boolean(),
  internal: z.boolean().nullish(),
  confidential: z.boolean().nullish(),
  created_at: z.string(),
  updated_at: z.string(),
});

const DiscussionAnswer = z.object({
  id: z.string(),
  notes: z.array(z.object({ id: z.number().int() })),
});

const LabelEventAnswer = z.object({
  user: Person.nullish(),
  label: z.object({ name: z.string() }).nullish(),
  action: z.string(),
  created_at: z.string(),
});

interface Answered {
  body: unknown;
  at: Date | null;
}

/** One page as it comes, with the clock of the answer: gitbeaker's own lists do not hand it on. */
async function get(
  api: Resources,
  path: string,
  query: Record<string, string | number>,
): Promise<Answered> {
  const answer = await api.issues.requester.get(path, { searchParams: query });
  const time = Date.parse(answer.headers['date'] ?? '');
  return { body: answer.body, at: Number.isNaN(time) ? null : new Date(time) };
}

function person(user: z.infer<typeof Person> | null | undefined): Actor | null {
  return user ? { id: user.id, username: user.username } : null;
}

type MovedRow = z.infer<z.ZodObject<typeof Ended>> & { iid: number };

/**
 * Follows the time of the last row instead of page numbers: an item that moves meanwhile goes to the end
 * and would push another one over the edge of a page. Page numbers serve only where a whole page has
 * one and the same time.
 */
async function listMoved<Row extends MovedRow, T>(
  api: Resources,
  what: { path: string; schema: z.ZodType<Row>; since: Date },
  read: (row: Row) => { item: T; endedBy: Actor | null },
): Promise<MovedList<T>> {
  const rows = new Map<number, Row>();
  let { since } = what;
  let page = 1;
  let at: Date | null = null;
  let more = true;
  for (let asked = 0; more && asked < POLL_LIMITS.pages; asked += 1) {
    const answer = await get(api, what.path, {
      scope: 'all',
      updated_after: since.toISOString(),
      order_by: 'updated_at',
      sort: 'asc',
      per_page: POLL_LIMITS.pageSize,
      page,
    });
    at ??= answer.at;
    const found = parseAnswer(z.array(what.schema), answer.body, `GET ${what.path}`);
    for (const row of found) rows.set(row.iid, row);
    const last = new Date(found.at(-1)?.updated_at ?? since);
    more = found.length >= POLL_LIMITS.pageSize;
    page = last.getTime() > since.getTime() ? 1 : page + 1;
    since = last;
  }
  const items = [...rows.values()]
    .map((row) => ({
      ...read(row),
      updatedAt: new Date(row.updated_at),
      hasNotes: row.user_notes_count !== 0,
    }))
    .toSorted((a, b) => a.updatedAt.getTime() - b.updatedAt.getTime());
  return { items, at, completeUntil: more ? since : null };
}

async function newestNotes(
  api: Resources,
  path: string,
  since: Date,
): Promise<z.infer<typeof NoteAnswer>[]> {
  const rows: z.infer<typeof NoteAnswer>[] = [];
  for (let page = 1; page <= POLL_LIMITS.notePages; page += 1) {
    const query = { order_by: 'created_at', sort: 'desc', per_page: POLL_LIMITS.pageSize, page };
    const { body } = await get(api, `${path}/notes`, query);
    const found = parseAnswer(z.array(NoteAnswer), body, `GET ${path}/notes`);
    rows.push(...found);
    const oldest = found.at(-1);
    if (!oldest || found.length < POLL_LIMITS.pageSize) return rows;
    if (Date.parse(oldest.created_at) < since.getTime()) return rows;
  }
  return rows;
}

function toNote(row: z.infer<typeof NoteAnswer>): PolledNote[] {
  const author = person(row.author);
  if (author === null || row.system) return [];
  return [
    {
      id: row.id,
      body: row.body ?? '',
      author,
      internal: row.internal ?? row.confidential ?? false,
      createdAt: new Date(row.created_at),
      updatedAt: new Date(row.updated_at),
    },
  ];
}

function toLabelEvent(row: z.infer<typeof LabelEventAnswer>): LabelEvent[] {
  const by = person(row.user);
  if (by === null || !row.label || (row.action !== 'add' && row.action !== 'remove')) return [];
  return [{ label: row.label.name, action: row.action, by, at: new Date(row.created_at) }];
}

const FOLDER = { issue: 'issues', change: 'merge_requests' } as const;

export function createGitLabPoll(api: Resources): ForgePoll {
  return {
    issues: (projectId, since) =>
      listMoved(
        api,
        { path: `projects/${projectId}/issues`, schema: MovedIssueAnswer, since },
        (row) => {
          const { updatedAt: _moved, ...item } = toIssue(row);
          return { item, endedBy: person(row.closed_by) };
        },
      ),

    changes: (projectId, since) =>
      listMoved(
        api,
        { path: `projects/${projectId}/merge_requests`, schema: MovedChangeAnswer, since },
        (row) => ({ item: toChange(row), endedBy: person(row.merge_user ?? row.closed_by) }),
      ),

    async notes(projectId, on, since) {
      const rows = await newestNotes(
        api,
        `projects/${projectId}/${FOLDER[on.type]}/${on.iid}`,
        since,
      );
      return rows
        .flatMap(toNote)
        .filter((note) => note.createdAt.getTime() >= since.getTime())
        .toReversed();
    },

    /** Lists of notes do not name their threads (gitlab-facts §3.4). */
    async threads(projectId, on) {
      const what = `GET discussions of ${on.type} ${on.iid} in project ${projectId}`;
      const rows = await listAll(DiscussionAnswer, what, POLL_LIMITS.discussions, (page) =>
        api.on[on.type].discussions.all(projectId, on.iid, page),
      );
      return new Map(rows.flatMap(({ id, notes }) => notes.map((note) => [note.id, id])));
    },

    async labelEvents(projectId, issueIid) {
      const what = `GET label events of issue ${projectId}#${issueIid}`;
      const rows = await listAll(LabelEventAnswer, what, POLL_LIMITS.labelEvents, (page) =>
        api.labelEvents.all(projectId, issueIid, page),
      );
      return rows.flatMap(toLabelEvent).toSorted((a, b) => a.at.getTime() - b.at.getTime());
    },
  };
}
