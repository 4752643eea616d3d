/** Review threads of a merge request (ForgeReview). Rules: gitlab-facts §3.4. */
import { z } from 'zod';
import { ForgeError } from '../errors.ts';
import type { ForgeReview, ThreadLines, ThreadPlace } from '../review.ts';
import { newSideLine } from './diff-lines.ts';
import { listDiffs } from './diffs.ts';
import { listAll, parseAnswer, refuseCommandsOnly } from './resources.ts';
import type { Resources } from './resources.ts';
import { newestVersion } from './versions.ts';

export const REVIEW_LIMITS = {
  /** GitLab allows 5,000 comments per merge request; each system note is a discussion too. */
  threads: 10_000,
  /** Reactions read of one note. */
  reactions: 1_000,
  /** Lines of a finding that are tried for its thread. */
  lines: 200,
} as const;

const DiscussionAnswer = z.object({
  id: z.string(),
  individual_note: z.boolean(),
  notes: z.array(
    z.object({
      id: z.number().int(),
      body: z.string().nullish(),
      author: z.object({ id: z.number().int() }),
      resolvable: z.boolean().nullish(),
      resolved: z.boolean().nullish(),
      resolved_by: z.object({ id: z.number().int(), username: z.string() }).nullish(),
      system: z.boolean(),
    }),
  ),
});

const AwardAnswer = z.object({
  name: z.string(),
  user: z.object({ id: z.number().int(), username: z.string() }),
  created_at: z.string(),
});

/** A path of GitLab's own making, and nothing that could mean something else in Markdown. */
const UploadAnswer = z.object({
  url: z.string().regex(/^\/uploads\/[0-9a-f]{32}\/[\w.-]{1,100}$/),
});

const DiscussionId = z.object({ id: z.string() });

/** GitLab's position of an inline thread, in its own field names. */
interface Position {
  base_sha: string;
  start_sha: string;
  head_sha: string;
  position_type: 'text' | 'file';
  old_path: string;
  new_path: string;
  old_line?: number;
  new_line?: number;
}

interface Candidate {
  place: ThreadPlace;
  position: Position | null;
}

/** Places for a thread, the most exact first; the last one always works. */
async function placesFor(
  api: Resources,
  projectId: number,
  iid: number,
  on: ThreadLines,
): Promise<Candidate[]> {
  const plain: Candidate = { place: { on: 'change' }, position: null };
  const newest = await newestVersion(api, projectId, iid);
  const files = await listDiffs(api, projectId, iid);
  const file = files.find((one) => one.new_path === on.path && one.deleted_file !== true);
  if (!newest || !file) return [plain];
  const inFile = {
    base_sha: newest.base_commit_sha,
    start_sha: newest.start_commit_sha,
    head_sha: newest.head_commit_sha,
    old_path: file.old_path,
    new_path: file.new_path,
  };
  const position: Position = { ...inFile, position_type: 'file' };
  const whole: Candidate = { place: { on: 'file' }, position };
  // Lines of another head are other lines.
  if (newest.head_commit_sha !== on.sha) return [whole, plain];
  const line = firstShown(file.diff ?? '', on);
  if (line === null) return [whole, plain];
  const lines = { new_line: line.at, ...(line.oldLine === null ? {} : { old_line: line.oldLine }) };
  const onLine: Candidate = {
    place: { on: 'line', line: line.at },
    position: { ...inFile, position_type: 'text', ...lines },
  };
  return [onLine, whole, plain];
}

/** The first of the lines that the diff shows; unchanged ones are addressed on both sides. */
function firstShown(
  diff: string,
  { line, endLine = line }: ThreadLines,
): { at: number; oldLine: number | null } | null {
  for (let at = line; at <= Math.min(endLine, line + REVIEW_LIMITS.lines); at += 1) {
    const shown = newSideLine(diff, at);
    if (shown !== null) return { at, oldLine: shown.kind === 'context' ? shown.oldLine : null };
  }
  return null;
}

