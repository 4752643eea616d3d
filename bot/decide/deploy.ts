/**
 * Purpose: the deploy stage (docs/adr/0009): the repository's own deploy job is played, or an earlier one
 * run again, and followed to its end.
 */
import {
  environmentOfJob,
  rollbackTarget,
  type DeployFacts,
  type DeployJob,
  type PastDeployment,
} from '../domain/deploys.ts';
import { isActive, type Verdict } from '../domain/outcomes.ts';
import { stageOf, type Deployment, type Run } from '../domain/runs.ts';
import type { Decision, Snapshot } from '../domain/snapshot.ts';
import * as say from './deploy-text.ts';
import { decided, ignored, type Moved } from './decision.ts';
import { ended } from './end.ts';
import { enterStage, nextStage } from './stages.ts';
import { statusOf } from './status-effects.ts';

/** What a look at the deployment comes to: the run moves, or it waits for something. */
type Look = Moved | { waitsFor: string };

const ENDED: ReadonlySet<string> = new Set(['success', 'failed', 'canceled', 'skipped']);
/** A job that somebody started, and a runner has not. */
const QUEUED: ReadonlySet<string> = new Set(['created', 'preparing', 'pending', 'manual']);
const MINUTE_MS = 60_000;

/** Looks how the deployment of the run stands. */
export function decideDeploy(snapshot: Snapshot): Decision {
  const { run, deploy: facts } = snapshot;
  if (!run || !isActive(run.state)) return ignored('the run is over');
  const stage = stageOf(run);
  if (stage?.kind !== 'deploy') return ignored('the run deploys nothing now');
  if (facts === null) return ignored('nothing is known of the deployment');
  const look = lookAt(run, stage.to === 'back', facts, snapshot);
  if ('waitsFor' in look) return ignored(`waits for ${look.waitsFor}`);
  return decided(look);
}

/** The forge does not let the bot start the job, or the job cannot be started any more. */
export function jobRefused(run: Run, cause: string, next: string): Decision {
  const moved = stop(run, { kind: 'needs-human', cause: `${say.merged(run)}${cause}`, next }, null);
  return decided(moved);
}

/** The job could not be started, although nothing spoke against it. */
export function jobFailed(run: Run, error: string): Decision {
  const { cause, next } = say.notStarted(run, error);
  return jobRefused(run, cause, next);
}

function lookAt(run: Run, back: boolean, facts: DeployFacts, snapshot: Snapshot): Look {
  const { deployment } = run;
  if (deployment === null) {
    return back ? goBack(run, facts, snapshot) : goForward(run, facts, snapshot);
  }
  switch (deployment.state) {
    case 'asked':
      return { waitsFor: 'the deploy job to be started' };
    case 'running':
      return follow(run, deployment, facts.started, facts, snapshot);
    case 'success':
    case 'failed':
      return enterStage(run, nextStage(run), snapshot);
  }
}

/** Finds the deploy job of the commit, and starts it once everything else in its pipeline has passed. */
function goForward(run: Run, facts: DeployFacts, snapshot: Snapshot): Look {
  const { pipeline, jobs } = facts;
  const sha = facts.sha ?? '';
  const wanted = run.context.environment;
  if (pipeline === null && facts.configured?.length !== 0) return noPipeline(run, sha, snapshot);
  if (pipeline === null || jobs.length === 0) return noDeployJob(run, snapshot);
  const job =
    wanted === null
      ? jobs.length === 1
        ? jobs[0]
        : undefined
      : jobs.find(({ name }) => environmentOfJob(name) === wanted);
  if (job === undefined) {
    const known = jobs.flatMap(({ name }) => environmentOfJob(name) ?? []);
    return stop(run, say.chooseOne(run, wanted, known));
  }
  const chosen = deploymentBy(job, sha, snapshot);
  // A cancelled pipeline takes its waiting jobs with it: they did not run.
  const ran = job.status === 'success' || job.status === 'failed';
  if (ran || (job.status === 'canceled' && pipeline.status !== 'canceled')) {
    return afterItRan(run, chosen, job, facts, snapshot);
  }
  if (!QUEUED.has(job.status) && !ENDED.has(job.status)) {
    return adopt(run, chosen, 'somebody started the deploy job');
  }
  const late = waited(run, snapshot) >= snapshot.settings.limits.verifyMinutes;
  switch (pipeline.status) {
    case 'failed':
      if (waited(run, snapshot) < snapshot.settings.limits.settleMinutes) {
        return { waitsFor: 'the red pipeline to be retried' };
      }
      return stop(run, say.redPipeline(run, pipeline, sha, facts.failedJobs));
    case 'canceled':
      return stop(run, say.cancelledPipeline(run, pipeline, sha));
    case 'success':
    case 'manual':
      if (job.status === 'manual') return start(run, chosen, job, 'play');
      break;
    default:
  }
  if (late) return stop(run, say.latePipeline(run, pipeline, sha, snapshot));
  return { waitsFor: `the pipeline, which is ${pipeline.status}` };
}

/** The job of this very commit ran before: what the wish was decides whether it runs again. */
function afterItRan(
  run: Run,
  chosen: Deployment,
  job: DeployJob,
  facts: DeployFacts,
  snapshot: Snapshot,
): Look {
  const present = inEnvironment(facts.past, chosen.environment).find(
    ({ status }) => status === 'success',
  );
  const stands = job.status === 'success' && (present?.sha ?? chosen.sha) === chosen.sha;
  if (stands) return succeeded(run, chosen, snapshot, say.stoodThere());
  if (say.isWish(run)) return start(run, chosen, job, 'retry');
  return follow(run, chosen, job, facts, snapshot);
}

