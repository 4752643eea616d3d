/** What issues and merge requests share: editing, closing, reopening, and the hooks of it. */
import type { Instance } from '../instance.ts';
import { fireIssue, fireMergeRequest, type Changes } from '../hooks/events.ts';
import { hookTime, hookUsers } from '../hooks/parts.ts';
import { isDraft, projectOf } from '../state/state.ts';
import type { Noteable, User } from '../state/types.ts';
import { setLabels } from './labels.ts';
import { addSystemNote } from './note-records.ts';

export interface Edit {
  title?: string;
  description?: string | null;
  labelIds?: number[];
  assigneeIds?: number[];
  reviewerIds?: number[];
  targetBranch?: string;
  confidential?: boolean;
  discussionLocked?: boolean;
  removeSourceBranch?: boolean;
  squash?: boolean;
  stateEvent?: 'close' | 'reopen';
}

const STATE_ID = { opened: 1, closed: 2, merged: 3, locked: 4 } as const;

/** Applies an edit and fires its hooks: `update` for what changed, then `close` or `reopen`. */
export async function editItem(
  gl: Instance,
  item: Noteable,
  user: User,
  edit: Edit,
): Promise<void> {
  const changes = applyEdit(gl, item, user, edit);
  if (Object.keys(changes).length > 0) {
    await fireChange(gl, item, user, 'update', { ...touch(gl, item, user), ...changes });
  }
  if (edit.stateEvent) await changeState(gl, item, user, edit.stateEvent);
}

function applyEdit(gl: Instance, item: Noteable, user: User, edit: Edit): Changes {
  const project = projectOf(gl.state, item.projectId);
  const changes: Changes = {};
  const note = (field: string, previous: unknown, current: unknown): void => {
    changes[field] = { previous, current };
  };
  if (edit.title !== undefined && edit.title !== item.title) {
    const wasDraft = item.kind === 'merge_request' && isDraft(item);
    note('title', item.title, edit.title);
    item.title = edit.title;
    if (item.kind === 'merge_request' && isDraft(item) !== wasDraft) {
      note('draft', wasDraft, !wasDraft);
    }
  }
  if (edit.description !== undefined && edit.description !== item.description) {
    note('description', item.description, edit.description);
    item.description = edit.description;
    item.lastEditedAt = gl.now();
    item.lastEditedById = user.id;
  }
  if (edit.labelIds) Object.assign(changes, setLabels(gl, project, item, user, edit.labelIds));
  if (edit.assigneeIds && edit.assigneeIds.join() !== item.assigneeIds.join()) {
    note('assignees', hookUsers(gl, item.assigneeIds), hookUsers(gl, edit.assigneeIds));
    item.assigneeIds = edit.assigneeIds;
  }
  if (item.kind === 'issue') {
    if (edit.confidential !== undefined && edit.confidential !== item.confidential) {
      note('confidential', item.confidential, edit.confidential);
      item.confidential = edit.confidential;
    }
  } else {
    if (edit.targetBranch !== undefined && edit.targetBranch !== item.targetBranch) {
      note('target_branch', item.targetBranch, edit.targetBranch);
      item.targetBranch = edit.targetBranch;
    }
    if (edit.reviewerIds && edit.reviewerIds.join() !== item.reviewerIds.join()) {
      note('reviewer_ids', item.reviewerIds, edit.reviewerIds);
      item.reviewerIds = edit.reviewerIds;
    }
    item.removeSourceBranch = edit.removeSourceBranch ?? item.removeSourceBranch;
    item.squash = edit.squash ?? item.squash;
  }
  if (edit.discussionLocked !== undefined && edit.discussionLocked !== item.discussionLocked) {
    note('discussion_locked', item.discussionLocked, edit.discussionLocked);
    item.discussionLocked = edit.discussionLocked;
  }
  return changes;
}

/** Opens or closes; nothing happens when it is so already. */
export async function changeState(
  gl: Instance,
  item: Noteable,
  user: User,
  event: 'close' | 'reopen',
): Promise<void> {
  const wanted = event === 'close' ? 'closed' : 'opened';
  if (item.state === wanted || item.state === 'merged') return;
  const previous = STATE_ID[item.state];
  item.state = wanted;
  item.closedAt = event === 'close' ? gl.now() : null;
  item.closedById = event === 'close' ? user.id : null;
  addSystemNote(gl, item, user, event === 'close' ? 'closed' : 'reopened');
  await fireChange(gl, item, user, event, {
    ...touch(gl, item, user),
    state_id: { previous, current: STATE_ID[wanted] },
  });
}

/** Moves `updated_at`, and says so for the hook. */
export function touch(gl: Instance, item: Noteable, user: User): Changes {
  const previous = item.updatedAt;
  const editor = item.updatedById;
  item.updatedAt = gl.now();
  item.updatedById = user.id;
  projectOf(gl.state, item.projectId).lastActivityAt = item.updatedAt;
  return {
    updated_at: { previous: hookTime(previous), current: hookTime(item.updatedAt) },
    ...(editor === user.id ? {} : { updated_by_id: { previous: editor, current: user.id } }),
  };
}

async function fireChange(
  gl: Instance,
  item: Noteable,
  user: User,
  action: 'update' | 'close' | 'reopen',
  changes: Changes,
): Promise<void> {
  if (item.kind === 'issue') fireIssue(gl, item, user, action, changes);
  else await fireMergeRequest(gl, item, user, action, changes);
}
