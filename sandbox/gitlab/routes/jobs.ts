/** Jobs: state, log and single artifact files. */
import { readFile, realpath } from 'node:fs/promises';
import { join, sep } from 'node:path';
import type { JobRecord, PipelineRecord } from '../../ci/contract.ts';
import { canRunPipeline, levelOf } from '../services/access.ts';
import { pipelinesOf } from '../services/pipeline-list.ts';
import { needCode, needUser, page, type Call, type Route } from '../rest/call.ts';
import { badRequest, created, forbidden, notFound, ok } from '../rest/reply.ts';
import { jobEntity } from '../present/ci.ts';
import { ACCESS } from '../state/access-levels.ts';
import type { Project, User } from '../state/types.ts';

interface FoundJob {
  project: Project;
  pipeline: PipelineRecord;
  job: JobRecord;
}

function needJob(call: Call): FoundJob {
  const project = needCode(call);
  const id = Number(call.params['job_id']);
  for (const pipeline of pipelinesOf(call.gl, project)) {
    const job = [...pipeline.jobs, ...pipeline.retried].find((one) => one.id === id);
    if (job) return { project, pipeline, job };
  }
  throw notFound();
}

/** A file under the artifacts folder; null when it is not there or outside. */
export async function artifactFile(job: JobRecord, path: string): Promise<Buffer | null> {
  if (!job.artifactsDir) return null;
  try {
    const root = await realpath(job.artifactsDir);
    const file = await realpath(join(root, path));
    return file.startsWith(root + sep) ? await readFile(file) : null;
  } catch {
    return null;
  }
}

/** Whoever starts a job needs the right to run pipelines on its branch, and to deploy where it does. */
function mayStart(project: Project, user: User, { pipeline, job }: FoundJob): boolean {
  const admitted = job.environment
    ? project.settings.protectedEnvironments[job.environment.name]
    : undefined;
  if (admitted && !admitted.includes(user.id)) return false;
  return (
    levelOf(project, user) >= ACCESS.developer && canRunPipeline(project, user, pipeline.spec.ref)
  );
}

/** `play` of a job that is over runs it again, as GitLab does (Ci::PlayBuildService). */
async function start(call: Call, how: 'play' | 'retry'): Promise<unknown> {
  const found = needJob(call);
  const { project, pipeline, job } = found;
  const user = needUser(call);
  if (!mayStart(project, user, found)) throw forbidden();
  const { id, username, name } = user;
  const person = { id, username, name };
  if (how === 'play' && job.when !== 'manual') throw badRequest('400 Bad request - Unplayable Job');
  if (how === 'play' && call.gl.ci?.play(job.id, person)) {
    return jobEntity(call.gl, project, pipeline, job);
  }
  const again = call.gl.ci?.retryJob(job.id, person);
  if (again) return jobEntity(call.gl, project, pipeline, again);
  throw how === 'play'
    ? badRequest('400 Bad request - Unplayable Job')
    : forbidden('Job is not retryable');
}

export const jobRoutes: Route[] = [
  {
    method: 'GET',
    path: '/projects/:id/jobs',
    handler: (call) => {
      const project = needCode(call);
      const scope = call.input.list('scope');
      const rows = pipelinesOf(call.gl, project)
        .flatMap((pipeline) => pipeline.jobs.map((job) => ({ pipeline, job })))
        .filter(({ job }) => !job.bridge && (!scope || scope.includes(job.status)))
        .toSorted((a, b) => b.job.id - a.job.id);
      return page(call, rows, ({ pipeline, job }) => jobEntity(call.gl, project, pipeline, job));
    },
  },
  {
    method: 'GET',
    path: '/projects/:id/jobs/:job_id',
    jobToken: true,
    handler: async (call) => {
      const { project, pipeline, job } = needJob(call);
      return ok(await jobEntity(call.gl, project, pipeline, job));
    },
  },
  {
    method: 'GET',
    path: '/projects/:id/jobs/:job_id/trace',
    handler: async (call) => {
      const { job } = needJob(call);
      const text = await readFile(job.tracePath).catch(() => Buffer.alloc(0));
      return { status: 200, body: text, type: 'text/plain; charset=utf-8' };
    },
  },
  {
    method: 'GET',
    path: '/projects/:id/jobs/:job_id/artifacts/*artifact_path',
    jobToken: true,
    handler: async (call) => {
      const { job } = needJob(call);
      const content = await artifactFile(job, call.params['artifact_path'] ?? '');
      if (!content) throw notFound();
      return { status: 200, body: content, type: 'application/octet-stream' };
    },
  },
  {
    method: 'POST',
    path: '/projects/:id/jobs/:job_id/play',
    handler: async (call) => ok(await start(call, 'play')),
  },
  {
    method: 'POST',
    path: '/projects/:id/jobs/:job_id/retry',
    handler: async (call) => created(await start(call, 'retry')),
  },
  {
    method: 'POST',
    path: '/projects/:id/jobs/:job_id/cancel',
    handler: async (call) => {
      const { project, pipeline, job } = needJob(call);
      if (levelOf(project, needUser(call)) < ACCESS.developer) throw forbidden();
      // The engine cancels whole pipelines; a job's fate is its pipeline's here.
      await call.gl.ci?.cancel(pipeline.id);
      return created(await jobEntity(call.gl, project, pipeline, job));
    },
  },
];
