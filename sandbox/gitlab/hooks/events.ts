/** Fires the hooks of issues, notes, merge requests, emoji and pushes (gitlab-facts §2). */
import type { Instance } from '../instance.ts';
import { log, diff, readCommit } from '../git/read.ts';
import { projectOf, userOf } from '../state/state.ts';
import type { Award, Issue, MergeRequest, Note, Noteable, Project, User } from '../state/types.ts';
import { ZERO_SHA } from '../state/access-levels.ts';
import {
  hookIssue,
  hookLabels,
  hookMergeRequest,
  hookProject,
  hookRepository,
  hookTime,
  hookUser,
  hookUsers,
  webPath,
  withAbsolutePictures,
} from './parts.ts';

/** `changes.<field>` of update payloads. */
export type Changes = Record<string, { previous: unknown; current: unknown }>;

/** Commits a Push Hook lists at most; `total_commits_count` has the real number. */
const MAX_PUSH_COMMITS = 20;

/** Issue Hook; confidential issues go to the confidential scope only. */
export function fireIssue(
  gl: Instance,
  issue: Issue,
  user: User,
  action: 'open' | 'close' | 'reopen' | 'update',
  changes: Changes = {},
): void {
  const project = projectOf(gl.state, issue.projectId);
  // Deliberately `issue` for Issues and `work_item` for every other type (§2.1).
  const kind = issue.type === 'Issue' ? 'issue' : 'work_item';
  gl.hooks.fire(project, {
    event: issue.confidential ? 'confidential_issues_events' : 'issues_events',
    header: issue.confidential ? 'Confidential Issue Hook' : 'Issue Hook',
    body: {
      object_kind: kind,
      event_type: issue.confidential ? `confidential_${kind}` : kind,
      user: hookUser(gl, user),
      project: hookProject(gl, project),
      object_attributes: { ...hookIssue(gl, issue), action },
      labels: hookLabels(project, issue.labelIds),
      changes,
      repository: hookRepository(gl, project),
      ...(issue.assigneeIds.length > 0 ? { assignees: hookUsers(gl, issue.assigneeIds) } : {}),
    },
  });
}

export type MergeRequestAction =
  | 'open'
  | 'close'
  | 'reopen'
  | 'update'
  | 'merge'
  | 'approval'
  | 'approved'
  | 'unapproval'
  | 'unapproved';

/** Merge Request Hook. `extra` goes into `object_attributes` (oldrev, system, system_action). */
export async function fireMergeRequest(
  gl: Instance,
  mr: MergeRequest,
  user: User,
  action: MergeRequestAction,
  changes: Changes = {},
  extra: Record<string, unknown> = {},
): Promise<void> {
  const project = projectOf(gl.state, mr.targetProjectId);
  const attributes = await hookMergeRequest(gl, mr);
  gl.hooks.fire(project, {
    event: 'merge_requests_events',
    header: 'Merge Request Hook',
    body: {
      object_kind: 'merge_request',
      event_type: 'merge_request',
      user: hookUser(gl, user),
      project: hookProject(gl, project),
      object_attributes: { ...attributes, ...extra, action },
      labels: hookLabels(project, mr.labelIds),
      changes,
      repository: hookRepository(gl, project),
      ...(mr.assigneeIds.length > 0 ? { assignees: hookUsers(gl, mr.assigneeIds) } : {}),
      ...(mr.reviewerIds.length > 0 ? { reviewers: hookUsers(gl, mr.reviewerIds) } : {}),
    },
  });
}

/** The noteable beside a note or emoji: exactly one of `issue` and `merge_request`. */
async function noteableParts(gl: Instance, item: Noteable): Promise<Record<string, unknown>> {
  return item.kind === 'issue'
    ? { issue: hookIssue(gl, item) }
    : { merge_request: await hookMergeRequest(gl, item) };
}

/** Note Hook; system notes fire nothing, and edits carry the note's author as `user` (§2.2). */
export async function fireNote(
  gl: Instance,
  item: Noteable,
  note: Note,
  action: 'create' | 'update',
): Promise<void> {
  if (note.system) return;
  const project = projectOf(gl.state, item.projectId);
  const confidential = note.internal || (item.kind === 'issue' && item.confidential);
  const body = {
    object_kind: 'note',
    event_type: confidential ? 'confidential_note' : 'note',
    user: hookUser(gl, userOf(gl.state, note.authorId)),
    project_id: project.id,
    project: hookProject(gl, project),
    object_attributes: { ...hookNote(gl, project, item, note), action },
    repository: hookRepository(gl, project),
    ...(await noteableParts(gl, item)),
  };
  gl.hooks.fire(project, {
    event: confidential ? 'confidential_note_events' : 'note_events',
    header: confidential ? 'Confidential Note Hook' : 'Note Hook',
    body,
  });
}

