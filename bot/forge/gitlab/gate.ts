/** What a gate needs from GitLab (ForgeGate). Rules: gitlab-facts §3.2, §3.3 and §3.6. */
import { z } from 'zod';
import { ForgeError } from '../errors.ts';
import type { ForgeGate } from '../forge.ts';
import { listContributors } from './contributors.ts';
import { parseAnswer, parseExpanded } from './resources.ts';
import type { Resources } from './resources.ts';
import { newestVersion } from './versions.ts';

/** `approvals_left` is EE's; `approved_at` is missing on older versions. */
const ApprovalsAnswer = z.object({
  approved_by: z.array(
    z.object({
      user: z.object({ id: z.number().int(), username: z.string() }),
      approved_at: z.string().nullish(),
    }),
  ),
  approvals_left: z.number().int().nullish(),
});

const StatusAnswer = z.object({ detailed_merge_status: z.string() });

const MergedAnswer = z.object({
  state: z.string(),
  sha: z.string().nullish(),
  merge_commit_sha: z.string().nullish(),
  squash_commit_sha: z.string().nullish(),
});

function toDate(text: string | null | undefined): Date | null {
  const time = Date.parse(text ?? '');
  return Number.isNaN(time) ? null : new Date(time);
}

/** 406 and 422 are GitLab's `Branch cannot be merged`; 405 and 409 are conflicts by their status. */
async function unmergeableAsConflict<T>(sent: Promise<T>): Promise<T> {
  try {
    return await sent;
  } catch (error) {
    const refused = error instanceof ForgeError && (error.status === 406 || error.status === 422);
    if (!refused) throw error;
    throw new ForgeError('conflict', error.message, { status: error.status, cause: error });
  }
}

/**
 * The merge is sent without `auto_merge`, so it happens now or not at all. The sha it answers is the
 * merge commit, the squashed commit where nothing else was made, or the head of a fast-forward.
 */
async function merge(
  api: Resources,
  projectId: number,
  iid: number,
  sha: string,
): Promise<{ sha: string }> {
  const what = `PUT merge of merge request ${projectId}!${iid}`;
  const answer: unknown = await unmergeableAsConflict(
    api.mergeRequests.merge(projectId, iid, { sha, showExpanded: true }),
  );
  const row = parseExpanded(MergedAnswer, answer, what).data;
  if (row.state !== 'merged') {
    throw new ForgeError(
      'ambiguous',
      `GitLab took the merge of ${projectId}!${iid} and shows it as ${row.state}; read it back before repeating`,
    );
  }
  return { sha: row.merge_commit_sha ?? row.squash_commit_sha ?? row.sha ?? sha };
}

/** 401 says here that the token belongs to a person (gitlab-facts §3.3). */
async function resetApprovals(api: Resources, projectId: number, iid: number): Promise<void> {
  try {
    await api.mergeRequests.requester.put(
      `projects/${projectId}/merge_requests/${iid}/reset_approvals`,
    );
  } catch (error) {
    if (!(error instanceof ForgeError) || error.kind !== 'denied') throw error;
    throw new ForgeError(
      'denied',
      `${error.message} Only the token of a project or group bot may reset approvals, ` +
        'and it needs the Developer role.',
      { status: error.status, cause: error },
    );
  }
}

/** GitLab refuses `pending` on a status that is pending: it says what was asked for. */
async function sameStateIsDone(state: string, sent: Promise<unknown>): Promise<void> {
  try {
    await sent;
  } catch (error) {
    const from =
      error instanceof ForgeError
        ? /Cannot transition status via :\w+ from :(\w+)/.exec(error.message)?.[1]
        : undefined;
    if (from !== state) throw error;
  }
}

export function createGitLabGate(api: Resources): ForgeGate {
  return {
    async approvals(projectId, iid) {
      const answer: unknown = await api.approvals.showConfiguration(projectId, {
        mergerequestIId: iid,
      });
      const what = `GET approvals of merge request ${projectId}!${iid}`;
      const row = parseAnswer(ApprovalsAnswer, answer, what);
      return {
        given: row.approved_by.map(({ user, approved_at }) => ({ user, at: toDate(approved_at) })),
        left: row.approvals_left ?? 0,
      };
    },

    contributors: (projectId, iid) => listContributors(api, projectId, iid),

    async headAt(projectId, iid) {
      return toDate((await newestVersion(api, projectId, iid))?.created_at);
    },

    async mergeStatus(projectId, iid) {
      const answer: unknown = await api.mergeRequests.show(projectId, iid);
      const what = `GET merge request ${projectId}!${iid}`;
      return parseAnswer(StatusAnswer, answer, what).detailed_merge_status;
    },

    merge: (projectId, iid, sha) => merge(api, projectId, iid, sha),

    resetApprovals: (projectId, iid) => resetApprovals(api, projectId, iid),

    /**
     * A named pipeline brings its own ref. Sent beside it, the ref must be the pipeline's, which for
     * one of a merge request is not the branch: GitLab then answers 404.
     */
    async setStatus(projectId, sha, { state, name, description, ref, pipelineId }) {
      const target = pipelineId === null ? { ref } : { pipelineId };
      await sameStateIsDone(
        state,
        api.commits.editStatus(projectId, sha, state, { name, description, ...target }),
      );
    },
  };
}
