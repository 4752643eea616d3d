/** Commit statuses; without a pipeline to join, one makes an `external` pipeline (gitlab-facts §3.6). */
import type { CiStatus, PipelineRecord } from '../../ci/contract.ts';
import { pipelinePayload } from '../hooks/ci-payloads.ts';
import { branches, isAncestor, resolveCommit } from '../git/read.ts';
import { tryAutoMerge } from '../services/merge.ts';
import { effectiveStatus, pipelinesOf, shownRef, statusesOn } from '../services/pipeline-list.ts';
import { refreshHeadPipelines } from '../services/pipelines.ts';
import { needCode, needProject, needUser, page, type Call, type Route } from '../rest/call.ts';
import { badParameter, badRequest, created, notFound } from '../rest/reply.ts';
import { jobStatusEntity, statusEntity } from '../present/ci.ts';
import { ACCESS } from '../state/access-levels.ts';
import type { CommitStatus, Project, User } from '../state/types.ts';

const STATES = ['pending', 'running', 'success', 'failed', 'canceled', 'skipped'] as const;
const ENDED: ReadonlySet<string> = new Set(['success', 'failed', 'canceled', 'skipped']);
/** GitLab's limit of names, contexts and descriptions. */
const MAX_TEXT = 255;
/** State machine events in GitLab's words, for the 400 of a repeated state. */
const EVENT: Record<string, string> = {
  pending: 'enqueue',
  running: 'run',
  success: 'success',
  failed: 'drop',
  canceled: 'cancel',
  skipped: 'skip',
};

