/** Pipeline Hook and Job Hook (gitlab-facts §2.4, §2.5). */
import type { JobRecord, PipelineRecord } from '../../ci/contract.ts';
import type { Instance } from '../instance.ts';
import { readCommit } from '../git/read.ts';
import { effectiveStatus, pipelineIid } from '../services/pipeline-list.ts';
import { detailedMergeStatus, mergeStatus } from '../services/mergeability.ts';
import { findMergeRequest, userOf } from '../state/state.ts';
import { ZERO_SHA } from '../state/access-levels.ts';
import type { Project } from '../state/types.ts';
import { hookCommit, hookProject, hookRepository, hookTime, hookUser } from './parts.ts';

/** Seconds between two ISO times, or null. */
export function seconds(from: string | null, to: string | null): number | null {
  return from && to ? (Date.parse(to) - Date.parse(from)) / 1000 : null;
}

/** The same of a pipeline, which GitLab keeps in whole seconds. */
export function wholeSeconds(from: string | null, to: string | null): number | null {
  const exact = seconds(from, to);
  return exact === null ? null : Math.floor(exact);
}

const DETAILED: Record<string, string> = { success: 'passed', manual: 'blocked' };

export async function pipelinePayload(
  gl: Instance,
  project: Project,
  pipeline: PipelineRecord,
): Promise<Record<string, unknown>> {
  const { spec } = pipeline;
  const status = effectiveStatus(project, pipeline);
  const jobs = pipeline.jobs.filter((job) => !job.bridge);
  return {
    object_kind: 'pipeline',
    object_attributes: {
      id: pipeline.id,
      iid: pipelineIid(project, pipeline.id),
      name: null,
      ref: spec.ref,
      tag: false,
      sha: spec.sha,
      before_sha: ZERO_SHA,
      source: spec.source,
      status,
      detailed_status: DETAILED[status] ?? status,
      stages: [...new Set(pipeline.jobs.map((job) => job.stage))],
      created_at: hookTime(pipeline.createdAt),
      finished_at: hookTime(pipeline.finishedAt),
      duration: wholeSeconds(pipeline.startedAt, pipeline.finishedAt),
      queued_duration: wholeSeconds(pipeline.createdAt, pipeline.startedAt),
      protected_ref: project.protectedBranches.has(spec.ref),
      variables: Object.entries(spec.variables).map(([key, value]) => ({ key, value })),
      url: `${gl.url}/${project.path}/-/pipelines/${pipeline.id}`,
    },
    merge_request: mergeRequestPart(gl, project, pipeline),
    user: hookUser(gl, userOf(gl.state, spec.user.id)),
    project: hookProject(gl, project),
    commit: await hookCommit(gl, project, spec.sha),
    ...sourcePipeline(gl, project, pipeline),
    builds: jobs.map((job) => build(gl, pipeline, job)),
  };
}

function mergeRequestPart(gl: Instance, project: Project, pipeline: PipelineRecord): unknown {
  const iid = pipeline.spec.mergeRequest?.iid;
  const mr = iid === undefined ? undefined : findMergeRequest(project, iid);
  if (!mr) return null;
  return {
    id: mr.id,
    iid: mr.iid,
    title: mr.title,
    source_branch: mr.sourceBranch,
    source_project_id: mr.sourceProjectId,
    target_branch: mr.targetBranch,
    target_project_id: mr.targetProjectId,
    state: mr.state,
    merge_status: mergeStatus(mr),
    detailed_merge_status: detailedMergeStatus(gl, project, mr),
    url: `${gl.url}/${project.path}/-/merge_requests/${mr.iid}`,
  };
}

/** Only downstream pipelines carry it. */
function sourcePipeline(gl: Instance, project: Project, pipeline: PipelineRecord) {
  const parent = pipeline.spec.parent;
  if (!parent) return {};
  return {
    source_pipeline: {
      project: {
        id: project.id,
        web_url: `${gl.url}/${project.path}`,
        path_with_namespace: project.path,
      },
      pipeline_id: parent.pipelineId,
      job_id: parent.jobId,
    },
  };
}

function runnerPart(job: JobRecord): unknown {
  if (job.startedAt === null) return null;
  return {
    id: 1,
    description: 'sandbox runner',
    runner_type: 'instance_type',
    active: true,
    is_shared: true,
    tags: job.tags,
  };
}

function build(gl: Instance, pipeline: PipelineRecord, job: JobRecord) {
  return {
    id: job.id,
    stage: job.stage,
    name: job.name,
    status: job.status,
    created_at: hookTime(job.createdAt),
    started_at: hookTime(job.startedAt),
    finished_at: hookTime(job.finishedAt),
    duration: seconds(job.startedAt, job.finishedAt),
    queued_duration: seconds(job.createdAt, job.startedAt),
    failure_reason: job.failureReason,
    when: job.when,
    manual: job.when === 'manual',
    allow_failure: job.allowFailure,
    user: hookUser(gl, userOf(gl.state, pipeline.spec.user.id)),
    runner: runnerPart(job),
    artifacts_file: { filename: job.artifactsDir ? 'artifacts.zip' : null, size: null },
    environment: null,
  };
}

/** Flat, and `commit.id` is the pipeline's id. */
export async function jobPayload(
  gl: Instance,
  project: Project,
  pipeline: PipelineRecord,
  job: JobRecord,
): Promise<Record<string, unknown>> {
  const commit = await readCommit(project.gitDir, pipeline.spec.sha);
  return {
    object_kind: 'build',
    ref: pipeline.spec.ref,
    tag: false,
    before_sha: ZERO_SHA,
    sha: pipeline.spec.sha,
    retries_count: 0,
    build_id: job.id,
    build_name: job.name,
    build_stage: job.stage,
    build_status: job.status,
    build_created_at: hookTime(job.createdAt),
    build_started_at: hookTime(job.startedAt),
    build_finished_at: hookTime(job.finishedAt),
    build_created_at_iso: job.createdAt,
    build_started_at_iso: job.startedAt,
    build_finished_at_iso: job.finishedAt,
    build_duration: seconds(job.startedAt, job.finishedAt),
    build_queued_duration: seconds(job.createdAt, job.startedAt),
    build_allow_failure: job.allowFailure,
    build_failure_reason: job.failureReason ?? 'unknown_failure',
    pipeline_id: pipeline.id,
    runner: runnerPart(job),
    project_id: project.id,
    project_name: project.path.replaceAll('/', ' / '),
    user: hookUser(gl, userOf(gl.state, pipeline.spec.user.id)),
    commit: {
      id: pipeline.id,
      name: null,
      sha: pipeline.spec.sha,
      message: commit?.message ?? '',
      author_name: commit?.authorName ?? '',
      author_email: commit?.authorEmail ?? '',
      author_url: '',
      status: pipeline.status,
      duration: wholeSeconds(pipeline.startedAt, pipeline.finishedAt),
      started_at: hookTime(pipeline.startedAt),
      finished_at: hookTime(pipeline.finishedAt),
    },
    repository: hookRepository(gl, project),
    project: hookProject(gl, project),
    environment: null,
    ...sourcePipeline(gl, project, pipeline),
  };
}
