/** Parts shared by webhook payloads (gitlab-facts §2; field order of GitLab's HookData builders). */
import type { Instance } from '../instance.ts';
import { readCommit } from '../git/read.ts';
import { findUser, headSha, isDraft, projectOf } from '../state/state.ts';
import type { Issue, Label, MergeRequest, Noteable, Project, User } from '../state/types.ts';
import { detailedMergeStatus, mergeStatus } from '../services/mergeability.ts';

/** `2017-12-10 16:38:25 UTC`: how most payloads write times. */
export function hookTime(iso: string | null): string | null {
  return iso === null ? null : `${iso.slice(0, 19).replace('T', ' ')} UTC`;
}

export function hookUser(gl: Instance, user: User): Record<string, unknown> {
  return {
    id: user.id,
    name: user.name,
    username: user.username,
    avatar_url: `${gl.url}/uploads/-/system/user/avatar/${user.id}/avatar.png`,
    email: '[REDACTED]',
  };
}

const VISIBILITY_LEVEL = { private: 0, internal: 10, public: 20 } as const;

export function namespaceOf(project: Project): string {
  return project.path.slice(0, project.path.lastIndexOf('/'));
}

export function hookProject(gl: Instance, project: Project): Record<string, unknown> {
  const web = `${gl.url}/${project.path}`;
  const ssh = `git@${new URL(gl.url).hostname}:${project.path}.git`;
  return {
    id: project.id,
    name: project.name,
    description: project.description ?? '',
    web_url: web,
    avatar_url: null,
    git_ssh_url: ssh,
    git_http_url: `${web}.git`,
    namespace: namespaceOf(project),
    visibility_level: VISIBILITY_LEVEL[project.visibility],
    path_with_namespace: project.path,
    default_branch: project.defaultBranch,
    ci_config_path: null,
    homepage: web,
    url: ssh,
    ssh_url: ssh,
    http_url: `${web}.git`,
  };
}

export function hookRepository(gl: Instance, project: Project): Record<string, unknown> {
  const full = hookProject(gl, project);
  return {
    name: project.name,
    url: full['git_ssh_url'],
    description: project.description ?? '',
    homepage: full['web_url'],
  };
}

export function hookLabel(label: Label): Record<string, unknown> {
  return {
    id: label.id,
    title: label.name,
    color: label.color,
    project_id: label.projectId,
    created_at: hookTime(label.createdAt),
    updated_at: hookTime(label.createdAt),
    template: false,
    description: label.description,
    type: 'ProjectLabel',
    group_id: null,
  };
}

export function hookLabels(project: Project, ids: readonly number[]): Record<string, unknown>[] {
  return ids
    .map((id) => project.labels.find((label) => label.id === id))
    .filter((label) => label !== undefined)
    .map(hookLabel);
}

export function webPath(item: Noteable): string {
  return item.kind === 'issue' ? `-/issues/${item.iid}` : `-/merge_requests/${item.iid}`;
}

/** Links of uploaded pictures are absolute in webhooks, and only there (gitlab-facts §2). */
export function withAbsolutePictures(gl: Instance, project: Project, text: string): string {
  const here = `${gl.url}/-/project/${project.id}`;
  return text.replaceAll(/(!\[[^\]]*\]\()(\/uploads\/)/g, `$1${here}$2`);
}

function common(gl: Instance, item: Noteable, project: Project): Record<string, unknown> {
  return {
    author_id: item.authorId,
    created_at: hookTime(item.createdAt),
    description:
      item.description === null ? null : withAbsolutePictures(gl, project, item.description),
    id: item.id,
    iid: item.iid,
    last_edited_at: hookTime(item.lastEditedAt),
    last_edited_by_id: item.lastEditedById,
    milestone_id: null,
    project_id: project.id,
    time_estimate: 0,
    title: item.title,
    updated_at: hookTime(item.updatedAt),
    updated_by_id: item.updatedById,
    total_time_spent: 0,
    time_change: 0,
    human_total_time_spent: null,
    human_time_change: null,
    human_time_estimate: null,
    assignee_ids: item.assigneeIds,
    assignee_id: item.assigneeIds[0] ?? null,
    labels: hookLabels(project, item.labelIds),
    state: item.state,
  };
}

/** IssueBuilder: the issue as `object_attributes` and beside notes. */
export function hookIssue(gl: Instance, issue: Issue): Record<string, unknown> {
  const project = projectOf(gl.state, issue.projectId);
  return {
    ...common(gl, issue, project),
    closed_at: hookTime(issue.closedAt),
    confidential: issue.confidential,
    discussion_locked: issue.discussionLocked,
    due_date: null,
    duplicated_to_id: null,
    moved_to_id: null,
    relative_position: null,
    state_id: issue.state === 'opened' ? 1 : 2,
    type: issue.type,
    url: `${gl.url}/${project.path}/${webPath(issue)}`,
    weight: null,
    health_status: null,
    severity: 'unknown',
  };
}

const MR_STATE_ID = { opened: 1, closed: 2, merged: 3, locked: 4 } as const;

/** MergeRequestBuilder. */
export async function hookMergeRequest(
  gl: Instance,
  mr: MergeRequest,
): Promise<Record<string, unknown>> {
  const project = projectOf(gl.state, mr.targetProjectId);
  const source = projectOf(gl.state, mr.sourceProjectId);
  return {
    ...common(gl, mr, project),
    target_branch: mr.targetBranch,
    source_branch: mr.sourceBranch,
    source_project_id: mr.sourceProjectId,
    target_project_id: mr.targetProjectId,
    reviewer_ids: mr.reviewerIds,
    head_pipeline_id: mr.headPipelineId,
    merge_commit_sha: mr.mergeCommitSha,
    merge_error: mr.mergeError,
    merge_params: { force_remove_source_branch: mr.removeSourceBranch ? '1' : '0' },
    merge_status: mergeStatus(mr),
    detailed_merge_status: detailedMergeStatus(gl, project, mr),
    merge_user_id: mr.mergedById,
    merge_when_pipeline_succeeds: mr.autoMergeById !== null,
    state_id: MR_STATE_ID[mr.state],
    blocking_discussions_resolved: !mr.notes.some(
      (note) => note.resolvable && note.resolvedAt === null,
    ),
    first_contribution: false,
    draft: isDraft(mr),
    work_in_progress: isDraft(mr),
    prepared_at: mr.preparedAt,
    source: hookProject(gl, source),
    target: hookProject(gl, project),
    last_commit: await hookCommit(gl, source, headSha(mr)),
    url: `${gl.url}/${project.path}/${webPath(mr)}`,
  };
}

export async function hookCommit(
  gl: Instance,
  project: Project,
  sha: string,
): Promise<Record<string, unknown> | null> {
  const commit = await readCommit(project.gitDir, sha);
  if (!commit) return null;
  return {
    id: commit.id,
    message: commit.message,
    title: commit.title,
    timestamp: commit.authoredAt,
    url: `${gl.url}/${project.path}/-/commit/${commit.id}`,
    author: { name: commit.authorName, email: commit.authorEmail },
  };
}

export function hookUsers(gl: Instance, ids: readonly number[]): Record<string, unknown>[] {
  return ids
    .map((id) => findUser(gl.state, id))
    .filter((user) => user !== undefined)
    .map((user) => hookUser(gl, user));
}