function hookNote(gl: Instance, project: Project, item: Noteable, note: Note) {
  return {
    attachment: null,
    author_id: note.authorId,
    change_position: null,
    commit_id: null,
    created_at: hookTime(note.createdAt),
    discussion_id: note.discussionId,
    id: note.id,
    internal: note.internal,
    line_code: null,
    note: note.body,
    description: withAbsolutePictures(gl, project, note.body),
    noteable_id: item.id,
    noteable_type: item.kind === 'issue' ? 'Issue' : 'MergeRequest',
    original_position: note.position,
    position: note.position,
    project_id: project.id,
    resolved_at: hookTime(note.resolvedAt),
    resolved_by_id: note.resolvedById,
    st_diff: null,
    system: note.system,
    type: note.type,
    updated_at: hookTime(note.updatedAt),
    updated_by_id: note.updatedById,
    url: `${gl.url}/${project.path}/${webPath(item)}#note_${note.id}`,
  };
}

/** Emoji Hook for an award on an issue, merge request or note (§2.6). */
export async function fireEmoji(
  gl: Instance,
  item: Noteable,
  note: Note | null,
  award: Award,
  action: 'award' | 'revoke',
): Promise<void> {
  const project = projectOf(gl.state, item.projectId);
  const anchor = note ? `#note_${note.id}` : '';
  gl.hooks.fire(project, {
    event: 'emoji_events',
    header: 'Emoji Hook',
    body: {
      object_kind: 'emoji',
      event_type: action,
      user: hookUser(gl, userOf(gl.state, award.userId)),
      project_id: project.id,
      project: hookProject(gl, project),
      object_attributes: {
        user_id: award.userId,
        created_at: hookTime(award.createdAt),
        id: award.id,
        name: award.name,
        awardable_type: note ? 'Note' : item.kind === 'issue' ? 'Issue' : 'MergeRequest',
        awardable_id: note ? note.id : item.id,
        updated_at: hookTime(award.createdAt),
        action,
        awarded_on_url: `${gl.url}/${project.path}/${webPath(item)}${anchor}`,
      },
      ...(note ? { note: hookNote(gl, project, item, note) } : {}),
      ...(await noteableParts(gl, item)),
    },
  });
}

/** Push Hook or Tag Push Hook of one ref; zeros stand for created and deleted (§2.7). */
export async function firePush(
  gl: Instance,
  project: Project,
  user: User,
  change: { ref: string; before: string; after: string },
): Promise<void> {
  const tag = change.ref.startsWith('refs/tags/');
  const { commits, total } = tag ? { commits: [], total: 0 } : await pushed(gl, project, change);
  const name = tag ? 'tag_push' : 'push';
  const branch = change.ref.replace(/^refs\/heads\//, '');
  gl.hooks.fire(project, {
    event: tag ? 'tag_push_events' : 'push_events',
    header: tag ? 'Tag Push Hook' : 'Push Hook',
    body: {
      object_kind: name,
      event_name: name,
      before: change.before,
      after: change.after,
      ref: change.ref,
      ref_protected: project.protectedBranches.has(branch),
      checkout_sha: change.after === ZERO_SHA ? null : change.after,
      message: null,
      user_id: user.id,
      user_name: user.name,
      user_username: user.username,
      user_email: '',
      user_avatar: hookUser(gl, user)['avatar_url'],
      project_id: project.id,
      project: hookProject(gl, project),
      commits,
      total_commits_count: total,
      push_options: {},
      repository: {
        ...hookRepository(gl, project),
        git_http_url: `${gl.url}/${project.path}.git`,
        git_ssh_url: hookProject(gl, project)['git_ssh_url'],
        visibility_level: hookProject(gl, project)['visibility_level'],
      },
    },
  });
}

async function pushed(
  gl: Instance,
  project: Project,
  { before, after }: { before: string; after: string },
): Promise<{ commits: unknown[]; total: number }> {
  if (after === ZERO_SHA) return { commits: [], total: 0 };
  const head = await readCommit(project.gitDir, after);
  const all =
    before === ZERO_SHA
      ? head
        ? [head]
        : []
      : await log(project.gitDir, { range: `${before}..${after}` });
  const newest = all.slice(0, MAX_PUSH_COMMITS).toReversed();
  const commits = await Promise.all(
    newest.map(async (commit) => {
      const files = await diff(project.gitDir, commit.parents[0] ?? null, commit.id);
      return {
        id: commit.id,
        message: commit.message,
        title: commit.title,
        timestamp: commit.authoredAt,
        url: `${gl.url}/${project.path}/-/commit/${commit.id}`,
        author: { name: commit.authorName, email: commit.authorEmail },
        added: files.filter((file) => file.newFile).map((file) => file.newPath),
        modified: files
          .filter((file) => !file.newFile && !file.deletedFile)
          .map((file) => file.newPath),
        removed: files.filter((file) => file.deletedFile).map((file) => file.oldPath),
      };
    }),
  );
  return { commits, total: all.length };
}
