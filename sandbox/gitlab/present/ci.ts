/** Pipelines, jobs and commit statuses as the REST API shows them. */
import type { JobRecord, PipelineRecord } from '../../ci/contract.ts';
import type { Instance } from '../instance.ts';
import { readCommit, type Commit } from '../git/read.ts';
import { seconds, wholeSeconds } from '../hooks/ci-payloads.ts';
import { effectiveStatus, pipelineIid, shownRef } from '../services/pipeline-list.ts';
import { ZERO_SHA } from '../state/access-levels.ts';
import type { CommitStatus, Project } from '../state/types.ts';
import { userById } from './basics.ts';

export function pipelineBasic(
  gl: Instance,
  project: Project,
  pipeline: PipelineRecord,
): Record<string, unknown> {
  return {
    id: pipeline.id,
    iid: pipelineIid(project, pipeline.id),
    project_id: project.id,
    sha: pipeline.spec.sha,
    ref: shownRef(pipeline),
    status: effectiveStatus(project, pipeline),
    source: pipeline.spec.source,
    created_at: pipeline.createdAt,
    updated_at: pipeline.finishedAt ?? pipeline.startedAt ?? pipeline.createdAt,
    web_url: `${gl.url}/${project.path}/-/pipelines/${pipeline.id}`,
    name: null,
  };
}

export function pipelineEntity(
  gl: Instance,
  project: Project,
  pipeline: PipelineRecord,
): Record<string, unknown> {
  const status = effectiveStatus(project, pipeline);
  const covered = pipeline.jobs.map((job) => job.coverage).filter((value) => value !== null);
  const mean = covered.reduce((sum, value) => sum + value, 0) / (covered.length || 1);
  return {
    ...pipelineBasic(gl, project, pipeline),
    before_sha: ZERO_SHA,
    tag: false,
    yaml_errors: null,
    user: userById(gl, pipeline.spec.user.id),
    started_at: pipeline.startedAt,
    finished_at: pipeline.finishedAt,
    committed_at: null,
    duration: wholeSeconds(pipeline.startedAt, pipeline.finishedAt),
    queued_duration: wholeSeconds(pipeline.createdAt, pipeline.startedAt),
    coverage: covered.length > 0 ? mean.toFixed(2) : null,
    archived: false,
    detailed_status: {
      icon: `status_${status}`,
      text: status === 'success' ? 'Passed' : status,
      label: status === 'success' ? 'passed' : status,
      group: status,
      tooltip: status === 'success' ? 'passed' : status,
      has_details: true,
      details_path: `/${project.path}/-/pipelines/${pipeline.id}`,
      illustration: null,
      favicon: '/assets/ci_favicons/favicon.png',
    },
  };
}

export function commitEntity(
  gl: Instance,
  project: Project,
  commit: Commit,
): Record<string, unknown> {
  return {
    id: commit.id,
    short_id: commit.id.slice(0, 8),
    created_at: commit.committedAt,
    parent_ids: commit.parents,
    title: commit.title,
    message: commit.message,
    author_name: commit.authorName,
    author_email: commit.authorEmail,
    authored_date: commit.authoredAt,
    committer_name: commit.committerName,
    committer_email: commit.committerEmail,
    committed_date: commit.committedAt,
    trailers: {},
    extended_trailers: {},
    web_url: `${gl.url}/${project.path}/-/commit/${commit.id}`,
  };
}

/** A job, or a bridge with its downstream pipeline. */
export async function jobEntity(
  gl: Instance,
  project: Project,
  pipeline: PipelineRecord,
  job: JobRecord,
): Promise<Record<string, unknown>> {
  const commit = await readCommit(project.gitDir, pipeline.spec.sha);
  return {
    id: job.id,
    status: job.status,
    stage: job.stage,
    name: job.name,
    ref: shownRef(pipeline),
    tag: false,
    coverage: job.coverage,
    allow_failure: job.allowFailure,
    created_at: job.createdAt,
    started_at: job.startedAt,
    finished_at: job.finishedAt,
    erased_at: null,
    duration: seconds(job.startedAt, job.finishedAt),
    queued_duration: seconds(job.createdAt, job.startedAt),
    user: userById(gl, (job.startedBy ?? pipeline.spec.user).id),
    commit: commit ? commitEntity(gl, project, commit) : null,
    pipeline: pipelineBasic(gl, project, pipeline),
    ...(job.status === 'failed' ? { failure_reason: job.failureReason ?? 'unknown_failure' } : {}),
    web_url: `${gl.url}/${project.path}/-/jobs/${job.id}`,
    project: { ci_job_token_scope_enabled: false },
    ...(job.bridge ? bridgePart(gl, project, job) : jobPart(job)),
  };
}

function bridgePart(gl: Instance, project: Project, job: JobRecord): Record<string, unknown> {
  const child =
    job.downstreamPipelineId === null ? undefined : gl.ci?.get(job.downstreamPipelineId);
  return { downstream_pipeline: child ? pipelineBasic(gl, project, child) : null };
}

function jobPart(job: JobRecord): Record<string, unknown> {
  const ran = job.startedAt !== null;
  return {
    artifacts: [],
    ...(job.artifactsDir ? { artifacts_file: { filename: 'artifacts.zip', size: 1 } } : {}),
    artifacts_expire_at: null,
    archived: false,
    tag_list: job.tags,
    runner: ran ? runnerEntity(job.tags) : null,
    runner_manager: null,
  };
}

function runnerEntity(tags: readonly string[]): Record<string, unknown> {
  return {
    id: 1,
    description: `sandbox runner ${tags.join(', ')}`.trim(),
    ip_address: '127.0.0.1',
    active: true,
    is_shared: true,
    name: 'gitlab-runner',
    online: true,
    status: 'online',
  };
}

export function statusEntity(gl: Instance, status: CommitStatus): Record<string, unknown> {
  return {
    id: status.id,
    sha: status.sha,
    ref: status.ref,
    status: status.status,
    name: status.name,
    target_url: status.targetUrl,
    description: status.description,
    created_at: status.createdAt,
    started_at: status.startedAt,
    finished_at: status.finishedAt,
    allow_failure: false,
    coverage: status.coverage,
    pipeline_id: status.pipelineId,
    author: userById(gl, status.authorId),
  };
}

/** A job or bridge as GitLab lists it among a commit's statuses: to GitLab all three are of one kind. */
export function jobStatusEntity(
  gl: Instance,
  project: Project,
  pipeline: PipelineRecord,
  job: JobRecord,
): Record<string, unknown> {
  return {
    id: job.id,
    sha: pipeline.spec.sha,
    ref: pipeline.spec.ref,
    status: job.status,
    name: job.name,
    target_url: `${gl.url}/${project.path}/-/jobs/${job.id}`,
    description: null,
    created_at: job.createdAt,
    started_at: job.startedAt,
    finished_at: job.finishedAt,
    allow_failure: job.allowFailure,
    coverage: job.coverage,
    pipeline_id: pipeline.id,
    author: userById(gl, (job.startedBy ?? pipeline.spec.user).id),
  };
}
