/** The changed files of a merge request with their diffs (gitlab-facts §3.2). */
import { z } from 'zod';
import { listAll } from './resources.ts';
import type { Resources } from './resources.ts';

/** Changed files of one merge request; GitLab itself shows at most 3,000. */
export const MAX_FILES = 3_000;

const DiffAnswer = z.object({
  old_path: z.string(),
  new_path: z.string(),
  deleted_file: z.boolean().nullish(),
  /** Empty for binary, collapsed and too large files. */
  diff: z.string().nullish(),
});

export function listDiffs(
  api: Resources,
  projectId: number,
  iid: number,
): Promise<z.infer<typeof DiffAnswer>[]> {
  const what = `GET diffs of merge request ${projectId}!${iid}`;
  return listAll(DiffAnswer, what, MAX_FILES, (page) =>
    api.mergeRequests.allDiffs(projectId, iid, page),
  );
}
