/** Who may see and do what: roles per project (gitlab-facts §3, doc/user/permissions.md). */
import type { Instance } from '../instance.ts';
import { findUser } from '../state/state.ts';
import { ACCESS } from '../state/access-levels.ts';
import type { Issue, Project, User } from '../state/types.ts';

/** Effective access level; admins are Owners everywhere, others 0 without membership. */
export function levelOf(project: Project, user: User | null): number {
  if (!user || user.state !== 'active') return 0;
  if (user.admin) return ACCESS.owner;
  return project.members.get(user.id) ?? 0;
}

export function canSeeProject(project: Project, user: User | null): boolean {
  if (project.visibility === 'public') return true;
  if (project.visibility === 'internal' && user && !user.external) return true;
  return levelOf(project, user) >= ACCESS.guest;
}

/** Code of a private project needs Reporter. */
export function canReadCode(project: Project, user: User | null): boolean {
  if (project.visibility === 'private') return levelOf(project, user) >= ACCESS.reporter;
  return canSeeProject(project, user);
}

export function canSeeIssue(project: Project, issue: Issue, user: User | null): boolean {
  if (!canSeeProject(project, user)) return false;
  if (!issue.confidential) return true;
  if (levelOf(project, user) >= ACCESS.planner) return true;
  return user !== null && (issue.authorId === user.id || issue.assigneeIds.includes(user.id));
}

/** Labels, assignees and state of existing issues and merge requests. */
export function canEditMetadata(project: Project, user: User, kind: 'issue' | 'merge_request') {
  return levelOf(project, user) >= (kind === 'issue' ? ACCESS.planner : ACCESS.developer);
}

/** Whether a user may push to a branch; `merge` asks for merging into it instead. */
export function canChangeBranch(
  project: Project,
  user: User,
  branch: string,
  how: 'push' | 'merge',
): boolean {
  const level = levelOf(project, user);
  if (project.archived || level < ACCESS.developer) return false;
  const protection = project.protectedBranches.get(branch);
  return !protection || level >= protection[how];
}

/** Starting a pipeline on a protected branch needs the right to push or merge there. */
export function canRunPipeline(project: Project, user: User, ref: string): boolean {
  return (
    canChangeBranch(project, user, ref, 'push') || canChangeBranch(project, user, ref, 'merge')
  );
}

/** On Free every Developer may approve, authors too; EE keeps authors out by default. */
export function canApprove(gl: Instance, project: Project, user: User, authorId: number): boolean {
  if (levelOf(project, user) < ACCESS.developer) return false;
  return gl.edition === 'ce' || user.id !== authorId;
}

/** Members as the API lists them, by id. */
export function membersOf(gl: Instance, project: Project): { user: User; level: number }[] {
  return [...project.members.entries()]
    .map(([id, level]) => ({ user: findUser(gl.state, id), level }))
    .filter((member): member is { user: User; level: number } => member.user !== undefined)
    .toSorted((a, b) => a.user.id - b.user.id);
}
