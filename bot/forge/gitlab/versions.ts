/** The newest version of a merge request: what its head is, and since when (gitlab-facts §3.2). */
import { z } from 'zod';
import { parseAnswer } from './resources.ts';
import type { Resources } from './resources.ts';

const NewestAnswer = z.object({
  data: z.array(
    z.object({
      base_commit_sha: z.string(),
      start_commit_sha: z.string(),
      head_commit_sha: z.string(),
      created_at: z.string(),
    }),
  ),
});

/** GitLab lists versions newest first; null while it has made none. */
export async function newestVersion(api: Resources, projectId: number, iid: number) {
  const page = { page: 1, perPage: 1, showExpanded: true } as const;
  const answer: unknown = await api.mergeRequests.allDiffVersions(projectId, iid, page);
  const what = `GET versions of merge request ${projectId}!${iid}`;
  return parseAnswer(NewestAnswer, answer, what).data[0] ?? null;
}