/**
 * Sends one discussion as JSON: gitbeaker sends positions as a form, which the requester cannot
 * search for secrets.
 */
async function startDiscussion(
  api: Resources,
  projectId: number,
  iid: number,
  body: string,
  position: Position | null,
): Promise<{ id: string }> {
  const what = `POST discussion on merge request ${projectId}!${iid}`;
  const { status, body: data } = await api.mergeRequests.requester.post(
    `projects/${projectId}/merge_requests/${iid}/discussions`,
    { body: position === null ? { body } : { body, position } },
  );
  return parseAnswer(DiscussionId, refuseCommandsOnly({ status, data }, what), what);
}

/** A refused place (400, nothing was stored) is followed by the next one; other failures are not. */
async function openThread(
  api: Resources,
  projectId: number,
  iid: number,
  on: ThreadLines,
  body: (place: ThreadPlace) => string,
): Promise<{ id: string; place: ThreadPlace }> {
  const places = await placesFor(api, projectId, iid, on);
  for (const { place, position } of places.slice(0, -1)) {
    try {
      const { id } = await startDiscussion(api, projectId, iid, body(place), position);
      return { id, place };
    } catch (error) {
      if (!(error instanceof ForgeError) || error.status !== 400) throw error;
    }
  }
  const place: ThreadPlace = { on: 'change' };
  return { ...(await startDiscussion(api, projectId, iid, body(place), null)), place };
}

export function createGitLabReview(api: Resources): ForgeReview {
  const { discussions } = api.on.change;
  return {
    /** Single comments and GitLab's own notes are no threads. */
    async threads(projectId, iid) {
      const what = `GET discussions of merge request ${projectId}!${iid}`;
      const rows = await listAll(DiscussionAnswer, what, REVIEW_LIMITS.threads, (page) =>
        discussions.all(projectId, iid, page),
      );
      return rows
        .filter((row) => !row.individual_note && row.notes.some((note) => !note.system))
        .map(({ id, notes }) => {
          const resolvable = notes.filter((note) => note.resolvable === true);
          const resolved =
            resolvable.length > 0 && resolvable.every((note) => note.resolved === true);
          const by = resolvable.find((note) => note.resolved_by)?.resolved_by ?? null;
          return {
            id,
            resolved,
            resolvedBy: resolved && by ? { id: by.id, username: by.username } : null,
            notes: notes
              .filter((note) => !note.system)
              .toSorted((a, b) => a.id - b.id)
              .map((note) => ({ id: note.id, authorId: note.author.id, body: note.body ?? '' })),
          };
        });
    },

    openThread: (projectId, iid, on, body) => openThread(api, projectId, iid, on, body),

    async replyInThread(projectId, iid, threadId, body) {
      const answer: unknown = await discussions.addNote(projectId, iid, threadId, body, {
        showExpanded: true,
      });
      refuseCommandsOnly(answer, `POST note in a thread of merge request ${projectId}!${iid}`);
    },

    /** Resolving a resolved thread changes nothing. */
    async resolveThread(projectId, iid, threadId, resolved) {
      await discussions.resolve(projectId, iid, threadId, resolved);
    },

    async reactions(projectId, iid, noteId) {
      const what = `GET reactions on note ${noteId} of merge request ${projectId}!${iid}`;
      const rows = await listAll(AwardAnswer, what, REVIEW_LIMITS.reactions, (page) =>
        api.on.change.noteEmojis.all(projectId, iid, noteId, page),
      );
      return rows.map(({ name, user, created_at }) => {
        const { id, username } = user;
        return { name, user: { id, username }, at: new Date(created_at) };
      });
    },
    async attach(projectId, filename, png) {
      const content = new Blob([new Uint8Array(png)], { type: 'image/png' });
      const answer = await api.projects.uploadForReference(projectId, { content, filename });
      return parseAnswer(UploadAnswer, answer, 'upload').url;
    },
  };
}
