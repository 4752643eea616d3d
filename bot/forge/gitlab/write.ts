/** What the bot writes to GitLab (ForgeWrite). Rules: gitlab-facts §3.2 and §3.4. */
import { z } from 'zod';
import { ForgeError } from '../errors.ts';
import type { ForgeWrite, NoteTarget, OpenChangeRequest } from '../forge.ts';
import { commitFiles } from './commit.ts';
import { listAll, orNull, parseAnswer, parseExpanded, refuseCommandsOnly } from './resources.ts';
import type { Resources } from './resources.ts';

export const WRITE_LIMITS = {
  /** Open changes looked through for one source branch; forks may have branches of that name. */
  changesOfBranch: 500,
} as const;

const NoteId = z.object({ id: z.number().int() });
const OpenedChange = z.object({ iid: z.number().int(), web_url: z.string() });
const FoundChange = OpenedChange.extend({
  description: z.string().nullish(),
  source_project_id: z.number().int().nullish(),
});

const named = (projectId: number, on: NoteTarget): string =>
  `${on.type} ${on.iid} in project ${projectId}`;

/** A second identical award is refused with 404 `… has already been taken`. */
async function alreadyTakenIsDone(sent: Promise<unknown>): Promise<void> {
  try {
    await sent;
  } catch (error) {
    if (error instanceof ForgeError && /already been taken/i.test(error.message)) return;
    throw error;
  }
}

async function openChange(
  api: Resources,
  projectId: number,
  request: OpenChangeRequest,
): Promise<{ iid: number; url: string }> {
  const { sourceBranch, targetBranch, description, labels } = request;
  const title = request.draft ? `Draft: ${request.title}` : request.title;
  try {
    const answer = await api.mergeRequests.create(projectId, sourceBranch, targetBranch, title, {
      description,
      labels: labels.join(','),
      removeSourceBranch: request.removeSourceBranch,
      showExpanded: true,
    });
    const what = `POST merge request in project ${projectId}`;
    const { iid, web_url: url } = parseExpanded(OpenedChange, answer, what).data;
    return { iid, url };
  } catch (error) {
    if (!(error instanceof ForgeError) || error.kind !== 'conflict') throw error;
    const iid = /!(\d+)/.exec(error.message)?.[1];
    throw new ForgeError(
      'conflict',
      `Branch ${sourceBranch} in project ${projectId} has an open merge request already` +
        (iid === undefined ? '' : `: !${iid}`),
      { status: error.status, cause: error },
    );
  }
}

/** A fork's branch of the same name does not count: only changes from this project do. */
async function findChange(
  api: Resources,
  projectId: number,
  sourceBranch: string,
): Promise<{ iid: number; url: string; description: string } | null> {
  const rows = await listAll(
    FoundChange,
    `GET merge requests of project ${projectId}`,
    WRITE_LIMITS.changesOfBranch,
    (page) => api.mergeRequests.all({ projectId, sourceBranch, state: 'opened', ...page }),
  );
  const row = rows.find((candidate) => candidate.source_project_id === projectId);
  return row ? { iid: row.iid, url: row.web_url, description: row.description ?? '' } : null;
}

export function createGitLabWrite(api: Resources): ForgeWrite {
  return {
    async createNote(projectId, on, body, options = {}) {
      const { discussionId, internal } = options;
      const { notes, discussions } = api.on[on.type];
      const what = `POST note on ${named(projectId, on)}`;
      // A reply takes over whether its discussion is internal.
      const answer: unknown =
        discussionId === undefined
          ? await notes.create(projectId, on.iid, body, {
              ...(internal === true ? { internal } : {}),
              showExpanded: true,
            })
          : await discussions.addNote(projectId, on.iid, discussionId, body, {
              showExpanded: true,
            });
      return { id: parseAnswer(NoteId, refuseCommandsOnly(answer, what), what).id };
    },

    async updateNote(projectId, on, noteId, body) {
      const answer: unknown = await api.on[on.type].notes.edit(projectId, on.iid, noteId, {
        body,
        showExpanded: true,
      });
      refuseCommandsOnly(answer, `PUT note ${noteId} on ${named(projectId, on)}`);
    },

    async react(projectId, on, noteId, name) {
      const { emojis, noteEmojis } = api.on[on.type];
      await alreadyTakenIsDone(
        noteId === null
          ? emojis.award(projectId, on.iid, name)
          : noteEmojis.award(projectId, on.iid, noteId, name),
      );
    },

    commit: (projectId, request) => commitFiles(api, projectId, request),

    openChange: (projectId, request) => openChange(api, projectId, request),

    async updateChange(projectId, iid, patch) {
      const { title, description, addLabels, removeLabels } = patch;
      await api.mergeRequests.edit(projectId, iid, {
        ...(title === undefined ? {} : { title }),
        ...(description === undefined ? {} : { description }),
        ...(addLabels === undefined ? {} : { addLabels: addLabels.join(',') }),
        ...(removeLabels === undefined ? {} : { removeLabels: removeLabels.join(',') }),
      });
    },

    findChange: (projectId, sourceBranch) => findChange(api, projectId, sourceBranch),

    /** A branch that is gone already counts as deleted. */
    async deleteBranch(projectId, name) {
      await orNull<unknown>(api.branches.remove(projectId, name));
    },
  };
}
