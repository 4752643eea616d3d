/**
 * Starting the repository's own deploy job. GitLab's `play` of a job that ran already runs it once more, so
 * the job is always looked at first: a deployment must not happen twice because an answer was lost.
 */
import type { DeployJob } from '../../domain/deploys.ts';
import type { Receipt } from '../../domain/effects.ts';
import { isActive } from '../../domain/outcomes.ts';
import { stageOf } from '../../domain/runs.ts';
import { ForgeError } from '../../forge/errors.ts';
import { loadRun } from '../load-run.ts';
import type { EffectContext } from './context.ts';

const ENDED: ReadonlySet<string> = new Set(['success', 'failed', 'canceled', 'skipped']);
/** Set aside, or not yet where it could be played. */
const UNSTARTED: ReadonlySet<string> = new Set(['created', 'skipped', 'manual']);

/** Plays or retries the job, or finds that it was started; refusals for good become receipts. */
export async function playJob(context: EffectContext<'play_job'>): Promise<Receipt> {
  const { effect, deps } = context;
  const loaded = await loadRun(deps.db, effect.run);
  const run = loaded?.run;
  if (!run || !isActive(run.state) || stageOf(run)?.kind !== 'deploy') {
    return refused('The run went on or ended before the job was started.', '');
  }
  try {
    return effect.how === 'play' ? await play(context) : await retry(context);
  } catch (error) {
    if (!(error instanceof ForgeError)) throw error;
    if (error.kind === 'denied') return await notAllowed(context);
    if (error.kind === 'not_found') {
      return refused(
        `The deploy job ${effect.jobId} is gone, with its pipeline.`,
        'Run a pipeline of the default branch, then `/autodev deploy`.',
      );
    }
    if (error.kind !== 'invalid' && error.kind !== 'conflict') throw error;
    return await notPlayable(context);
  }
}

async function play(context: EffectContext<'play_job'>): Promise<Receipt> {
  const { effect, repo, deps } = context;
  const { deploy } = deps.forge;
  const job = await deploy.job(repo.projectId, effect.jobId);
  if (job.status !== 'manual') {
    return UNSTARTED.has(job.status) ? notPlayable(context) : started(job, true);
  }
  await context.begin();
  return started(await deploy.play(repo.projectId, effect.jobId), false);
}

/** The newest job of the name tells whether an earlier try of this effect came through. */
async function retry(context: EffectContext<'play_job'>): Promise<Receipt> {
  const { effect, repo, again, deps } = context;
  const { deploy } = deps.forge;
  const job = await deploy.job(repo.projectId, effect.jobId);
  const newest = (await deploy.jobs(repo.projectId, job.pipelineId))
    .filter(({ name }) => name === effect.name)
    .reduce((a, b) => (b.id > a.id ? b : a), job);
  const other = newest.id !== effect.jobId;
  if (other && (again || !ENDED.has(newest.status))) return started(newest, true);
  if (other) {
    return refused(
      'Somebody ran the same deploy job again meanwhile.',
      'Look at how it ended, then ask again.',
    );
  }
  await context.begin();
  return started(await deploy.retry(repo.projectId, effect.jobId), false);
}

function started(job: DeployJob, adopted: boolean): Receipt {
  return { kind: 'play_job', outcome: 'started', jobId: job.id, url: job.url, adopted };
}

function refused(cause: string, next: string): Receipt {
  return { kind: 'play_job', outcome: 'refused', cause, next };
}

/** 403: the project is archived, or a protected branch or environment does not admit the bot. */
async function notAllowed(context: EffectContext<'play_job'>): Promise<Receipt> {
  const { effect, repo, deps } = context;
  const [bot, project] = await Promise.all([deps.bot(), deps.forge.read.project(repo.projectId)]);
  if (project.archived) {
    return refused('The project is archived.', 'Unarchive it, then `/autodev deploy`.');
  }
  return refused(
    `GitLab does not let @${bot.username} start the job \`${effect.name}\`. That needs the right to ` +
      'merge into the default branch (Maintainer, unless its protection says otherwise) and, where ' +
      'the environment is protected, a place among those who are allowed to deploy.',
    `Give @${bot.username} that role, or add it under Settings > CI/CD > Protected environments.`,
  );
}

/** 400: GitLab calls the job unplayable; it was played by somebody else, or it is not its turn. */
async function notPlayable(context: EffectContext<'play_job'>): Promise<Receipt> {
  const { effect, repo, deps } = context;
  const job = await deps.forge.deploy.job(repo.projectId, effect.jobId);
  if (!UNSTARTED.has(job.status) && effect.how === 'play') return started(job, true);
  return refused(
    `The job \`${job.name}\` cannot be started: it is ${job.status}.`,
    'Look at its pipeline, then `/autodev deploy`.',
  );
}
