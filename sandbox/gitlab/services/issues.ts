/** Creating issues. */
import type { Instance } from '../instance.ts';
import { fireIssue } from '../hooks/events.ts';
import { ACCESS } from '../state/access-levels.ts';
import type { Issue, Project, User } from '../state/types.ts';
import { levelOf } from './access.ts';
import { labelIds, recordLabelEvents } from './labels.ts';
import { extractQuickActions, runQuickActions } from './quick-actions.ts';

export interface NewIssue {
  title: string;
  description?: string | null;
  labels?: string[];
  assigneeIds?: number[];
  confidential?: boolean;
  type?: string;
}

/** Guests may set labels while they create an issue, not later (gitlab-facts §2.1). */
export async function createIssue(
  gl: Instance,
  project: Project,
  author: User,
  input: NewIssue,
): Promise<Issue> {
  const { text, commands } = extractQuickActions(input.description ?? '');
  const mayLabel = levelOf(project, author) >= ACCESS.guest;
  const now = gl.now();
  const issue: Issue = {
    kind: 'issue',
    id: gl.state.nextId('issue'),
    iid: (project.lastIssueIid += 1),
    projectId: project.id,
    title: input.title,
    description: input.description == null ? null : text,
    state: 'opened',
    type: input.type ?? 'Issue',
    confidential: input.confidential ?? false,
    authorId: author.id,
    assigneeIds: mayLabel ? (input.assigneeIds ?? []) : [],
    labelIds: mayLabel ? labelIds(gl, project, input.labels ?? []) : [],
    labelEvents: [],
    notes: [],
    awards: [],
    createdAt: now,
    updatedAt: now,
    updatedById: null,
    lastEditedAt: null,
    lastEditedById: null,
    closedAt: null,
    closedById: null,
    discussionLocked: null,
  };
  project.issues.push(issue);
  project.lastActivityAt = now;
  recordLabelEvents(gl, issue, author, issue.labelIds, 'add');
  fireIssue(gl, issue, author, 'open');
  await runQuickActions(gl, project, issue, author, commands, { headSha: undefined });
  return issue;
}
