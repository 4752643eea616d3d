/** Environments and deployments: what jobs with `environment:` leave behind. */
import type { CiStatus, JobRecord, PipelineRecord } from '../../ci/contract.ts';
import type { Instance } from '../instance.ts';
import type { Deployment, Environment } from '../state/deployment-types.ts';
import type { Project } from '../state/types.ts';

/** A deployment comes into being when its job is started, not with the pipeline. */
const STATUS: Partial<Record<CiStatus, Deployment['status']>> = {
  pending: 'created',
  running: 'running',
  success: 'success',
  failed: 'failed',
  canceled: 'canceled',
};

/** Writes down what a change of a job means for its environment. */
export function noteDeployment(
  gl: Instance,
  project: Project,
  pipeline: PipelineRecord,
  job: JobRecord,
): void {
  if (job.environment === null) return;
  const environment = environmentNamed(gl, project, job.environment.name);
  const status = STATUS[job.status];
  const known = project.deployments.find((one) => one.job.id === job.id);
  // A job that ended before it was started deployed nothing.
  if (status === undefined || (!known && status !== 'created' && status !== 'running')) return;
  if (status === 'success') environment.externalUrl = job.environment.url;
  if (known) {
    known.status = status;
    known.job = structuredClone(job);
    known.updatedAt = gl.now();
    return;
  }
  project.deployments.push({
    id: gl.state.nextId('deployment'),
    iid: project.deployments.length + 1,
    environmentId: environment.id,
    status,
    ref: pipeline.spec.ref,
    sha: pipeline.spec.sha,
    userId: (job.startedBy ?? pipeline.spec.user).id,
    job: structuredClone(job),
    pipeline,
    createdAt: gl.now(),
    updatedAt: gl.now(),
  });
}

function environmentNamed(gl: Instance, project: Project, name: string): Environment {
  const known = project.environments.find((one) => one.name === name);
  if (known) return known;
  const environment: Environment = {
    id: gl.state.nextId('environment'),
    name,
    externalUrl: null,
    createdAt: gl.now(),
  };
  project.environments.push(environment);
  return environment;
}

/** Newest first. */
export function deploymentsOf(project: Project, environmentId?: number): Deployment[] {
  return project.deployments
    .filter((one) => environmentId === undefined || one.environmentId === environmentId)
    .toReversed();
}
