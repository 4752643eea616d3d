/** Parts that several GitLab payloads share (gitlab-facts §2). */
import type { Actor, Change, ForgeEvent, Issue, Project } from '../../../domain/events.ts';
import { at, id, list, sha, shortName, text } from '../../payload.ts';

/** Body fields, read once by `normaliseGitLab` and handed to the reader of the kind. */
export interface Payload {
  body: unknown;
  /** `object_attributes`, the object the event is about. */
  attrs: unknown;
  /** `object_kind`, or `event_name` of a system hook. */
  kind: string;
  /** GitLab sent it only to hooks for confidential events, by its header or `event_type` (§1.1, §2.1). */
  confidential: boolean;
  project: Project;
}

export type Ignored = Extract<ForgeEvent, { kind: 'ignored' }>;

export function ignored(of: string, reason: string): Ignored {
  return { kind: 'ignored', of: shortName(of) || 'unnamed', reason };
}

/** An authentic payload without what its kind cannot be understood without. */
export function malformed(payload: Payload, missing: string): Ignored {
  return ignored(payload.kind, `the payload has no usable ${missing}`);
}

/** An action the bot has no word for; also when the payload names none. */
export function unknownAction(payload: Payload): Ignored {
  const action = shortName(at(payload.attrs, 'action'));
  return action === ''
    ? ignored(payload.kind, 'the payload does not say which action it reports')
    : ignored(`${payload.kind}.${action}`, 'the bot does not know this action');
}

/**
 * The project, or null when the payload names no id. Payloads before GitLab 12 kept the id outside
 * of `project`; merge requests kept it in `target_project_id`.
 */
export function projectOf(body: unknown): Project | null {
  const projectId =
    id(at(body, 'project', 'id')) ??
    id(at(body, 'project_id')) ??
    id(at(body, 'object_attributes', 'project_id')) ??
    id(at(body, 'object_attributes', 'target_project_id'));
  if (projectId === null) return null;
  return {
    forge: 'gitlab',
    id: projectId,
    path: text(at(body, 'project', 'path_with_namespace')),
    defaultBranch: text(at(body, 'project', 'default_branch')),
    webUrl: text(at(body, 'project', 'web_url')) || text(at(body, 'repository', 'homepage')),
  };
}

/** Who acted: `user`. Payloads before GitLab 13.x give no id; id 0 has no rights anywhere. */
export function actorOf(body: unknown): Actor {
  return { id: id(at(body, 'user', 'id')) ?? 0, username: text(at(body, 'user', 'username')) };
}

/** Titles of label objects, in the payload's order. */
export function labelTitles(labels: unknown): string[] {
  return list(labels)
    .map((label) => text(at(label, 'title')))
    .filter((title) => title !== '');
}

/**
 * Labels that an event set or took away (§2.1): all labels of an object that was opened with them,
 * the difference by id of `changes.labels` on an update (a title can be renamed), else none: on a
 * reopened object labels are state, not a trigger.
 */
export function labelChanges(
  payload: Payload,
  labels: readonly string[],
): { labelsAdded: string[]; labelsRemoved: string[] } {
  const action = at(payload.attrs, 'action');
  if (action === 'open') return { labelsAdded: [...labels], labelsRemoved: [] };
  if (action !== 'update') return { labelsAdded: [], labelsRemoved: [] };
  const previous = list(at(payload.body, 'changes', 'labels', 'previous'));
  const current = list(at(payload.body, 'changes', 'labels', 'current'));
  return {
    labelsAdded: labelTitles(without(current, previous)),
    labelsRemoved: labelTitles(without(previous, current)),
  };
}

function without(labels: unknown[], others: unknown[]): unknown[] {
  const known = new Set(others.map(labelIdentity));
  return labels.filter((label) => !known.has(labelIdentity(label)));
}

function labelIdentity(label: unknown): number | string {
  return id(at(label, 'id')) ?? text(at(label, 'title'));
}

/** An issue or work item as `object_attributes` or as the `issue` of a note; null without an iid. */
export function issueOf(attrs: unknown, payload: Payload): Issue | null {
  const iid = id(at(attrs, 'iid'));
  if (iid === null) return null;
  const labels = at(attrs, 'labels') ?? at(payload.body, 'labels');
  return {
    iid,
    title: text(at(attrs, 'title')),
    description: text(at(attrs, 'description')),
    state: at(attrs, 'state') === 'closed' ? 'closed' : 'opened',
    labels: labelTitles(labels),
    authorId: id(at(attrs, 'author_id')),
    // A confidential note may stand on an issue that everybody reads.
    confidential:
      at(attrs, 'confidential') === true || (payload.kind !== 'note' && payload.confidential),
    // The type is in the payload since GitLab 17.2; before that only issues had this event.
    type: text(at(attrs, 'type')) || 'Issue',
    url: text(at(attrs, 'url')) || `${payload.project.webUrl}/-/issues/${iid}`,
  };
}

/** A merge request as `object_attributes` or as the `merge_request` of a note. */
export function changeOf(attrs: unknown, payload: Payload): Change | null {
  const iid = id(at(attrs, 'iid'));
  if (iid === null) return null;
  return {
    iid,
    title: text(at(attrs, 'title')),
    description: text(at(attrs, 'description')),
    state: changeState(at(attrs, 'state')),
    draft: at(attrs, 'draft') === true || at(attrs, 'work_in_progress') === true,
    sourceBranch: text(at(attrs, 'source_branch')),
    targetBranch: text(at(attrs, 'target_branch')),
    sourceProjectId: id(at(attrs, 'source_project_id')),
    targetProjectId: id(at(attrs, 'target_project_id')),
    headSha: sha(at(attrs, 'last_commit', 'id')) ?? '',
    mergedSha: sha(at(attrs, 'merge_commit_sha')),
    labels: labelTitles(at(attrs, 'labels') ?? at(payload.body, 'labels')),
    authorId: id(at(attrs, 'author_id')),
    url: text(at(attrs, 'url')) || `${payload.project.webUrl}/-/merge_requests/${iid}`,
  };
}

function changeState(state: unknown): Change['state'] {
  return state === 'closed' || state === 'merged' || state === 'locked' ? state : 'opened';
}
