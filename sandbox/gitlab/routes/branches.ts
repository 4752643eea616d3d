/** Branches, and protecting them. */
import { branchHead, branches, isAncestor, readCommit, resolveCommit } from '../git/read.ts';
import { updateRef, validBranchName } from '../git/write.ts';
import { canChangeBranch } from '../services/access.ts';
import { needCode, needProject, needUser, page, type Call, type Route } from '../rest/call.ts';
import { badRequest, created, forbidden, noContent, notFound, ok } from '../rest/reply.ts';
import { commitEntity } from '../present/ci.ts';
import { ACCESS, ZERO_SHA } from '../state/access-levels.ts';
import type { Project } from '../state/types.ts';

async function branchEntity(call: Call, project: Project, name: string, sha: string) {
  const commit = await readCommit(project.gitDir, sha);
  const protection = project.protectedBranches.get(name);
  const user = call.caller?.user;
  const main = await branchHead(project.gitDir, project.defaultBranch);
  const isDefault = name === project.defaultBranch;
  return {
    name,
    commit: commit ? commitEntity(call.gl, project, commit) : null,
    merged: !isDefault && main !== null && (await isAncestor(project.gitDir, sha, main)),
    protected: protection !== undefined,
    developers_can_push: (protection?.push ?? ACCESS.maintainer) <= ACCESS.developer,
    developers_can_merge: (protection?.merge ?? ACCESS.maintainer) <= ACCESS.developer,
    can_push: user !== undefined && canChangeBranch(project, user, name, 'push'),
    default: isDefault,
    web_url: `${call.gl.url}/${project.path}/-/tree/${encodeURIComponent(name)}`,
  };
}

async function needBranch(call: Call, project: Project): Promise<{ name: string; sha: string }> {
  const name = call.params['branch'] ?? '';
  const sha = await branchHead(project.gitDir, name);
  if (!sha) throw notFound('Branch');
  return { name, sha };
}

async function create(call: Call): Promise<unknown> {
  needProject(call, ACCESS.developer);
  const project = needCode(call);
  const user = needUser(call);
  const name = call.input.need('branch');
  const ref = call.input.need('ref');
  if (!validBranchName(name)) throw badRequest('Branch name is invalid');
  if (!canChangeBranch(project, user, name, 'push')) throw forbidden();
  if (await branchHead(project.gitDir, name)) throw badRequest('Branch already exists');
  const sha = await resolveCommit(project.gitDir, ref);
  if (!sha) throw badRequest(`Invalid reference name: ${ref}`);
  const full = `refs/heads/${name}`;
  if (!(await updateRef(project.gitDir, full, sha, ZERO_SHA))) {
    throw badRequest('Branch already exists');
  }
  await call.gl.workers.afterPush(project, user, [{ ref: full, before: ZERO_SHA, after: sha }]);
  return branchEntity(call, project, name, sha);
}

async function remove(call: Call): Promise<void> {
  needProject(call, ACCESS.developer);
  const project = needCode(call);
  const user = needUser(call);
  const { name, sha } = await needBranch(call, project);
  if (name === project.defaultBranch) throw badRequest('Cannot remove HEAD branch');
  if (project.protectedBranches.has(name)) throw badRequest('Protected branch can not be removed');
  const ref = `refs/heads/${name}`;
  if (!(await updateRef(project.gitDir, ref, ZERO_SHA, sha))) throw notFound('Branch');
  await call.gl.workers.afterPush(project, user, [{ ref, before: sha, after: ZERO_SHA }]);
}

function protectionEntity(name: string, project: Project): Record<string, unknown> {
  const rule = project.protectedBranches.get(name);
  const level = (value: number | undefined) => [
    { access_level: value, access_level_description: `level ${value}`, user_id: null },
  ];
  return {
    name,
    push_access_levels: level(rule?.push),
    merge_access_levels: level(rule?.merge),
    allow_force_push: false,
  };
}

export const branchRoutes: Route[] = [
  {
    method: 'GET',
    path: '/projects/:id/repository/branches',
    handler: async (call) => {
      const project = needCode(call);
      const search = call.input.str('search');
      const rows = (await branches(project.gitDir)).filter(
        ({ name }) => !search || name.includes(search.replace(/^\^|\$$/g, '')),
      );
      return page(call, rows, ({ name, sha }) => branchEntity(call, project, name, sha));
    },
  },
  {
    method: 'GET',
    path: '/projects/:id/repository/branches/:branch',
    handler: async (call) => {
      const project = needCode(call);
      const { name, sha } = await needBranch(call, project);
      return ok(await branchEntity(call, project, name, sha));
    },
  },
  {
    method: 'POST',
    path: '/projects/:id/repository/branches',
    handler: async (call) => created(await create(call)),
  },
  {
    method: 'DELETE',
    path: '/projects/:id/repository/branches/:branch',
    handler: async (call) => {
      await remove(call);
      return noContent();
    },
  },
  {
    method: 'GET',
    path: '/projects/:id/protected_branches',
    handler: (call) => {
      const project = needProject(call, ACCESS.maintainer);
      return page(call, [...project.protectedBranches.keys()], (n) => protectionEntity(n, project));
    },
  },
  {
    method: 'POST',
    path: '/projects/:id/protected_branches',
    handler: (call) => {
      const project = needProject(call, ACCESS.maintainer);
      const name = call.input.need('name');
      project.protectedBranches.set(name, {
        push: call.input.int('push_access_level') ?? ACCESS.maintainer,
        merge: call.input.int('merge_access_level') ?? ACCESS.maintainer,
      });
      return created(protectionEntity(name, project));
    },
  },
];
