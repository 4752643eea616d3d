/** Approvals and their hooks, which differ by edition (gitlab-facts §2.3, §3.3). */
import type { Instance } from '../instance.ts';
import { fireMergeRequest } from '../hooks/events.ts';
import type { MergeRequest, Project, User } from '../state/types.ts';
import { approvalsLeft } from './mergeability.ts';
import { addSystemNote } from './note-records.ts';
import { tryAutoMerge } from './merge.ts';

/** Records an approval; false when this user had approved already. */
export async function approve(
  gl: Instance,
  project: Project,
  mr: MergeRequest,
  user: User,
): Promise<boolean> {
  if (mr.state !== 'opened' || mr.approvals.some((given) => given.userId === user.id)) return false;
  mr.approvals.push({ userId: user.id, at: gl.now() });
  addSystemNote(gl, mr, user, 'approved this merge request');
  // CE says `approved` for every single one; EE only when none is left to give.
  const all = gl.edition === 'ce' || approvalsLeft(gl, project, mr) === 0;
  await fireMergeRequest(gl, mr, user, all ? 'approved' : 'approval');
  gl.background.run('auto-merge', () => tryAutoMerge(gl, project));
  return true;
}

/** Takes an approval back; false when there was none. */
export async function unapprove(
  gl: Instance,
  project: Project,
  mr: MergeRequest,
  user: User,
): Promise<boolean> {
  if (!mr.approvals.some((given) => given.userId === user.id)) return false;
  const was = approvalsLeft(gl, project, mr) === 0;
  mr.approvals = mr.approvals.filter((given) => given.userId !== user.id);
  addSystemNote(gl, mr, user, 'unapproved this merge request');
  const lost = gl.edition === 'ce' || (was && approvalsLeft(gl, project, mr) > 0);
  await fireMergeRequest(gl, mr, user, lost ? 'unapproved' : 'unapproval');
  return true;
}

/** `PUT …/reset_approvals`: fires no webhook. */
export function resetApprovals(mr: MergeRequest): void {
  mr.approvals = [];
}

/** EE's `reset_approvals_on_push`: a hook with `system: true` per lost approval, by the pusher. */
export async function resetApprovalsOnPush(
  gl: Instance,
  project: Project,
  mr: MergeRequest,
  pusher: User,
): Promise<void> {
  if (gl.edition === 'ce' || !project.settings.resetApprovalsOnPush) return;
  if (mr.approvals.length === 0) return;
  const was = approvalsLeft(gl, project, mr) === 0;
  mr.approvals = [];
  const lost = was && approvalsLeft(gl, project, mr) > 0;
  await fireMergeRequest(
    gl,
    mr,
    pusher,
    lost ? 'unapproved' : 'unapproval',
    {},
    { system: true, system_action: 'approvals_reset_on_push' },
  );
}
