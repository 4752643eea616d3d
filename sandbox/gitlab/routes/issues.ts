/** Issues: list, get, create, edit, and what hangs on them. */
import { canEditMetadata, canSeeIssue, levelOf } from '../services/access.ts';
import { closingNumbers } from '../services/closing.ts';
import { createIssue } from '../services/issues.ts';
import { editItem, type Edit } from '../services/issuables.ts';
import { labelNames, labelsAfter } from '../services/labels.ts';
import { extractQuickActions, runQuickActions } from '../services/quick-actions.ts';
import {
  needIssue,
  needProject,
  needUser,
  ordered,
  page,
  type Call,
  type Route,
} from '../rest/call.ts';
import { badParameter, created, forbidden, noContent, ok } from '../rest/reply.ts';
import { issueEntity, mrBasic } from '../present/issuables.ts';
import { ACCESS } from '../state/access-levels.ts';
import type { Issue, Noteable, Project, User } from '../state/types.ts';

/** GitLab's limit of a title. */
const MAX_TITLE = 255;

export function checkTitle(title: string): string {
  if (title.length > MAX_TITLE) {
    throw badParameter(`title is too long (maximum is ${MAX_TITLE} characters)`);
  }
  return title;
}

/** Filters issues and merge requests share. */
export function filterItems<T extends Noteable>(call: Call, project: Project, rows: readonly T[]) {
  const { input } = call;
  const state = input.str('state') ?? 'all';
  const labels = input.list('labels');
  const iids = input.ids('iids');
  const author = input.int('author_id');
  const after = input.time('updated_after');
  const before = input.time('updated_before');
  const since = input.time('created_after');
  const search = input.str('search')?.toLowerCase();
  return rows.filter((item) => {
    const names = labels && labelNames(project, item.labelIds);
    return (
      (state === 'all' || item.state === state) &&
      (!labels || labels.every((label) => names?.includes(label))) &&
      (!iids || iids.includes(item.iid)) &&
      (author === undefined || item.authorId === author) &&
      (after === undefined || Date.parse(item.updatedAt) >= after) &&
      (before === undefined || Date.parse(item.updatedAt) <= before) &&
      (since === undefined || Date.parse(item.createdAt) >= since) &&
      (!search || `${item.title}\n${item.description ?? ''}`.toLowerCase().includes(search))
    );
  });
}

/** What a PUT asks for; labels and assignees are left out for people who may not set them. */
export function editOf(call: Call, project: Project, item: Noteable, user: User): Edit {
  const { input } = call;
  const metadata = canEditMetadata(project, user, item.kind);
  if (!metadata && item.authorId !== user.id) throw forbidden();
  const event = input.str('state_event');
  if (event !== undefined && event !== 'close' && event !== 'reopen') {
    throw badParameter('state_event does not have a valid value');
  }
  const labels = labelsAfter(call.gl, project, item, {
    set: input.list('labels'),
    add: input.list('add_labels'),
    remove: input.list('remove_labels'),
  });
  const title = input.has('title') ? checkTitle(input.need('title')) : undefined;
  const description = input.str('description');
  const assignees = input.ids('assignee_ids');
  const confidential = input.bool('confidential');
  const locked = input.bool('discussion_locked');
  return {
    ...(title === undefined ? {} : { title }),
    ...(description === undefined ? {} : { description }),
    ...(labels && metadata ? { labelIds: labels } : {}),
    ...(assignees && metadata ? { assigneeIds: assignees.filter((id) => id !== 0) } : {}),
    ...(confidential === undefined || !metadata ? {} : { confidential }),
    ...(locked === undefined || !metadata ? {} : { discussionLocked: locked }),
    ...(event === undefined ? {} : { stateEvent: event }),
  };
}

/** Edits, with the quick actions of a new description carried out. */
export async function editWithCommands(
  call: Call,
  project: Project,
  item: Noteable,
  user: User,
  edit: Edit,
): Promise<void> {
  const { text, commands } = extractQuickActions(edit.description ?? '');
  await editItem(call.gl, item, user, edit.description ? { ...edit, description: text } : edit);
  await runQuickActions(call.gl, project, item, user, commands, { headSha: undefined });
}

async function create(call: Call): Promise<Issue> {
  const project = needProject(call);
  const user = needUser(call);
  if (project.archived) throw forbidden();
  const { input } = call;
  const type = input.str('issue_type') ?? 'issue';
  if (!['issue', 'incident', 'test_case', 'task'].includes(type)) {
    throw badParameter('issue_type does not have a valid value');
  }
  return createIssue(call.gl, project, user, {
    title: checkTitle(input.need('title')),
    description: input.str('description') ?? null,
    labels: input.list('labels') ?? [],
    assigneeIds: input.ids('assignee_ids') ?? [],
    confidential: input.bool('confidential') ?? false,
    type: type[0]?.toUpperCase() + type.slice(1).replace('_', ' '),
  });
}

export const issueRoutes: Route[] = [
  {
    method: 'GET',
    path: '/projects/:id/issues',
    handler: (call) => {
      const project = needProject(call);
      const user = call.caller?.user ?? null;
      const confidential = call.input.bool('confidential');
      const visible = project.issues.filter(
        (issue) =>
          canSeeIssue(project, issue, user) &&
          (confidential === undefined || issue.confidential === confidential),
      );
      const rows = ordered(call, filterItems(call, project, visible));
      return page(call, rows, (issue) => issueEntity(call.gl, project, issue));
    },
  },
  {
    method: 'POST',
    path: '/projects/:id/issues',
    handler: async (call) => created(issueEntity(call.gl, needProject(call), await create(call))),
  },
  {
    method: 'GET',
    path: '/projects/:id/issues/:issue_iid',
    handler: (call) => {
      const { project, issue } = needIssue(call);
      return ok(issueEntity(call.gl, project, issue));
    },
  },
  {
    method: 'PUT',
    path: '/projects/:id/issues/:issue_iid',
    handler: async (call) => {
      const { project, issue } = needIssue(call);
      const user = needUser(call);
      await editWithCommands(call, project, issue, user, editOf(call, project, issue, user));
      return ok(issueEntity(call.gl, project, issue));
    },
  },
  {
    method: 'DELETE',
    path: '/projects/:id/issues/:issue_iid',
    handler: (call) => {
      const { project, issue } = needIssue(call);
      if (levelOf(project, needUser(call)) < ACCESS.owner) throw forbidden();
      project.issues = project.issues.filter((kept) => kept !== issue);
      return noContent();
    },
  },
  {
    method: 'GET',
    path: '/projects/:id/issues/:issue_iid/related_merge_requests',
    handler: (call) => {
      const { project, issue } = needIssue(call);
      const mention = new RegExp(`#${issue.iid}\\b`);
      const rows = project.mergeRequests.filter((mr) =>
        mention.test(`${mr.title}\n${mr.description ?? ''}`),
      );
      return page(call, rows, (mr) => mrBasic(call.gl, project, mr));
    },
  },
  {
    method: 'GET',
    path: '/projects/:id/issues/:issue_iid/closed_by',
    handler: (call) => {
      const { project, issue } = needIssue(call);
      const rows = project.mergeRequests.filter((mr) =>
        closingNumbers(`${mr.title}\n${mr.description ?? ''}`).includes(issue.iid),
      );
      return page(call, rows, (mr) => mrBasic(call.gl, project, mr));
    },
  },
];
