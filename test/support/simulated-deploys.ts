/** Deploy jobs of the simulation's default branch: one per commit, and what they left behind. */
import {
  rollbackTarget,
  type DeployFacts,
  type DeployJob,
  type PastDeployment,
} from '../../bot/domain/deploys.ts';
import type { Effect, Receipt } from '../../bot/domain/effects.ts';
import { stageOf, type Run } from '../../bot/domain/runs.ts';
import type { SimDeployJob, World } from './simulated-store.ts';

/** How deploy jobs end, by the commit; null where the repository has none. */
export type Deploys = (sha: string) => 'success' | 'failed' | null;

const ENVIRONMENT = 'staging';
const NAME = `autodev-deploy-${ENVIRONMENT}`;

/** What bot/worker/deploy-facts would read; null when the run deploys nothing. */
export function deployFacts(run: Run, world: World, deploys: Deploys): DeployFacts | null {
  const stage = stageOf(run);
  if (stage?.kind !== 'deploy') return null;
  finish(world, deploys);
  const nothing: DeployFacts = {
    sha: null,
    pipeline: null,
    jobs: [],
    failedJobs: [],
    configured: null,
    started: null,
    past: [],
  };
  if (run.deployment !== null) {
    const started = world.deployJobs.find(({ id }) => id === run.deployment?.jobId);
    return { ...nothing, started: started ? shown(started) : null, past: past(world) };
  }
  if (stage.to === 'back') {
    const target = rollbackTarget(past(world));
    const newest = world.deployJobs.findLast(({ sha }) => sha === target?.sha);
    return { ...nothing, past: past(world), jobs: newest ? [shown(newest)] : [] };
  }
  const sha = run.mergedSha ?? world.branches.get('main')?.sha ?? '';
  const jobs = deploys(sha) === null ? [] : [shown(jobOf(sha, world))];
  const pipeline = { id: 77, status: 'success', url: '' };
  return { ...nothing, sha, pipeline, jobs, past: past(world) };
}

/** Starts the job as GitLab would; a text when that cannot be. */
export function playJob(
  effect: Extract<Effect, { kind: 'play_job' }>,
  world: World,
): Receipt | string {
  const job = world.deployJobs.find(({ id }) => id === effect.jobId);
  if (job === undefined) return 'no such job';
  const started = (jobId: number, adopted: boolean): Receipt => {
    return { kind: 'play_job', outcome: 'started', jobId, url: '', adopted };
  };
  if (effect.how === 'play') {
    const adopted = job.status !== 'manual';
    if (!adopted) job.status = 'running';
    return started(job.id, adopted);
  }
  world.next += 1;
  world.deployJobs.push({ id: world.next, sha: job.sha, status: 'running' });
  return started(world.next, false);
}

function finish(world: World, deploys: Deploys): void {
  for (const job of world.deployJobs) {
    if (job.status === 'running') job.status = deploys(job.sha) ?? 'failed';
  }
}

function jobOf(sha: string, world: World): SimDeployJob {
  const known = world.deployJobs.findLast((job) => job.sha === sha);
  if (known) return known;
  world.next += 1;
  const job: SimDeployJob = { id: world.next, sha, status: 'manual' };
  world.deployJobs.push(job);
  return job;
}

function shown({ id, status }: SimDeployJob): DeployJob {
  return {
    id,
    name: NAME,
    status,
    pipelineId: 77,
    allowFailure: true,
    url: '',
    failureReason: status === 'failed' ? 'script_failure' : null,
  };
}

/** Newest first. A job that was retried is newer than those that were played before. */
function past(world: World): PastDeployment[] {
  return world.deployJobs
    .filter(({ status }) => status !== 'manual')
    .toSorted((a, b) => b.id - a.id)
    .map(({ id, sha, status }) => ({
      id,
      environment: ENVIRONMENT,
      status,
      sha,
      job: { id, name: NAME, pipelineId: 77 },
    }));
}
