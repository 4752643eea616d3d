/** Commits: list, get, and the atomic commit of many files (gitlab-facts §3.2). */
import { branchHead, diff, log, readCommit, resolveCommit } from '../git/read.ts';
import {
  ActionRefused,
  commitActions,
  lastCommitOf,
  updateRef,
  validBranchName,
  type FileAction,
} from '../git/write.ts';
import { canChangeBranch } from '../services/access.ts';
import { effectiveStatus, pipelinesOf } from '../services/pipeline-list.ts';
import { needCode, needProject, needUser, page, type Call, type Route } from '../rest/call.ts';
import { badParameter, badRequest, created, forbidden, notFound, ok } from '../rest/reply.ts';
import { commitEntity, pipelineBasic } from '../present/ci.ts';
import { diffEntity } from '../present/repository.ts';
import { ACCESS, ZERO_SHA } from '../state/access-levels.ts';
import type { Project } from '../state/types.ts';

const ACTIONS = ['create', 'delete', 'move', 'update', 'chmod'] as const;
/** Most actions of one commit; a guard of the sandbox, GitLab limits bytes. */
const MAX_ACTIONS = 5000;

interface GuardedAction extends FileAction {
  lastCommitId: string | null;
}

function parseActions(call: Call): GuardedAction[] {
  const raw = call.input.raw('actions');
  if (!Array.isArray(raw)) throw badParameter('actions is missing');
  if (raw.length > MAX_ACTIONS) throw badParameter('actions is too long');
  return raw.map((entry: unknown, index) => {
    const given = (entry ?? {}) as Record<string, unknown>;
    const action = ACTIONS.find((name) => name === given['action']);
    if (!action) throw badParameter(`actions[${index}][action] does not have a valid value`);
    const path = given['file_path'];
    if (typeof path !== 'string') throw badParameter(`actions[${index}][file_path] is missing`);
    const content = given['content'];
    const encoding = given['encoding'] === 'base64' ? 'base64' : 'utf8';
    const executable = given['execute_filemode'];
    const previous = given['previous_path'];
    return {
      action,
      path,
      lastCommitId: typeof given['last_commit_id'] === 'string' ? given['last_commit_id'] : null,
      ...(typeof content === 'string' ? { content: Buffer.from(content, encoding) } : {}),
      ...(typeof previous === 'string' ? { previousPath: previous } : {}),
      ...(executable === undefined
        ? {}
        : { executable: executable === true || executable === 'true' }),
    };
  });
}

/** Where the commit goes: an existing branch, or a new one from `start_branch` or `start_sha`. */
async function startOf(
  call: Call,
  project: Project,
  branch: string,
): Promise<{ parent: string; before: string }> {
  const head = await branchHead(project.gitDir, branch);
  const startBranch = call.input.str('start_branch');
  const startSha = call.input.str('start_sha');
  if (startBranch !== undefined && startSha !== undefined) {
    throw badParameter('start_branch, start_sha are mutually exclusive');
  }
  const start = startSha ?? startBranch;
  if (start === undefined) {
    if (!head) throw badRequest('You can only create or edit files when you are on a branch');
    return { parent: head, before: head };
  }
  const parent =
    startSha === undefined
      ? await branchHead(project.gitDir, start)
      : await resolveCommit(project.gitDir, startSha);
  if (!parent) throw badRequest(startSha ? `Cannot find start_sha '${start}'` : 'Invalid branch');
  if (!head) return { parent, before: ZERO_SHA };
  if (call.input.bool('force')) return { parent, before: head };
  if (start === branch) return { parent: head, before: head };
  throw badRequest(
    `A branch called '${branch}' already exists. Switch to that branch in order to make changes`,
  );
}

async function guard(project: Project, parent: string, actions: readonly GuardedAction[]) {
  for (const action of actions) {
    if (action.lastCommitId === null) continue;
    const path = action.previousPath ?? action.path;
    const last = await lastCommitOf(project.gitDir, parent, path);
    if (last !== null && last !== action.lastCommitId) {
      throw badRequest(
        'You are attempting to update a file that has changed since you started editing it.',
      );
    }
  }
}

