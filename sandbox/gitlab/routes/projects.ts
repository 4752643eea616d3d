/** Projects and their members. */
import { canSeeProject, levelOf, membersOf } from '../services/access.ts';
import { needProject, needUser, page, type Call, type Route } from '../rest/call.ts';
import {
  badParameter,
  conflict,
  created,
  forbidden,
  noContent,
  notFound,
  ok,
} from '../rest/reply.ts';
import { member, projectFull, projectSimple } from '../present/basics.ts';
import { findUser } from '../state/state.ts';
import { ACCESS } from '../state/access-levels.ts';
import type { Project } from '../state/types.ts';

function show(call: Call, project: Project): unknown {
  return projectFull(call.gl, project, call.caller?.user ?? null);
}

function list(call: Call): Project[] {
  const user = call.caller?.user ?? null;
  const minimum = call.input.bool('membership') ? ACCESS.guest : 0;
  const level = Math.max(minimum, call.input.int('min_access_level') ?? 0);
  const search = call.input.str('search')?.toLowerCase();
  return call.gl.state.projects
    .filter((project) => canSeeProject(project, user) && levelOf(project, user) >= level)
    .filter((project) => search === undefined || project.path.toLowerCase().includes(search))
    .toSorted((a, b) => b.id - a.id);
}

const ROLES = ['no_one_allowed', 'developer', 'maintainer', 'owner'] as const;

function edit(call: Call): Project {
  const project = needProject(call, ACCESS.maintainer);
  const { input } = call;
  const { settings } = project;
  project.name = input.str('name') ?? project.name;
  project.description = input.str('description') ?? project.description;
  project.defaultBranch = input.str('default_branch') ?? project.defaultBranch;
  const visibility = input.str('visibility');
  if (visibility === 'private' || visibility === 'internal' || visibility === 'public') {
    project.visibility = visibility;
  } else if (visibility !== undefined) throw badParameter('visibility does not have a valid value');
  const wanted = input.str('ci_pipeline_variables_minimum_override_role');
  const role = ROLES.find((name) => name === wanted);
  if (wanted !== undefined && !role) {
    throw badParameter('ci_pipeline_variables_minimum_override_role does not have a valid value');
  }
  settings.pipelineVariablesRole = role ?? settings.pipelineVariablesRole;
  settings.onlyAllowMergeIfPipelineSucceeds =
    input.bool('only_allow_merge_if_pipeline_succeeds') ??
    settings.onlyAllowMergeIfPipelineSucceeds;
  settings.allowMergeOnSkippedPipeline =
    input.bool('allow_merge_on_skipped_pipeline') ?? settings.allowMergeOnSkippedPipeline;
  settings.onlyAllowMergeIfAllDiscussionsAreResolved =
    input.bool('only_allow_merge_if_all_discussions_are_resolved') ??
    settings.onlyAllowMergeIfAllDiscussionsAreResolved;
  settings.removeSourceBranchAfterMerge =
    input.bool('remove_source_branch_after_merge') ?? settings.removeSourceBranchAfterMerge;
  return project;
}

function archive(call: Call, archived: boolean): Project {
  const project = needProject(call, ACCESS.owner);
  project.archived = archived;
  return project;
}

export const projectRoutes: Route[] = [
  {
    method: 'GET',
    path: '/projects',
    handler: (call) =>
      page(call, list(call), (project) =>
        call.input.bool('simple') ? projectSimple(call.gl, project) : show(call, project),
      ),
  },
  { method: 'GET', path: '/projects/:id', handler: (call) => ok(show(call, needProject(call))) },
  { method: 'PUT', path: '/projects/:id', handler: (call) => ok(show(call, edit(call))) },
  {
    method: 'POST',
    path: '/projects/:id/archive',
    handler: (call) => created(show(call, archive(call, true))),
  },
  {
    method: 'POST',
    path: '/projects/:id/unarchive',
    handler: (call) => created(show(call, archive(call, false))),
  },
];

function targetLevel(call: Call, project: Project): number {
  const level = call.input.int('access_level');
  if (level === undefined) throw badParameter('access_level is missing');
  if (!Object.values(ACCESS).some((known) => known === level)) {
    throw badParameter('access_level does not have a valid value');
  }
  if (levelOf(project, needUser(call)) < level) throw forbidden();
  return level;
}

function memberOf(call: Call): { project: Project; id: number; level: number } {
  const project = needProject(call);
  needUser(call);
  const id = Number(call.params['user_id']);
  const level = project.members.get(id);
  if (level === undefined) throw notFound();
  return { project, id, level };
}

function showMember(call: Call, id: number, level: number): unknown {
  const user = findUser(call.gl.state, id);
  if (!user) throw notFound('User');
  return member(call.gl, user, level);
}

const listMembers = (path: string): Route => ({
  method: 'GET',
  path,
  handler: (call) => {
    const project = needProject(call);
    needUser(call);
    const query = call.input.str('query')?.toLowerCase();
    const rows = membersOf(call.gl, project).filter(
      ({ user }) => query === undefined || user.username.toLowerCase().includes(query),
    );
    return page(call, rows, ({ user, level }) => member(call.gl, user, level));
  },
});

const oneMember = (path: string): Route => ({
  method: 'GET',
  path,
  handler: (call) => {
    const { id, level } = memberOf(call);
    return ok(showMember(call, id, level));
  },
});

export const memberRoutes: Route[] = [
  listMembers('/projects/:id/members'),
  listMembers('/projects/:id/members/all'),
  oneMember('/projects/:id/members/:user_id'),
  oneMember('/projects/:id/members/all/:user_id'),
  {
    method: 'POST',
    path: '/projects/:id/members',
    handler: (call) => {
      const project = needProject(call, ACCESS.maintainer);
      const id = call.input.int('user_id');
      if (id === undefined) throw badParameter('user_id is missing');
      const level = targetLevel(call, project);
      if (project.members.has(id)) throw conflict('Member already exists');
      const shown = showMember(call, id, level);
      project.members.set(id, level);
      return created(shown);
    },
  },
  {
    method: 'PUT',
    path: '/projects/:id/members/:user_id',
    handler: (call) => {
      const project = needProject(call, ACCESS.maintainer);
      const { id } = memberOf(call);
      const level = targetLevel(call, project);
      project.members.set(id, level);
      return ok(showMember(call, id, level));
    },
  },
  {
    method: 'DELETE',
    path: '/projects/:id/members/:user_id',
    handler: (call) => {
      const { project, id } = memberOf(call);
      if (needUser(call).id !== id) needProject(call, ACCESS.maintainer);
      project.members.delete(id);
      return noContent();
    },
  },
];