/** Runs the job of the deployment before the last one again. */
function goBack(run: Run, facts: DeployFacts, snapshot: Snapshot): Look {
  const known = [...new Set(facts.past.map(({ environment }) => environment))];
  const wanted = run.context.environment ?? (known.length === 1 ? known[0] : undefined);
  if (known.length === 0) return stop(run, say.nothingDeployed());
  if (wanted === undefined || !known.includes(wanted)) {
    return stop(run, say.chooseOne(run, wanted ?? null, known));
  }
  const past = inEnvironment(facts.past, wanted);
  if (past[0] !== undefined && UNDER_WAY.has(past[0].status)) {
    return stop(run, say.underWay(wanted));
  }
  const target = rollbackTarget(past);
  const job = facts.jobs.find(({ name }) => name === target?.job?.name);
  if (target === null || job === undefined) return stop(run, say.nothingBefore(wanted));
  const chosen = deploymentBy(job, target.sha, snapshot);
  if (!ENDED.has(job.status)) return adopt(run, chosen, 'somebody ran the deploy job again');
  return start(run, chosen, job, 'retry');
}

const UNDER_WAY: ReadonlySet<string> = new Set(['created', 'running', 'blocked']);

/** A job that was started comes to its end, or shows that it never will. */
function follow(
  run: Run,
  deployment: Deployment,
  job: DeployJob | null,
  facts: DeployFacts,
  snapshot: Snapshot,
): Look {
  if (job === null) return failed(run, deployment, say.jobGone(run, deployment));
  const minutes = (snapshot.now.getTime() - Date.parse(deployment.since)) / MINUTE_MS;
  const { runnerWaitMinutes, verifyMinutes } = snapshot.settings.limits;
  switch (job.status) {
    case 'success':
      return succeeded(run, { ...deployment, url: job.url }, snapshot);
    case 'failed':
    case 'canceled':
    case 'skipped': {
      const target = rollbackTarget(inEnvironment(facts.past, deployment.environment));
      return failed(run, deployment, say.failedDeployment(run, deployment, job, target));
    }
    case 'waiting_for_resource':
      if (minutes < verifyMinutes) return { waitsFor: 'another deployment to the environment' };
      return failed(run, deployment, say.blockedDeployment(run, deployment, verifyMinutes));
    default:
      if (!QUEUED.has(job.status)) return { waitsFor: 'the deploy job to end' };
      if (minutes < runnerWaitMinutes) return { waitsFor: 'a runner' };
      return failed(run, deployment, say.noRunner(run, deployment, runnerWaitMinutes));
  }
}

function noPipeline(run: Run, sha: string, snapshot: Snapshot): Look {
  const minutes = snapshot.settings.limits.verifyMinutes;
  if (waited(run, snapshot) < minutes) return { waitsFor: 'a pipeline of the default branch' };
  const missing = say.missingPipeline(run, sha, minutes);
  if (say.isWish(run)) return stop(run, missing);
  const moved = enterStage(run, nextStage(run), snapshot, { note: missing.cause });
  return { ...moved, reasons: ['no pipeline appeared', ...moved.reasons] };
}

function noDeployJob(run: Run, snapshot: Snapshot): Look {
  if (say.isWish(run)) return stop(run, say.noDeployJob(run));
  const moved = enterStage(run, nextStage(run), snapshot);
  return { ...moved, reasons: ['the repository has no deploy job', ...moved.reasons] };
}

function deploymentBy(job: DeployJob, sha: string, snapshot: Snapshot): Deployment {
  return {
    environment: environmentOfJob(job.name) ?? '',
    jobId: job.id,
    pipelineId: job.pipelineId,
    sha,
    url: job.url,
    state: 'asked',
    since: snapshot.now.toISOString(),
  };
}

function start(run: Run, chosen: Deployment, job: DeployJob, how: 'play' | 'retry'): Moved {
  const { id: runId, version } = run;
  return {
    reasons: [`${how} of job ${job.id} (${job.name}) at ${chosen.sha.slice(0, 8)}`],
    writes: [{ op: 'update_run', runId, version, patch: { state: 'running', deployment: chosen } }],
    effects: [
      { kind: 'play_job', run: runId, how, jobId: job.id, name: job.name },
      ...statusOf(run),
    ],
  };
}

/** The job runs already, whoever started it: it is only followed. */
function adopt(run: Run, chosen: Deployment, why: string): Moved {
  const { id: runId, version } = run;
  const deployment: Deployment = { ...chosen, state: 'running' };
  return {
    reasons: [why],
    writes: [{ op: 'update_run', runId, version, patch: { state: 'running', deployment } }],
    effects: statusOf(run),
  };
}

function succeeded(run: Run, ended: Deployment, snapshot: Snapshot, note?: string): Moved {
  const deployment: Deployment = { ...ended, state: 'success' };
  const feedback = { deployment, ...(note === undefined ? {} : { note }) };
  const moved = enterStage(run, nextStage(run), snapshot, feedback);
  return { ...moved, reasons: [`deployed to ${ended.environment}`, ...moved.reasons] };
}

function failed(run: Run, ended: Deployment, verdict: Verdict): Moved {
  return stop(run, verdict, { ...ended, state: 'failed' });
}

function stop(run: Run, verdict: Verdict, deployment?: Deployment | null): Moved {
  const also = deployment === undefined ? {} : { deployment };
  return ended(run, verdict, also);
}

function inEnvironment(past: readonly PastDeployment[], environment: string): PastDeployment[] {
  return past.filter((one) => one.environment === environment);
}

/** Minutes the run has stood in its stage. */
function waited(run: Run, snapshot: Snapshot): number {
  return (snapshot.now.getTime() - run.stageSince.getTime()) / MINUTE_MS;
}
