/** Merge requests: list, get, create, edit, merge, versions, diffs, pipelines. */
import { diff, log } from '../git/read.ts';
import { canChangeBranch, levelOf } from '../services/access.ts';
import { closingNumbers } from '../services/closing.ts';
import { merge } from '../services/merge.ts';
import { createMergeRequest } from '../services/merge-requests.ts';
import { belongsTo, pipelinesOf } from '../services/pipeline-list.ts';
import { pipelineOfMergeRequest } from '../services/pipelines.ts';
import {
  needCode,
  needMr,
  needProject,
  needUser,
  ordered,
  page,
  type Call,
  type Route,
} from '../rest/call.ts';
import {
  ApiFailure,
  badRequest,
  conflict,
  created,
  forbidden,
  notFound,
  ok,
  unauthorized,
  type Reply,
} from '../rest/reply.ts';
import { commitEntity, pipelineBasic } from '../present/ci.ts';
import { issueEntity, mrBasic, mrEntity, versionEntity } from '../present/issuables.ts';
import { diffEntity } from '../present/repository.ts';
import { headSha, isDraft } from '../state/state.ts';
import { ACCESS } from '../state/access-levels.ts';
import type { MergeRequest, MrVersion, Project } from '../state/types.ts';
import { checkTitle, editOf, editWithCommands, filterItems } from './issues.ts';

const MR = '/projects/:id/merge_requests/:merge_request_iid';

function show(call: Call, project: Project, mr: MergeRequest): Promise<unknown> {
  return mrEntity(call.gl, project, mr, call.caller?.user ?? null);
}

function list(call: Call, project: Project): MergeRequest[] {
  const source = call.input.str('source_branch');
  const target = call.input.str('target_branch');
  const draft = call.input.str('wip') ?? call.input.str('draft');
  const rows = filterItems(call, project, project.mergeRequests).filter(
    (mr) =>
      (source === undefined || mr.sourceBranch === source) &&
      (target === undefined || mr.targetBranch === target) &&
      (draft === undefined || isDraft(mr) === /^(yes|true)$/.test(draft)),
  );
  return ordered(call, rows);
}

async function create(call: Call, project: Project): Promise<MergeRequest> {
  const user = needUser(call);
  const { input } = call;
  if (levelOf(project, user) < ACCESS.developer || project.archived) throw forbidden();
  const remove = input.bool('remove_source_branch');
  return createMergeRequest(call.gl, project, user, {
    title: checkTitle(input.need('title')),
    sourceBranch: input.need('source_branch'),
    targetBranch: input.need('target_branch'),
    description: input.str('description') ?? null,
    labels: input.list('labels') ?? [],
    assigneeIds: input.ids('assignee_ids') ?? [],
    reviewerIds: input.ids('reviewer_ids') ?? [],
    squash: input.bool('squash') ?? false,
    ...(remove === undefined ? {} : { removeSourceBranch: remove }),
  });
}

/** 401 no right, 405 not mergeable or not yet computed, 409 another head, 422 the merge failed. */
async function accept(call: Call): Promise<Reply> {
  const { project, mr } = needMr(call);
  const user = needUser(call);
  const { input } = call;
  if (!canChangeBranch(project, user, mr.targetBranch, 'merge')) throw unauthorized();
  const sha = input.str('sha');
  if (mr.state !== 'opened') throw notMergeable();
  if (sha !== undefined && sha !== headSha(mr)) throw shaMismatch(headSha(mr));
  const outcome = await merge(call.gl, project, mr, user, {
    auto: input.bool('auto_merge') ?? input.bool('merge_when_pipeline_succeeds'),
    message: input.str('merge_commit_message'),
    squash: input.bool('squash'),
    removeSourceBranch: input.bool('should_remove_source_branch'),
  });
  if (outcome.ok) return ok(await show(call, project, mr));
  if (outcome.status === 401) throw unauthorized();
  if (outcome.status === 405) throw notMergeable();
  throw new ApiFailure(422, { message: 'Branch cannot be merged' });
}

const notMergeable = () => new ApiFailure(405, { message: '405 Method Not Allowed' });
export const shaMismatch = (head: string) =>
  conflict(`SHA does not match HEAD of source branch: ${head}`);

async function edit(call: Call): Promise<unknown> {
  const { project, mr } = needMr(call);
  const user = needUser(call);
  const { input } = call;
  const target = input.str('target_branch');
  const reviewers = input.ids('reviewer_ids');
  const remove = input.bool('remove_source_branch');
  const squash = input.bool('squash');
  await editWithCommands(call, project, mr, user, {
    ...editOf(call, project, mr, user),
    ...(target === undefined ? {} : { targetBranch: target }),
    ...(reviewers ? { reviewerIds: reviewers.filter((id) => id !== 0) } : {}),
    ...(remove === undefined ? {} : { removeSourceBranch: remove }),
    ...(squash === undefined ? {} : { squash }),
  });
  return show(call, project, mr);
}

