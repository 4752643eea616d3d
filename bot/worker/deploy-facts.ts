/**
 * What a deploy stage has to know: the default branch's pipeline with its deploy job, the job the run
 * started, or what was deployed before. Read only while a run stands in such a stage.
 */
import {
  byTemplate,
  environmentOfJob,
  rollbackTarget,
  type DeployFacts,
  type DeployJob,
  type PastDeployment,
} from '../domain/deploys.ts';
import { isActive } from '../domain/outcomes.ts';
import { stageOf, type Deployment, type Run } from '../domain/runs.ts';
import { ForgeError } from '../forge/errors.ts';
import type { RepoRow } from '../store/repos.ts';
import type { WorkerDeps } from './deps.ts';
import { orNull } from './snapshot-base.ts';

/** Pipelines of one commit that are looked through for a deploy job, newest first. */
const PIPELINES = 5;
/** A job that has not run yet tells nothing of what stands in its environment. */
const RAN: ReadonlySet<string> = new Set(['success', 'failed', 'canceled']);

const NOTHING: DeployFacts = {
  sha: null,
  pipeline: null,
  jobs: [],
  failedJobs: [],
  configured: null,
  started: null,
  past: [],
};

/**
 * The facts; null when the run deploys nothing now.
 * @param head of the default branch
 * @throws ForgeError when something that matters could not be read
 */
export async function deployFacts(
  run: Run,
  repo: RepoRow,
  head: Promise<{ sha: string } | null>,
  deps: WorkerDeps,
): Promise<DeployFacts | null> {
  const stage = stageOf(run);
  if (stage?.kind !== 'deploy' || !isActive(run.state)) return null;
  const { deployment } = run;
  if (deployment !== null) return startedFacts(deployment, repo, deps);
  if (stage.to === 'back') return pastFacts(run, repo, deps);
  // Whatever was merged since, what a run deploys is what it merged.
  const merged = run.mergedSha === null || run.mergedSha === '' ? null : run.mergedSha;
  const sha = merged ?? (await head)?.sha ?? '';
  return commitFacts(run, repo, sha, deps);
}

/** The job that was started, and what stood in its environment before when it went wrong. */
async function startedFacts(
  deployment: Deployment,
  repo: RepoRow,
  deps: WorkerDeps,
): Promise<DeployFacts> {
  if (deployment.state !== 'running') return NOTHING;
  const started = await orNull(deps.forge.deploy.job(repo.projectId, deployment.jobId));
  const wrong = started !== null && RAN.has(started.status) && started.status !== 'success';
  const past = wrong ? await deploymentsOf(deployment.environment, repo, deps) : [];
  return { ...NOTHING, started, past };
}

/** The newest pipeline of the commit with a deploy job, and what else there is in it. */
async function commitFacts(
  run: Run,
  repo: RepoRow,
  sha: string,
  deps: WorkerDeps,
): Promise<DeployFacts> {
  const { ci, deploy } = deps.forge;
  const { projectId, defaultBranch } = repo;
  const all = await ci.pipelines(projectId, { ref: defaultBranch, sha });
  const own = all.filter(({ source }) => source !== 'parent_pipeline').slice(0, PIPELINES);
  const looked = await Promise.all(
    own.map(async (pipeline) => ({ pipeline, jobs: await deploy.jobs(projectId, pipeline.id) })),
  );
  const found = looked.find(({ jobs }) => jobs.some(deploys)) ?? looked.at(0);
  if (found === undefined) {
    return { ...NOTHING, sha, configured: await configured(projectId, sha, deps) };
  }
  const { pipeline, jobs } = found;
  const ours = jobs.filter(deploys);
  const past = ours.some(({ status }) => RAN.has(status))
    ? await deploymentsOf(run.context.environment, repo, deps)
    : [];
  return {
    ...NOTHING,
    sha,
    pipeline: { id: pipeline.id, status: pipeline.status, url: pipeline.url },
    jobs: ours,
    failedJobs: jobs
      .filter(({ status, allowFailure }) => status === 'failed' && !allowFailure)
      .map(({ name }) => name),
    past,
  };
}

/** What was deployed, and the newest job of the deployment that would be put back. */
async function pastFacts(run: Run, repo: RepoRow, deps: WorkerDeps): Promise<DeployFacts> {
  const { environment } = run.context;
  const past = await deploymentsOf(environment, repo, deps);
  const environments = new Set(past.map((one) => one.environment));
  const target = environments.size === 1 ? rollbackTarget(past) : null;
  const job = target?.job;
  if (!job) return { ...NOTHING, past };
  const jobs = await orNull(deps.forge.deploy.jobs(repo.projectId, job.pipelineId));
  return { ...NOTHING, past, jobs: (jobs ?? []).filter(({ name }) => name === job.name) };
}

/** Deployments by the template's jobs, newest first: the newest of all, and the newest that succeeded. */
export async function deploymentsOf(
  environment: string | null,
  repo: Pick<RepoRow, 'projectId'>,
  deps: WorkerDeps,
): Promise<PastDeployment[]> {
  const { deploy } = deps.forge;
  const where = environment === null ? {} : { environment };
  const [newest, good] = await Promise.all([
    deploy.deployments(repo.projectId, where),
    deploy.deployments(repo.projectId, { ...where, status: 'success' }),
  ]);
  const all = new Map([...good, ...newest].map((one) => [one.id, one]));
  return byTemplate([...all.values()].toSorted((a, b) => b.id - a.id));
}

/** Environments that the configuration of a commit has deploy jobs for; null when nobody can say. */
async function configured(
  projectId: number,
  sha: string,
  deps: WorkerDeps,
): Promise<string[] | null> {
  try {
    const names = await deps.forge.deploy.configuredJobs(projectId, sha);
    return names?.flatMap((name) => environmentOfJob(name) ?? []) ?? null;
  } catch (error) {
    // Only a shortcut: without it the run waits for the pipeline as long as it may.
    if (error instanceof ForgeError && ['denied', 'not_found', 'invalid'].includes(error.kind)) {
      return null;
    }
    throw error;
  }
}

function deploys(job: DeployJob): boolean {
  return environmentOfJob(job.name) !== null;
}
