/** GitLab's view of a CI configuration, with all includes in place. */
import { z } from 'zod';
import { parseAnswer } from './resources.ts';
import type { Resources } from './resources.ts';

const LintAnswer = z.object({
  valid: z.boolean(),
  errors: z.array(z.string()).nullish(),
  merged_yaml: z.string().nullish(),
});

/** The configuration of a ref, or what is wrong with it. */
export async function lintRef(
  api: Resources,
  projectId: number,
  ref: string,
): Promise<{ valid: boolean; errors: string[]; mergedYaml: string }> {
  // A plain variable because gitbeaker's type lacks `content_ref`, the newer name of `sha`.
  const query = { contentRef: ref, includeJobs: false };
  const answer: unknown = await api.lint.check(projectId, query);
  const row = parseAnswer(LintAnswer, answer, `GET CI lint of project ${projectId}`);
  return { valid: row.valid, errors: row.errors ?? [], mergedYaml: row.merged_yaml ?? '' };
}
