/** Purpose: what the bot says about deployments that did not happen, and how to go on. */
import type { DeployFacts, DeployJob, PastDeployment } from '../domain/deploys.ts';
import type { Verdict } from '../domain/outcomes.ts';
import { TASKS } from '../domain/task-types.ts';
import { stageOf, type Deployment, type Run } from '../domain/runs.ts';
import type { Snapshot } from '../domain/snapshot.ts';
import { code } from './text.ts';

type Pipeline = NonNullable<DeployFacts['pipeline']>;

/** True when the deployment is what was asked for, not what follows a merge. */
export function isWish(run: Run): boolean {
  return run.context.workflow.stages.every(
    (stage) =>
      stage.kind === 'deploy' || (stage.kind === 'task' && TASKS[stage.task].delivers === 'plan'),
  );
}

/** What has happened before, for a sentence to follow; '' when nothing did. */
export function merged(run: Run): string {
  const { code: change } = run.changes;
  if (run.mergedSha === null || change?.iid == null) return '';
  const as = run.mergedSha === '' ? '' : ` as ${short(run.mergedSha)}`;
  return `!${change.iid} was merged${as}. `;
}

/** Said when a run is cancelled: what was started is not stopped half-way. */
export function goesOn(run: Run): string {
  const { deployment } = run;
  if (deployment === null || stageOf(run)?.kind !== 'deploy') return '';
  if (deployment.state !== 'asked' && deployment.state !== 'running') return '';
  return (
    ` The deployment to ${code(deployment.environment)} is not stopped half-way: where its ` +
    `[job](${deployment.url}) was started, it goes on to its end.`
  );
}

export function stoodThere(): string {
  return 'It stood there already.';
}

export function redPipeline(
  run: Run,
  pipeline: Pipeline,
  sha: string,
  failedJobs: readonly string[],
): Verdict {
  const names = failedJobs.slice(0, 5).map((name) => code(name));
  const which = names.length === 0 ? '' : ` (${names.join(', ')})`;
  return needsHuman(
    run,
    `The ${pipelineOf(run, pipeline, sha)} failed${which}, so nothing was deployed.`,
    `Mend ${branch(run)}, then ${deploy(run)}.`,
  );
}

export function cancelledPipeline(run: Run, pipeline: Pipeline, sha: string): Verdict {
  return needsHuman(
    run,
    `The ${pipelineOf(run, pipeline, sha)} was cancelled, so nothing was deployed.`,
    `${deploy(run)} deploys the head of ${branch(run)}.`,
  );
}

export function latePipeline(
  run: Run,
  pipeline: Pipeline,
  sha: string,
  snapshot: Snapshot,
): Verdict {
  const minutes = snapshot.settings.limits.verifyMinutes;
  return needsHuman(
    run,
    `The ${pipelineOf(run, pipeline, sha)} had not passed after ${minutes} min ` +
      `(it is ${code(pipeline.status)}), so nothing was deployed.`,
    `Look at what it waits for, then ${deploy(run)}.`,
  );
}

export function missingPipeline(run: Run, sha: string, minutes: number): Verdict {
  return {
    kind: 'needs-human',
    cause:
      `No pipeline of ${branch(run)} at ${short(sha)} appeared within ${minutes} min, ` +
      'so nothing was deployed.',
    next: `Run a pipeline of ${branch(run)}, then ${deploy(run)}.`,
  };
}

export function noDeployJob(run: Run): Verdict {
  return {
    kind: 'refused',
    cause: `The pipelines of ${branch(run)} have no deploy job, so there is nothing to start.`,
    next: `Include \`ci-templates/jobs/deploy.yml\` in \`.gitlab-ci.yml\`, then ${deploy(run)}.`,
  };
}

/** No environment is named and there are several, or the one that is named is not among them. */
export function chooseOne(run: Run, wanted: string | null, some: readonly string[]): Verdict {
  const known = some.toSorted();
  const there = known.slice(0, 10).map((name) => code(name));
  const list = there.length === 1 ? `${there[0]} only` : there.join(', ');
  const command = isBack(run) ? 'rollback' : 'deploy';
  const cause =
    wanted === null
      ? `There are several environments (${list}), and nothing says which one is meant.`
      : `There is no deploy job for ${code(wanted)}; there is one for ${list}.`;
  const next =
    `Name one, e.g. ${code(`/autodev ${command} ${known[0] ?? 'staging'}`)}; ` +
    '`deploy.environment` in `.autodev.yml` says it for good.';
  if (isWish(run)) return { kind: 'refused', cause, next };
  return needsHuman(run, `${cause} Nothing was deployed.`, next);
}

