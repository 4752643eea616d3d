/**
 * Work items over GraphQL: epics of a group (Premium and up) and the hierarchy of issues below them.
 * Refusals look like GitLab's: HTTP 200 with `errors` beside the data or inside the mutation's payload.
 */
import { needUser, type Call } from '../rest/call.ts';
import { levelOf } from '../services/access.ts';
import { ACCESS } from '../state/access-levels.ts';
import type { Epic } from '../state/tracker-types.ts';
import type { Issue, Project, User } from '../state/types.ts';

/** What a field has to do with; a plain object is read field by field. */
export type Resolved = Record<string, unknown> | null;
type Args = Record<string, unknown>;

/** GitLab's one answer for what is not there and for what is not allowed. */
export const UNAVAILABLE =
  "The resource that you are attempting to access does not exist or you don't have permission to perform this action";

/** A refusal that stands beside the data. */
export class GraphqlRefusal extends Error {}

const EPIC_TYPE = 'gid://gitlab/WorkItems::Type/8';
const TYPES = [
  { id: 'gid://gitlab/WorkItems::Type/1', name: 'Issue' },
  { id: 'gid://gitlab/WorkItems::Type/2', name: 'Incident' },
  { id: 'gid://gitlab/WorkItems::Type/5', name: 'Task' },
  { id: EPIC_TYPE, name: 'Epic' },
];
const itemId = (id: number): string => `gid://gitlab/WorkItem/${id}`;

export function query(call: Call, field: string, args: Args): Resolved {
  const path = String(args['fullPath'] ?? '');
  if (field === 'workItem') return workItem(call, String(args['id'] ?? ''));
  if (!isGroup(call, path) && !(field === 'namespace' && projectAt(call, path))) return null;
  return {
    id: `gid://gitlab/Group/${path}`,
    fullPath: path,
    workItemTypes: ({ name }: Args) => ({ nodes: typesOf(call, path, name) }),
    workItems: ({ types, authorUsername, first }: Args) => ({
      nodes: epicsOf(call, path)
        .filter(() => !Array.isArray(types) || types.includes('EPIC'))
        .filter((epic) => authorUsername == null || author(call, epic) === authorUsername)
        .slice(0, typeof first === 'number' ? first : 100)
        .map((epic) => shown(call, epic)),
    }),
  };
}

export function mutation(call: Call, field: string, input: Args): Resolved {
  const user = needUser(call);
  return field === 'workItemCreate' ? create(call, user, input) : update(call, user, input);
}

/** Epics belong to groups and to editions that have them. */
function typesOf(call: Call, path: string, name: unknown): typeof TYPES {
  const epics = call.gl.edition === 'ee' && isGroup(call, path);
  const there = TYPES.filter((type) => type.name !== 'Epic' || epics);
  return there.filter((type) => name == null || type.name.toUpperCase() === name);
}

function create(call: Call, user: User, input: Args): Resolved {
  const { state } = call.gl;
  const path = String(input['namespacePath'] ?? input['projectPath'] ?? '');
  if (!isGroup(call, path) || input['workItemTypeId'] !== EPIC_TYPE) {
    throw new GraphqlRefusal(UNAVAILABLE);
  }
  const level = user.admin ? ACCESS.owner : (state.groupMembers.get(path)?.get(user.id) ?? 0);
  if (call.gl.edition !== 'ee' || level < ACCESS.planner) throw new GraphqlRefusal(UNAVAILABLE);
  const title = String(input['title'] ?? '').trim();
  if (title === '') return { workItem: null, errors: ["Title can't be blank"] };
  const widget = input['descriptionWidget'] as { description?: string } | undefined;
  const epic: Epic = {
    id: state.nextId('issue'),
    iid: epicsOf(call, path).length + 1,
    group: path,
    title,
    description: widget?.description ?? null,
    authorId: user.id,
    children: [],
    createdAt: call.gl.now(),
  };
  state.epics.unshift(epic);
  return { workItem: shown(call, epic), errors: [] };
}

/** Only the parent of an issue is ever set; `null` takes it away. */
function update(call: Call, user: User, input: Args): Resolved {
  const found = issueAt(call, String(input['id'] ?? ''));
  if (!found || levelOf(found.project, user) < ACCESS.planner) {
    throw new GraphqlRefusal(UNAVAILABLE);
  }
  const { issue, project } = found;
  const hierarchy = input['hierarchyWidget'] as { parentId?: string | null } | undefined;
  if (hierarchy?.parentId !== undefined) {
    const parent = call.gl.state.epics.find((epic) => itemId(epic.id) === hierarchy.parentId);
    const within = parent !== undefined && project.path.startsWith(`${parent.group}/`);
    if (hierarchy.parentId !== null && (call.gl.edition !== 'ee' || !within)) {
      return { workItem: null, errors: [`${hierarchy.parentId} is not a valid parent`] };
    }
    for (const epic of call.gl.state.epics) {
      epic.children = epic.children.filter((id) => id !== issue.id);
    }
    parent?.children.push(issue.id);
  }
  return { workItem: shownIssue(call, project, issue), errors: [] };
}

function workItem(call: Call, gid: string): Resolved {
  const epic = call.gl.state.epics.find(({ id }) => itemId(id) === gid);
  if (epic) return shown(call, epic);
  const found = issueAt(call, gid);
  return found ? shownIssue(call, found.project, found.issue) : null;
}

function shown(call: Call, epic: Epic): Record<string, unknown> {
  return {
    id: itemId(epic.id),
    iid: String(epic.iid),
    title: epic.title,
    description: epic.description,
    state: 'OPEN',
    webUrl: `${call.gl.url}/groups/${epic.group}/-/epics/${epic.iid}`,
  };
}

function shownIssue(call: Call, project: Project, issue: Issue): Record<string, unknown> {
  return {
    id: itemId(issue.id),
    iid: String(issue.iid),
    title: issue.title,
    description: issue.description,
    state: issue.state === 'opened' ? 'OPEN' : 'CLOSED',
    webUrl: `${call.gl.url}/${project.path}/-/issues/${issue.iid}`,
  };
}

function issueAt(call: Call, gid: string): { project: Project; issue: Issue } | null {
  for (const project of call.gl.state.projects) {
    const issue = project.issues.find(({ id }) => itemId(id) === gid);
    if (issue) return { project, issue };
  }
  return null;
}

function epicsOf(call: Call, path: string): Epic[] {
  return call.gl.state.epics.filter(({ group }) => group === path);
}

function author(call: Call, epic: Epic): string | undefined {
  return call.gl.state.users.find(({ id }) => id === epic.authorId)?.username;
}

/** The sandbox has the groups its projects lie in. */
function isGroup(call: Call, path: string): boolean {
  return path !== '' && call.gl.state.projects.some((one) => one.path.startsWith(`${path}/`));
}

function projectAt(call: Call, path: string): boolean {
  return call.gl.state.projects.some((project) => project.path === path);
}
