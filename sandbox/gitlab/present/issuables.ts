/** Issues, merge requests, notes, discussions and approvals as the REST API shows them. */
import { suggestionEntity } from './suggestions.ts';
import type { Instance } from '../instance.ts';
import { diff } from '../git/read.ts';
import { canApprove } from '../services/access.ts';
import { labelNames } from '../services/labels.ts';
import { approvalsLeft, detailedMergeStatus, mergeStatus } from '../services/mergeability.ts';
import { headPipelineOf } from '../services/pipeline-list.ts';
import { headSha, isDraft } from '../state/state.ts';
import type {
  Issue,
  MergeRequest,
  MrVersion,
  Note,
  Noteable,
  Project,
  User,
} from '../state/types.ts';
import { userById } from './basics.ts';
import { pipelineBasic } from './ci.ts';

const NO_TIME = {
  time_estimate: 0,
  total_time_spent: 0,
  human_time_estimate: null,
  human_total_time_spent: null,
};

function votes(item: Noteable, name: string): number {
  return item.awards.filter((award) => award.name === name).length;
}

function common(gl: Instance, project: Project, item: Noteable): Record<string, unknown> {
  const assignees = item.assigneeIds.map((id) => userById(gl, id));
  return {
    id: item.id,
    iid: item.iid,
    project_id: project.id,
    title: item.title,
    description: item.description,
    state: item.state,
    created_at: item.createdAt,
    updated_at: item.updatedAt,
    closed_at: item.closedAt,
    closed_by: item.closedById === null ? null : userById(gl, item.closedById),
    labels: labelNames(project, item.labelIds).toSorted(),
    milestone: null,
    assignees,
    author: userById(gl, item.authorId),
    assignee: assignees[0] ?? null,
    user_notes_count: item.notes.filter((note) => !note.system).length,
    upvotes: votes(item, 'thumbsup'),
    downvotes: votes(item, 'thumbsdown'),
    discussion_locked: item.discussionLocked,
    time_stats: NO_TIME,
    task_completion_status: { count: 0, completed_count: 0 },
  };
}

function references(project: Project, sign: string, iid: number) {
  return {
    short: `${sign}${iid}`,
    relative: `${sign}${iid}`,
    full: `${project.path}${sign}${iid}`,
  };
}

export function issueEntity(gl: Instance, project: Project, issue: Issue): Record<string, unknown> {
  const api = `${gl.url}/api/v4/projects/${project.id}/issues/${issue.iid}`;
  return {
    ...common(gl, project, issue),
    type: issue.type.toUpperCase(),
    issue_type: issue.type.toLowerCase(),
    confidential: issue.confidential,
    due_date: null,
    merge_requests_count: 0,
    has_tasks: false,
    web_url: `${gl.url}/${project.path}/-/issues/${issue.iid}`,
    _links: {
      self: api,
      notes: `${api}/notes`,
      award_emoji: `${api}/award_emoji`,
      project: `${gl.url}/api/v4/projects/${project.id}`,
    },
    references: references(project, '#', issue.iid),
    severity: 'UNKNOWN',
    moved_to_id: null,
    imported: false,
    imported_from: 'none',
    service_desk_reply_to: null,
  };
}

/** List form; the single form adds `diff_refs`, `changes_count` and `head_pipeline`. */
export function mrBasic(gl: Instance, project: Project, mr: MergeRequest): Record<string, unknown> {
  const user = (id: number | null) => (id === null ? null : userById(gl, id));
  return {
    ...common(gl, project, mr),
    merged_by: user(mr.mergedById),
    merge_user: user(mr.mergedById ?? mr.autoMergeById),
    merged_at: mr.mergedAt,
    target_branch: mr.targetBranch,
    source_branch: mr.sourceBranch,
    reviewers: mr.reviewerIds.map((id) => userById(gl, id)),
    source_project_id: mr.sourceProjectId,
    target_project_id: mr.targetProjectId,
    draft: isDraft(mr),
    work_in_progress: isDraft(mr),
    merge_when_pipeline_succeeds: mr.autoMergeById !== null,
    merge_status: mergeStatus(mr),
    detailed_merge_status: detailedMergeStatus(gl, project, mr),
    merge_after: null,
    sha: headSha(mr),
    merge_commit_sha: mr.mergeCommitSha,
    squash_commit_sha: null,
    should_remove_source_branch: null,
    force_remove_source_branch: mr.removeSourceBranch,
    prepared_at: mr.preparedAt,
    reference: `!${mr.iid}`,
    references: references(project, '!', mr.iid),
    web_url: `${gl.url}/${project.path}/-/merge_requests/${mr.iid}`,
    squash: mr.squash,
    squash_on_merge: mr.squash,
    has_conflicts: mr.mergeCheck === 'cannot_be_merged',
    blocking_discussions_resolved: !mr.notes.some(
      (note) => note.resolvable && note.resolvedAt === null,
    ),
    imported: false,
    imported_from: 'none',
  };
}