export function nothingDeployed(): Verdict {
  return {
    kind: 'refused',
    cause: 'No deploy job of the template has deployed anything here yet.',
    next: '`/autodev deploy` deploys the head of the default branch.',
  };
}

export function nothingBefore(environment: string): Verdict {
  return {
    kind: 'refused',
    cause: `There is no earlier successful deployment to ${code(environment)} to put back.`,
    next: `${code(`/autodev deploy ${environment}`)} deploys the head of the default branch.`,
  };
}

export function underWay(environment: string): Verdict {
  return {
    kind: 'refused',
    cause: `A deployment to ${code(environment)} is under way.`,
    next: `Wait for its end or cancel its job, then ${code(`/autodev rollback ${environment}`)}.`,
  };
}

export function failedDeployment(
  run: Run,
  deployment: Deployment,
  job: DeployJob,
  back: PastDeployment | null,
): Verdict {
  const { environment } = deployment;
  const how = job.status === 'failed' ? 'failed' : 'was cancelled';
  const why = job.failureReason === null ? '' : `: ${code(job.failureReason)}`;
  const again = code(`/autodev ${isBack(run) ? 'rollback' : 'deploy'} ${environment}`);
  const next =
    back === null || isBack(run)
      ? `Look at the job’s log, then ${again} tries again.`
      : `${code(`/autodev rollback ${environment}`)} puts ${short(back.sha)} back; ` +
        `${again} tries again.`;
  return needsHuman(run, `The ${what(deployment)} ${how}${why}.`, next);
}

export function blockedDeployment(run: Run, deployment: Deployment, minutes: number): Verdict {
  return needsHuman(
    run,
    `The ${what(deployment)} has waited ${minutes} min for another one to end.`,
    'End or cancel the other one; the job starts then by itself, unless you cancel it.',
  );
}

export function noRunner(run: Run, deployment: Deployment, minutes: number): Verdict {
  return {
    kind: 'no-runner',
    cause: `${merged(run)}No runner took the ${what(deployment)} in ${minutes} min.`,
    next: 'Add a runner for its tags; the job starts then by itself, unless you cancel it.',
  };
}

export function notStarted(run: Run, error: string): { cause: string; next: string } {
  const { deployment } = run;
  const where = deployment === null ? '' : ` to ${code(deployment.environment)}`;
  return {
    cause: `The job that deploys${where} could not be started: ${code(error, 300)}.`,
    next: `Look at it on its [page](${deployment?.url ?? ''}), then ${deploy(run)} tries again.`,
  };
}

export function jobGone(run: Run, deployment: Deployment): Verdict {
  return needsHuman(
    run,
    `The ${what(deployment)} cannot be followed: its job is gone.`,
    `${code(`/autodev deploy ${deployment.environment}`)} starts it again.`,
  );
}

function needsHuman(run: Run, sentence: string, next: string): Verdict {
  return { kind: 'needs-human', cause: `${merged(run)}${sentence}`, next };
}

function isBack(run: Run): boolean {
  const stage = stageOf(run);
  return stage?.kind === 'deploy' && stage.to === 'back';
}

function what(deployment: Deployment): string {
  const { environment, sha, url } = deployment;
  return `[deployment](${url}) of ${short(sha)} to ${code(environment)}`;
}

function pipelineOf(run: Run, pipeline: Pipeline, sha: string): string {
  return `[pipeline](${pipeline.url}) of ${branch(run)} at ${short(sha)}`;
}

function deploy(run: Run): string {
  const { environment } = run.context;
  return code(environment === null ? '/autodev deploy' : `/autodev deploy ${environment}`);
}

function branch(run: Run): string {
  return code(run.context.defaultBranch);
}

function short(sha: string): string {
  return code(sha.slice(0, 8));
}
