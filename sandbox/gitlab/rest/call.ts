/** One API call as the routes see it, and the guards they start with. */
import type { Instance } from '../instance.ts';
import { canReadCode, canSeeIssue, canSeeProject, levelOf } from '../services/access.ts';
import { findIssue, findMergeRequest, findProject } from '../state/state.ts';
import type { Issue, MergeRequest, Noteable, Note, Project, User } from '../state/types.ts';
import type { Caller } from './auth.ts';
import type { Input } from './input.ts';
import { forbidden, notFound, ok, unauthorized, type Reply } from './reply.ts';

export interface Call {
  gl: Instance;
  caller: Caller | null;
  /** Decoded path parameters. */
  params: Readonly<Record<string, string>>;
  input: Input;
  /** Address without query, for the `Link` header. */
  address: string;
  query: URLSearchParams;
}

export interface Route {
  method: 'GET' | 'POST' | 'PUT' | 'DELETE' | 'HEAD';
  /** After `/api/v4`, with express parameters named as in GitLab's OpenAPI file. */
  path: string;
  /** Job tokens may call it too (gitlab-facts §4.1). */
  jobToken?: boolean;
  /** Scopes that do besides `api`; reads default to `read_api`. */
  scopes?: readonly string[];
  handler(call: Call): Promise<Reply> | Reply;
}

/** The signed-in user; 401 for nobody. */
export function needUser(call: Call): User {
  if (!call.caller) throw unauthorized();
  return call.caller.user;
}

/** The project of `:id` when the caller may see it and has at least `level` there. */
export function needProject(call: Call, level = 0): Project {
  const user = call.caller?.user ?? null;
  const project = findProject(call.gl.state, call.params['id'] ?? '');
  const job = call.caller?.job;
  // A job token reaches its own project only, unless that is public (job token allowlist).
  const outside = job && project && job.projectId !== project.id && project.visibility !== 'public';
  if (!project || outside || !canSeeProject(project, user)) {
    throw notFound('Project');
  }
  if (level > 0) {
    needUser(call);
    if (levelOf(project, user) < level) throw forbidden();
  }
  return project;
}

/** Like {@link needProject}, for routes that read code. */
export function needCode(call: Call): Project {
  const project = needProject(call);
  if (!canReadCode(project, call.caller?.user ?? null)) throw forbidden();
  return project;
}

export function needIssue(call: Call, param = 'issue_iid'): { project: Project; issue: Issue } {
  const project = needProject(call);
  const issue = findIssue(project, Number(call.params[param]));
  if (!issue || !canSeeIssue(project, issue, call.caller?.user ?? null)) throw notFound('Issue');
  return { project, issue };
}

export function needMr(
  call: Call,
  param = 'merge_request_iid',
): { project: Project; mr: MergeRequest } {
  const project = needCode(call);
  const mr = findMergeRequest(project, Number(call.params[param]));
  if (!mr) throw notFound();
  return { project, mr };
}

/** The issue or merge request of a route under `/:noteables/:iid/`. */
export function needNoteable(
  call: Call,
  kind: Noteable['kind'],
): { project: Project; item: Noteable } {
  if (kind === 'issue') {
    const { project, issue } = needIssue(call, 'noteable_id');
    return { project, item: issue };
  }
  const { project, mr } = needMr(call, 'noteable_id');
  return { project, item: mr };
}

/** Internal notes are for Planners and above. */
export function visibleNotes(call: Call, project: Project, item: Noteable): Note[] {
  const inside = levelOf(project, call.caller?.user ?? null) >= 15;
  return item.notes.filter((note) => inside || !note.internal);
}

const DEFAULT_PER_PAGE = 20;
const MAX_PER_PAGE = 100;
/** Above this many rows GitLab leaves the totals out. */
const MAX_COUNTED = 10_000;

/** One page of rows with GitLab's paging headers. */
export async function page<T>(
  call: Call,
  rows: readonly T[],
  present: (row: T) => unknown,
): Promise<Reply> {
  const perPage = Math.min(
    Math.max(call.input.int('per_page') ?? DEFAULT_PER_PAGE, 1),
    MAX_PER_PAGE,
  );
  const number = Math.max(call.input.int('page') ?? 1, 1);
  const pages = Math.max(1, Math.ceil(rows.length / perPage));
  const shown = rows.slice((number - 1) * perPage, number * perPage);
  const link = (rel: string, target: number): string => {
    const query = new URLSearchParams(call.query);
    query.set('page', String(target));
    query.set('per_page', String(perPage));
    return `<${call.address}?${query.toString()}>; rel="${rel}"`;
  };
  const links = [link('first', 1)];
  if (number > 1) links.unshift(link('prev', number - 1));
  if (number < pages) links.unshift(link('next', number + 1));
  const counted = rows.length <= MAX_COUNTED;
  if (counted) links.push(link('last', pages));
  const reply = ok(await Promise.all(shown.map(present)));
  return {
    ...reply,
    headers: {
      Link: links.join(', '),
      'X-Page': String(number),
      'X-Per-Page': String(perPage),
      'X-Prev-Page': number > 1 ? String(number - 1) : '',
      'X-Next-Page': number < pages ? String(number + 1) : '',
      ...(counted ? { 'X-Total': String(rows.length), 'X-Total-Pages': String(pages) } : {}),
    },
  };
}

/** Sorts by a time field as `order_by`/`sort` ask (default: newest first). */
export function ordered<T extends { id: number; createdAt: string; updatedAt: string }>(
  call: Call,
  rows: readonly T[],
): T[] {
  const by = call.input.str('order_by') === 'updated_at' ? 'updatedAt' : 'createdAt';
  const sign = call.input.str('sort') === 'asc' ? 1 : -1;
  return rows.toSorted((a, b) => sign * (a[by].localeCompare(b[by]) || a.id - b.id));
}
