/** Review threads of a merge request (ForgeReview). Rules: gitlab-facts §3.4. */
import { z } from 'zod';
import { ForgeError } from '../errors.ts';
import type { ForgeReview } from '../forge.ts';
import { newSideLine } from './diff-lines.ts';
import { listDiffs } from './diffs.ts';
import { listAll, parseAnswer, refuseCommandsOnly } from './resources.ts';
import type { Resources } from './resources.ts';
import { newestVersion } from './versions.ts';

export const REVIEW_LIMITS = {
  /** GitLab allows 5,000 comments per merge request; each system note is a discussion too. */
  threads: 10_000,
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
      system: z.boolean(),
    }),
  ),
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

interface Place {
  on: 'line' | 'file' | 'change';
  position: Position | null;
}

/** Places for a thread, the most exact first; the last one always works. */
async function placesFor(
  api: Resources,
  projectId: number,
  iid: number,
  on: { path: string; line: number },
): Promise<Place[]> {
  const plain: Place = { on: 'change', position: null };
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
  const whole: Place = { on: 'file', position: { ...inFile, position_type: 'file' } };
  const line = newSideLine(file.diff ?? '', on.line);
  if (line === null) return [whole, plain];
  const lines = {
    new_line: on.line,
    ...(line.kind === 'context' ? { old_line: line.oldLine } : {}),
  };
  return [{ on: 'line', position: { ...inFile, position_type: 'text', ...lines } }, whole, plain];
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
  on: { path: string; line: number },
  body: string,
): Promise<{ id: string; on: Place['on'] }> {
  const places = await placesFor(api, projectId, iid, on);
  for (const place of places.slice(0, -1)) {
    try {
      const { id } = await startDiscussion(api, projectId, iid, body, place.position);
      return { id, on: place.on };
    } catch (error) {
      if (!(error instanceof ForgeError) || error.status !== 400) throw error;
    }
  }
  return { ...(await startDiscussion(api, projectId, iid, body, null)), on: 'change' };
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
          return {
            id,
            resolved: resolvable.length > 0 && resolvable.every((note) => note.resolved === true),
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
    async resolveThread(projectId, iid, threadId) {
      await discussions.resolve(projectId, iid, threadId, true);
    },
  };
}