async function refOf(call: Call, project: Project, sha: string): Promise<string> {
  const given = call.input.str('ref');
  if (given !== undefined) return given.replace(/^refs\/heads\//, '');
  for (const branch of await branches(project.gitDir)) {
    if (branch.sha === sha || (await isAncestor(project.gitDir, sha, branch.sha))) {
      return branch.name;
    }
  }
  throw notFound('References for commit');
}

function externalPipeline(call: Call, project: Project, user: User, ref: string, sha: string) {
  const now = call.gl.now();
  const { id, path, defaultBranch, gitDir } = project;
  const pipeline: PipelineRecord = {
    id: call.gl.state.nextId('pipeline'),
    spec: {
      project: { id, path, defaultBranch, gitDir },
      ref,
      sha,
      source: 'external',
      user: { id: user.id, username: user.username, name: user.name },
      variables: {},
      inputs: {},
    },
    status: 'pending',
    createdAt: now,
    startedAt: now,
    finishedAt: null,
    jobs: [],
    retried: [],
  };
  project.externalPipelines.push(pipeline);
  return pipeline;
}

/**
 * The newest pipeline of the commit, no child, that has the id and the ref as far as they are given;
 * one of a merge request has the ref `refs/merge-requests/<iid>/head`, not its branch.
 */
function pipelineFor(call: Call, project: Project, user: User, ref: string, sha: string) {
  const id = call.input.int('pipeline_id');
  const given = call.input.str('ref') === undefined ? undefined : ref;
  const found = pipelinesOf(call.gl, project).find(
    (row) =>
      row.spec.sha === sha &&
      row.spec.source !== 'parent_pipeline' &&
      (id === undefined || row.id === id) &&
      (given === undefined || shownRef(row) === given),
  );
  if (found) return found;
  if (id !== undefined) throw notFound('Pipeline for pipeline_id, sha and ref');
  return externalPipeline(call, project, user, ref, sha);
}

async function post(call: Call): Promise<CommitStatus> {
  const project = needProject(call, ACCESS.developer);
  const user = needUser(call);
  const { input } = call;
  const wanted = input.need('state');
  const state = STATES.find((name) => name === wanted);
  if (!state) throw badParameter('state does not have a valid value');
  const name = input.str('name') ?? input.str('context') ?? 'default';
  const description = input.str('description') ?? null;
  if (name.length > MAX_TEXT || (description?.length ?? 0) > MAX_TEXT) {
    throw badRequest({ description: [`is too long (maximum is ${MAX_TEXT} characters)`] });
  }
  const sha = await resolveCommit(project.gitDir, call.params['sha'] ?? '');
  if (!sha) throw notFound('Commit');
  const ref = await refOf(call, project, sha);
  const pipeline = pipelineFor(call, project, user, ref, sha);
  const last = project.statuses.findLast(
    (one) => one.pipelineId === pipeline.id && one.name === name,
  );
  // An ended status is not found again: the next one is new (Ci::CreateCommitStatusService).
  if (last?.status === state && !ENDED.has(state)) {
    throw badRequest(`Cannot transition status via :${EVENT[state]} from :${state}`);
  }
  const now = call.gl.now();
  const ended = ENDED.has(state);
  const status: CommitStatus = {
    id: last && !ENDED.has(last.status) ? last.id : call.gl.state.nextId('status'),
    sha,
    ref,
    name,
    status: state,
    targetUrl: input.str('target_url') ?? null,
    description,
    coverage: input.str('coverage') === undefined ? null : Number(input.str('coverage')),
    pipelineId: pipeline.id,
    authorId: user.id,
    createdAt: last?.createdAt ?? now,
    startedAt: state === 'pending' ? null : now,
    finishedAt: ended ? now : null,
  };
  const before = effectiveStatus(project, pipeline);
  project.statuses = [...project.statuses.filter((one) => one.id !== status.id), status];
  follow(call, project, pipeline, before);
  return status;
}

/** A status may change its pipeline's status: hook, head pipelines, auto-merge. */
function follow(call: Call, project: Project, pipeline: PipelineRecord, before: CiStatus): void {
  const { gl } = call;
  const after = effectiveStatus(project, pipeline);
  if (pipeline.spec.source === 'external') {
    pipeline.status = after;
    pipeline.finishedAt = ENDED.has(after) ? gl.now() : null;
  }
  gl.background.run('commit status', async () => {
    if (after !== before || pipeline.spec.source === 'external') {
      gl.hooks.fire(project, {
        event: 'pipeline_events',
        header: 'Pipeline Hook',
        body: await pipelinePayload(gl, project, pipeline),
      });
    }
    await refreshHeadPipelines(gl, project);
    await tryAutoMerge(gl, project);
  });
}

interface Row {
  name: string;
  stage: string;
  shown: Record<string, unknown>;
}

/** Jobs and posted statuses of a pipeline; the ones that were tried again only on demand. */
function rowsOf(call: Call, project: Project, pipeline: PipelineRecord): Row[] {
  const all = call.input.bool('all') ?? false;
  const jobs = [...(all ? pipeline.retried : []), ...pipeline.jobs];
  const posted = all
    ? project.statuses.filter((one) => one.pipelineId === pipeline.id)
    : statusesOn(project, pipeline.id);
  return [
    ...jobs.map((job) => ({
      name: job.name,
      stage: job.stage,
      shown: jobStatusEntity(call.gl, project, pipeline, job),
    })),
    ...posted.map((one) => ({
      name: one.name,
      stage: 'external',
      shown: statusEntity(call.gl, one),
    })),
  ];
}

async function list(call: Call): Promise<Row[]> {
  const project = needCode(call);
  const sha = await resolveCommit(project.gitDir, call.params['sha'] ?? '');
  if (!sha) throw notFound('Commit');
  const { input } = call;
  const [ref, stage, name] = [input.str('ref'), input.str('stage'), input.str('name')];
  const id = input.int('pipeline_id');
  return pipelinesOf(call.gl, project)
    .filter(({ spec }) => spec.sha === sha && spec.source !== 'parent_pipeline')
    .filter((one) => (id ?? one.id) === one.id && (ref ?? one.spec.ref) === one.spec.ref)
    .toReversed()
    .flatMap((pipeline) => rowsOf(call, project, pipeline))
    .filter((row) => (name ?? row.name) === row.name && (stage ?? row.stage) === row.stage);
}

export const statusRoutes: Route[] = [
  {
    method: 'POST',
    path: '/projects/:id/statuses/:sha',
    handler: async (call) => created(statusEntity(call.gl, await post(call))),
  },
  {
    method: 'GET',
    path: '/projects/:id/repository/commits/:sha/statuses',
    handler: async (call) => page(call, await list(call), ({ shown }) => shown),
  },
];