export async function mrEntity(
  gl: Instance,
  project: Project,
  mr: MergeRequest,
  user: User | null,
): Promise<Record<string, unknown>> {
  const version = mr.versions.at(-1) as MrVersion;
  const files = await diff(project.gitDir, version.baseSha, version.headSha);
  const pipeline = headPipelineOf(gl, project, mr);
  const shown = pipeline ? pipelineBasic(gl, project, pipeline) : null;
  return {
    ...mrBasic(gl, project, mr),
    subscribed: false,
    changes_count: String(files.length),
    latest_build_started_at: pipeline?.startedAt ?? null,
    latest_build_finished_at: pipeline?.finishedAt ?? null,
    first_deployed_to_production_at: null,
    pipeline: shown,
    head_pipeline: shown,
    diff_refs: {
      base_sha: version.baseSha,
      head_sha: version.headSha,
      start_sha: version.startSha,
    },
    merge_error: mr.mergeError,
    first_contribution: false,
    user: { can_merge: user !== null },
  };
}

/** On CE only the basic facts; EE adds counts and rules (gitlab-facts §3.3). */
export function approvalsEntity(
  gl: Instance,
  project: Project,
  mr: MergeRequest,
  user: User,
): Record<string, unknown> {
  const left = approvalsLeft(gl, project, mr);
  const given = mr.approvals.some((approval) => approval.userId === user.id);
  const basics = {
    user_has_approved: given,
    user_can_approve: !given && canApprove(gl, project, user, mr.authorId),
    approved: gl.edition === 'ce' ? mr.approvals.length > 0 : left === 0,
    approved_by: mr.approvals.map((approval) => ({
      user: userById(gl, approval.userId),
      approved_at: approval.at,
    })),
  };
  if (gl.edition === 'ce') return basics;
  return {
    id: mr.id,
    iid: mr.iid,
    project_id: project.id,
    title: mr.title,
    description: mr.description,
    state: mr.state,
    created_at: mr.createdAt,
    updated_at: mr.updatedAt,
    merge_status: mergeStatus(mr),
    ...basics,
    approvals_required: project.settings.approvalsRequired,
    approvals_left: left,
    require_password_to_approve: false,
    suggested_approvers: [],
    approvers: [],
    approver_groups: [],
    approval_rules_left: [],
    has_approval_rules: project.settings.approvalsRequired > 0,
    merge_request_approvers_available: true,
    multiple_approval_rules_available: true,
    invalid_approvers_rules: [],
  };
}

export function noteEntity(
  gl: Instance,
  project: Project,
  item: Noteable,
  note: Note,
  commandsChanges: Record<string, unknown> = {},
): Record<string, unknown> {
  const resolution = note.resolvable
    ? { resolved: note.resolvedAt !== null, resolved_by: null, resolved_at: note.resolvedAt }
    : {};
  return {
    id: note.id,
    type: note.type,
    body: note.body,
    author: userById(gl, note.authorId),
    created_at: note.createdAt,
    updated_at: note.updatedAt,
    system: note.system,
    noteable_id: item.id,
    noteable_type: item.kind === 'issue' ? 'Issue' : 'MergeRequest',
    project_id: project.id,
    resolvable: note.resolvable,
    ...resolution,
    ...(note.resolvedById !== null ? { resolved_by: userById(gl, note.resolvedById) } : {}),
    confidential: note.internal,
    internal: note.internal,
    imported: false,
    imported_from: 'none',
    noteable_iid: item.iid,
    commands_changes: commandsChanges,
    ...(note.position ? { position: note.position } : {}),
    ...(item.kind === 'merge_request' && note.type === 'DiffNote'
      ? { suggestions: note.suggestions.map((one) => suggestionEntity(item, note, one)) }
      : {}),
  };
}

export function discussionEntity(
  gl: Instance,
  project: Project,
  item: Noteable,
  notes: readonly Note[],
): Record<string, unknown> {
  return {
    id: notes[0]?.discussionId,
    individual_note: notes.length === 1 && notes[0]?.type === null,
    notes: notes.map((note) => noteEntity(gl, project, item, note)),
  };
}

export function versionEntity(mr: MergeRequest, version: MrVersion): Record<string, unknown> {
  return {
    id: version.id,
    head_commit_sha: version.headSha,
    base_commit_sha: version.baseSha,
    start_commit_sha: version.startSha,
    created_at: version.createdAt,
    merge_request_id: mr.id,
    state: 'collected',
    real_size: '1',
    patch_id_sha: version.headSha,
  };
}
