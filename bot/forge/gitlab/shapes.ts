/** Answers of GitLab's REST API as far as the driver reads them, and their domain form. Pure. */
import { z } from 'zod';
import type { Change, Issue, PipelineInfo } from '../../domain/events.ts';
import type { HookInfo } from '../forge.ts';

const Id = z.number().int();
const Author = z.object({ id: Id }).nullish();
/** Titles, or objects when `with_labels_details` is on. */
const Labels = z.array(z.union([z.string(), z.object({ name: z.string() })])).nullish();

function titles(labels: z.infer<typeof Labels>): string[] {
  return (labels ?? []).map((label) => (typeof label === 'string' ? label : label.name));
}

export const IssueAnswer = z.object({
  iid: Id,
  title: z.string(),
  description: z.string().nullish(),
  state: z.enum(['opened', 'closed']),
  labels: Labels,
  author: Author,
  confidential: z.boolean().nullish(),
  issue_type: z.string().nullish(),
  web_url: z.string(),
  updated_at: z.string(),
});

export function toIssue(row: z.infer<typeof IssueAnswer>): Issue & { updatedAt: string } {
  return {
    iid: row.iid,
    title: row.title,
    description: row.description ?? '',
    state: row.state,
    labels: titles(row.labels),
    authorId: row.author?.id ?? null,
    confidential: row.confidential ?? false,
    type: typeName(row.issue_type ?? 'issue'),
    url: row.web_url,
    updatedAt: row.updated_at,
  };
}

/** `test_case` of the REST API is `Test Case` in webhooks, whose spelling the domain uses. */
function typeName(type: string): string {
  return type
    .toLowerCase()
    .split('_')
    .map((word) => word.charAt(0).toUpperCase() + word.slice(1))
    .join(' ');
}

export const ChangeAnswer = z.object({
  iid: Id,
  title: z.string(),
  description: z.string().nullish(),
  state: z.enum(['opened', 'closed', 'merged', 'locked']),
  draft: z.boolean().nullish(),
  source_branch: z.string(),
  target_branch: z.string(),
  source_project_id: Id.nullish(),
  target_project_id: Id.nullish(),
  sha: z.string().nullish(),
  merge_commit_sha: z.string().nullish(),
  squash_commit_sha: z.string().nullish(),
  labels: Labels,
  author: Author,
  web_url: z.string(),
});

/** `headSha` is empty while GitLab has no commits for the change. */
export function toChange(row: z.infer<typeof ChangeAnswer>): Change {
  return {
    iid: row.iid,
    title: row.title,
    description: row.description ?? '',
    state: row.state,
    draft: row.draft ?? false,
    sourceBranch: row.source_branch,
    targetBranch: row.target_branch,
    sourceProjectId: row.source_project_id ?? null,
    targetProjectId: row.target_project_id ?? null,
    headSha: row.sha ?? '',
    // A fast-forward merge makes no commit of its own.
    mergedSha:
      row.state === 'merged'
        ? (row.merge_commit_sha ?? row.squash_commit_sha ?? row.sha ?? null)
        : null,
    labels: titles(row.labels),
    authorId: row.author?.id ?? null,
    url: row.web_url,
  };
}

export const PipelineAnswer = z.object({
  id: Id,
  project_id: Id.nullish(),
  status: z.string(),
  ref: z.string().nullish(),
  sha: z.string().nullish(),
  source: z.string().nullish(),
  web_url: z.string().nullish(),
  created_at: z.string().nullish(),
});

/**
 * The REST API names neither the parent of a child pipeline (ask `children` of the parent) nor the
 * change, which is in the ref of a merge request pipeline: `refs/merge-requests/12/head`.
 */
export function toPipeline(row: z.infer<typeof PipelineAnswer>): PipelineInfo {
  const iid = /^refs\/merge-requests\/(\d+)\//.exec(row.ref ?? '')?.[1];
  return {
    id: row.id,
    status: row.status,
    ref: row.ref ?? '',
    sha: row.sha ?? '',
    source: row.source ?? 'unknown',
    parentPipelineId: null,
    changeIid: iid === undefined ? null : Number(iid),
    url: row.web_url ?? '',
  };
}

/** Every event switch is a field `*_events`, so that those of newer versions are seen too. */
export const HookAnswer = z.looseObject({
  id: Id,
  url: z.string(),
  alert_status: z.string().nullish(),
  signing_token_present: z.boolean().nullish(),
});

export function toHook(row: z.infer<typeof HookAnswer>): HookInfo {
  return {
    id: row.id,
    url: row.url,
    alertStatus: row.alert_status ?? 'executable',
    events: Object.entries(row)
      .filter(([key, value]) => key.endsWith('_events') && value === true)
      .map(([key]) => key)
      .toSorted(),
    signingTokenPresent: row.signing_token_present ?? false,
  };
}