export const mergeRequestRoutes: Route[] = [
  {
    method: 'GET',
    path: '/projects/:id/merge_requests',
    jobToken: true,
    handler: (call) => {
      const project = needCode(call);
      return page(call, list(call, project), (mr) => mrBasic(call.gl, project, mr));
    },
  },
  {
    method: 'POST',
    path: '/projects/:id/merge_requests',
    handler: async (call) => {
      const project = needProject(call);
      return created(await show(call, project, await create(call, project)));
    },
  },
  {
    method: 'GET',
    path: MR,
    jobToken: true,
    handler: async (call) => {
      const { project, mr } = needMr(call);
      return ok(await show(call, project, mr));
    },
  },
  { method: 'PUT', path: MR, handler: async (call) => ok(await edit(call)) },
  { method: 'PUT', path: `${MR}/merge`, handler: accept },
  {
    method: 'POST',
    path: `${MR}/cancel_merge_when_pipeline_succeeds`,
    handler: async (call) => {
      const { project, mr } = needMr(call);
      if (levelOf(project, needUser(call)) < ACCESS.developer) throw unauthorized();
      mr.autoMergeById = null;
      return created(await show(call, project, mr));
    },
  },
];

function versionOf(call: Call): { project: Project; mr: MergeRequest; version: MrVersion } {
  const { project, mr } = needMr(call);
  const id = Number(call.params['version_id']);
  const version = mr.versions.find((one) => one.id === id);
  if (!version) throw notFound();
  return { project, mr, version };
}

function newestFiles(project: Project, mr: MergeRequest) {
  const version = mr.versions.at(-1) as MrVersion;
  return diff(project.gitDir, version.baseSha, version.headSha);
}

export const mergeRequestDetailRoutes: Route[] = [
  {
    method: 'GET',
    path: `${MR}/versions`,
    handler: (call) => {
      const { mr } = needMr(call);
      return page(call, mr.versions.toReversed(), (version) => versionEntity(mr, version));
    },
  },
  {
    method: 'GET',
    path: `${MR}/versions/:version_id`,
    handler: async (call) => {
      const { project, mr, version } = versionOf(call);
      const { baseSha, headSha: head } = version;
      const commits = await log(project.gitDir, { range: `${baseSha}..${head}` });
      return ok({
        ...versionEntity(mr, version),
        commits: commits.map((one) => commitEntity(call.gl, project, one)),
        diffs: (await diff(project.gitDir, baseSha, head)).map(diffEntity),
      });
    },
  },
  {
    method: 'GET',
    path: `${MR}/diffs`,
    handler: async (call) => {
      const { project, mr } = needMr(call);
      return page(call, await newestFiles(project, mr), diffEntity);
    },
  },
  {
    method: 'GET',
    path: `${MR}/changes`,
    handler: async (call) => {
      const { project, mr } = needMr(call);
      const shown = (await show(call, project, mr)) as Record<string, unknown>;
      const changes = (await newestFiles(project, mr)).map(diffEntity);
      return ok({ ...shown, changes, overflow: false });
    },
  },
  {
    method: 'GET',
    path: `${MR}/commits`,
    handler: async (call) => {
      const { project, mr } = needMr(call);
      const { baseSha, headSha: head } = mr.versions.at(-1) as MrVersion;
      const rows = await log(project.gitDir, { range: `${baseSha}..${head}` });
      return page(call, rows, (one) => commitEntity(call.gl, project, one));
    },
  },
  {
    method: 'GET',
    path: `${MR}/closes_issues`,
    handler: (call) => {
      const { project, mr } = needMr(call);
      const numbers = closingNumbers(`${mr.title}\n${mr.description ?? ''}`);
      const rows = project.issues.filter((issue) => numbers.includes(issue.iid));
      return page(call, rows, (issue) => issueEntity(call.gl, project, issue));
    },
  },
  {
    method: 'GET',
    path: `${MR}/pipelines`,
    handler: (call) => {
      const { project, mr } = needMr(call);
      const rows = pipelinesOf(call.gl, project).filter((pipeline) => belongsTo(mr, pipeline));
      return page(call, rows, (pipeline) => pipelineBasic(call.gl, project, pipeline));
    },
  },
  {
    method: 'POST',
    path: `${MR}/pipelines`,
    handler: async (call) => {
      const { project, mr } = needMr(call);
      const user = needUser(call);
      if (levelOf(project, user) < ACCESS.developer) throw forbidden();
      const outcome = await pipelineOfMergeRequest(call.gl, project, user, mr);
      if (!outcome.ok) throw badRequest({ base: outcome.errors });
      return created(pipelineBasic(call.gl, project, outcome.pipeline));
    },
  },
];