/** Carries `POST …/repository/commits` out and returns the new commit's id. */
async function commit(call: Call): Promise<{ project: Project; sha: string }> {
  needProject(call, ACCESS.developer);
  const project = needCode(call);
  const user = needUser(call);
  const { input } = call;
  const branch = input.need('branch');
  const message = input.need('commit_message');
  const actions = parseActions(call);
  if (!validBranchName(branch)) throw badRequest('Branch name is invalid');
  if (!canChangeBranch(project, user, branch, 'push')) {
    throw forbidden('You are not allowed to push into this branch');
  }
  if (actions.length === 0 && !input.bool('allow_empty')) throw badParameter('actions is empty');
  const { parent, before } = await startOf(call, project, branch);
  await guard(project, parent, actions);
  const author = {
    name: input.str('author_name') ?? user.name,
    email: input.str('author_email') ?? user.email,
  };
  const committer = { name: user.name, email: user.email };
  const stamp = { message, committer, author, when: call.gl.clock() };
  const sha = await commitActions(project.gitDir, parent, actions, stamp).catch(
    (error: unknown) => {
      throw error instanceof ActionRefused ? badRequest(error.message) : error;
    },
  );
  const ref = `refs/heads/${branch}`;
  if (!(await updateRef(project.gitDir, ref, sha, before))) {
    throw badRequest('Could not update branch. Please refresh and try again.');
  }
  await call.gl.workers.afterPush(project, user, [{ ref, before, after: sha }]);
  return { project, sha };
}

async function detail(call: Call, project: Project, sha: string): Promise<unknown> {
  const found = await readCommit(project.gitDir, sha);
  if (!found) throw notFound('Commit');
  const files = await diff(project.gitDir, found.parents[0] ?? null, found.id);
  const lines = files.flatMap((file) => file.diff.split('\n'));
  const additions = lines.filter((line) => line.startsWith('+')).length;
  const deletions = lines.filter((line) => line.startsWith('-')).length;
  const last = pipelinesOf(call.gl, project).find(
    (pipeline) => pipeline.spec.sha === found.id && pipeline.spec.source !== 'parent_pipeline',
  );
  return {
    ...commitEntity(call.gl, project, found),
    stats: { additions, deletions, total: additions + deletions },
    status: last ? effectiveStatus(project, last) : null,
    project_id: project.id,
    last_pipeline: last ? pipelineBasic(call.gl, project, last) : null,
  };
}

async function needCommit(call: Call, project: Project): Promise<string> {
  const sha = await resolveCommit(project.gitDir, call.params['sha'] ?? '');
  if (!sha) throw notFound('Commit');
  return sha;
}

export const commitRoutes: Route[] = [
  {
    method: 'GET',
    path: '/projects/:id/repository/commits',
    jobToken: true,
    handler: async (call) => {
      const project = needCode(call);
      const { input } = call;
      const ref = input.str('ref_name') ?? project.defaultBranch;
      const range = /^[^.].*\.\..+$/.test(ref) ? ref : await resolveCommit(project.gitDir, ref);
      if (!range || range.startsWith('-')) throw notFound('Commit');
      const path = input.str('path');
      const since = input.str('since');
      const until = input.str('until');
      const rows = await log(project.gitDir, {
        range,
        ...(path ? { path } : {}),
        ...(since ? { since } : {}),
        ...(until ? { until } : {}),
      });
      return page(call, rows, (row) => commitEntity(call.gl, project, row));
    },
  },
  {
    method: 'POST',
    path: '/projects/:id/repository/commits',
    handler: async (call) => {
      const { project, sha } = await commit(call);
      return created(await detail(call, project, sha));
    },
  },
  {
    method: 'GET',
    path: '/projects/:id/repository/commits/:sha',
    jobToken: true,
    handler: async (call) => {
      const project = needCode(call);
      return ok(await detail(call, project, await needCommit(call, project)));
    },
  },
  {
    method: 'GET',
    path: '/projects/:id/repository/commits/:sha/diff',
    handler: async (call) => {
      const project = needCode(call);
      const sha = await needCommit(call, project);
      const found = await readCommit(project.gitDir, sha);
      const files = await diff(project.gitDir, found?.parents[0] ?? null, sha);
      return page(call, files, diffEntity);
    },
  },
];
