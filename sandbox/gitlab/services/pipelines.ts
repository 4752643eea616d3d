/** Creating pipelines by API, push and merge request, and what follows a status change. */
import type { JobRecord, PipelineRecord } from '../../ci/contract.ts';
import type { Instance } from '../instance.ts';
import { readCommit, readFileAt } from '../git/read.ts';
import { fireMergeRequest } from '../hooks/events.ts';
import { jobPayload, pipelinePayload } from '../hooks/ci-payloads.ts';
import { headSha, projectOf, userOf } from '../state/state.ts';
import type { MergeRequest, Project, User } from '../state/types.ts';
import { noteDeployment } from './deployments.ts';
import { tryAutoMerge } from './merge.ts';
import { headPipelineOf } from './pipeline-list.ts';

export const CI_FILE = '.gitlab-ci.yml';
const MISSING_CONFIG = 'Missing CI config file';

export interface PipelineRequest {
  ref: string;
  sha: string;
  source: string;
  variables?: Record<string, string>;
  inputs?: Record<string, string>;
  mergeRequest?: MergeRequest;
}

export type PipelineOutcome =
  | { ok: true; pipeline: PipelineRecord }
  /** Messages of GitLab's 400 `{message: {base: […]}}`. */
  | { ok: false; errors: string[] };

/** Asks the engine for a pipeline of `.gitlab-ci.yml` at the commit. */
export async function createPipeline(
  gl: Instance,
  project: Project,
  user: User,
  request: PipelineRequest,
): Promise<PipelineOutcome> {
  const config = await readFileAt(project.gitDir, request.sha, CI_FILE);
  if (!gl.ci || !config) return { ok: false, errors: [MISSING_CONFIG] };
  const mr = request.mergeRequest;
  const { id, path, defaultBranch, gitDir } = project;
  return gl.ci.create({
    project: { id, path, defaultBranch, gitDir },
    ref: request.ref,
    sha: request.sha,
    source: request.source,
    user: { id: user.id, username: user.username, name: user.name },
    variables: request.variables ?? {},
    inputs: request.inputs ?? {},
    ...(mr
      ? {
          mergeRequest: {
            id: mr.id,
            iid: mr.iid,
            sourceBranch: mr.sourceBranch,
            targetBranch: mr.targetBranch,
          },
        }
      : {}),
  });
}

/** Branch pipeline of a push, unless the commit message skips CI. */
export async function pipelineOfPush(
  gl: Instance,
  project: Project,
  user: User,
  branch: string,
  sha: string,
): Promise<void> {
  const commit = await readCommit(project.gitDir, sha);
  if (/\[(ci skip|skip ci)\]/i.test(commit?.message ?? '')) return;
  await createPipeline(gl, project, user, { ref: branch, sha, source: 'push' });
}

/** Pipeline of a merge request's head. */
export function pipelineOfMergeRequest(
  gl: Instance,
  project: Project,
  user: User,
  mr: MergeRequest,
): Promise<PipelineOutcome> {
  return createPipeline(gl, project, user, {
    ref: mr.sourceBranch,
    sha: headSha(mr),
    source: 'merge_request_event',
    mergeRequest: mr,
  });
}

/** A new head pipeline fires a second `update` without `oldrev` (gitlab-facts §2.3). */
export async function refreshHeadPipelines(gl: Instance, project: Project): Promise<void> {
  for (const mr of project.mergeRequests) {
    if (mr.state !== 'opened') continue;
    const head = headPipelineOf(gl, project, mr)?.id ?? null;
    if (head === mr.headPipelineId) continue;
    const previous = mr.headPipelineId;
    mr.headPipelineId = head;
    await fireMergeRequest(gl, mr, userOf(gl.state, mr.authorId), 'update', {
      head_pipeline_id: { previous, current: head },
    });
  }
}

/** Follows one change of a pipeline or job: hooks, head pipelines, auto-merge. */
export interface PipelineWatcher {
  changed(pipeline: PipelineRecord, job?: JobRecord): void;
}

export function createPipelineWatcher(gl: Instance): PipelineWatcher {
  /** Last status a hook was fired for; the engine may call more often. */
  const seen = new Map<string, string>();
  let queue: Promise<void> = Promise.resolve();

  const isNew = (key: string, status: string): boolean => {
    if (seen.get(key) === status) return false;
    seen.set(key, status);
    return true;
  };

  return {
    changed(pipeline, job) {
      const project = projectOf(gl.state, pipeline.spec.project.id);
      if (job) noteDeployment(gl, project, pipeline, job);
      // The records move on while the hook waits; it tells what was true now.
      const then = structuredClone(pipeline);
      const thenJob = job && !job.bridge ? structuredClone(job) : undefined;
      const pipelineNews = isNew(`pipeline ${pipeline.id}`, pipeline.status);
      const jobNews = thenJob !== undefined && isNew(`job ${thenJob.id}`, thenJob.status);
      if (!pipelineNews && !jobNews) return;
      const previous = queue;
      const turn = async (): Promise<void> => {
        await previous;
        if (jobNews) {
          gl.hooks.fire(project, {
            event: 'job_events',
            header: 'Job Hook',
            body: await jobPayload(gl, project, then, thenJob),
          });
        }
        if (!pipelineNews) return;
        gl.hooks.fire(project, {
          event: 'pipeline_events',
          header: 'Pipeline Hook',
          body: await pipelinePayload(gl, project, then),
        });
        await refreshHeadPipelines(gl, project);
        await tryAutoMerge(gl, project);
      };
      queue = new Promise((resolve) => {
        gl.background.run('pipeline change', () => turn().finally(resolve));
      });
    },
  };
}
