/**
 * Deployments are the repository's own jobs (docs/adr/0009): what the template ci-templates/jobs/deploy.yml
 * calls them, how they stand, and which one a rollback runs again. Pure.
 */

/** The template names its jobs so; jobs with other names are never started by the bot. */
const JOB_PREFIX = 'autodev-deploy-';
/** What the template takes for the name of an environment. */
const ENVIRONMENT = /^[A-Za-z0-9](?:[A-Za-z0-9_./-]{0,61}[A-Za-z0-9])?$/;

/** A job of a pipeline, as far as deployments need it. */
export interface DeployJob {
  id: number;
  name: string;
  /** GitLab's statuses; unknown ones pass through as text. */
  status: string;
  pipelineId: number;
  /** Its failure leaves the pipeline green. */
  allowFailure: boolean;
  url: string;
  failureReason: string | null;
}

/** A deployment as the forge remembers it. */
export interface PastDeployment {
  id: number;
  environment: string;
  /** `created`, `running`, `success`, `failed`, `canceled`, `skipped` or `blocked`. */
  status: string;
  sha: string;
  /** The job that deployed; null when it was made by API or the job is gone. */
  job: { id: number; name: string; pipelineId: number } | null;
}

/** What a deploy stage has to know; read only while a run stands in one. */
export interface DeployFacts {
  /** The commit that is to be deployed; null where an earlier deployment is put back. */
  sha: string | null;
  /** The default branch's newest pipeline of that commit that has a deploy job, else the newest. */
  pipeline: { id: number; status: string; url: string } | null;
  /** Deploy jobs of that pipeline, or the job that a rollback runs again. */
  jobs: DeployJob[];
  /** Other jobs of that pipeline that failed and may not. */
  failedJobs: string[];
  /** Environments the configuration has jobs for; null when there is a pipeline to look at instead. */
  configured: string[] | null;
  /** The job that the run started, as it is now; null before that, or when it is gone. */
  started: DeployJob | null;
  /** Deployments by the template's jobs of the environment in question, or of all; newest first. */
  past: PastDeployment[];
}

/** The environment a job of the template deploys to; null for every other job. */
export function environmentOfJob(name: string): string | null {
  return name.startsWith(JOB_PREFIX) ? name.slice(JOB_PREFIX.length) : null;
}

/** What somebody wrote behind a command as the name of an environment; null when it is none. */
export function environmentNamed(text: string): string | null {
  const word = text.trim();
  return ENVIRONMENT.test(word) ? word : null;
}

/** Deployments that the template's own jobs made in their own environment. */
export function byTemplate(all: readonly PastDeployment[]): PastDeployment[] {
  return all.filter(
    ({ job, environment }) => job !== null && environmentOfJob(job.name) === environment,
  );
}

/**
 * The deployment that a rollback puts back: after one that failed, the newest that succeeded; else the
 * newest of the commit that stood there before the present one. Deployments of one environment, newest
 * first; null when there is nothing to go back to.
 */
export function rollbackTarget(past: readonly PastDeployment[]): PastDeployment | null {
  const good = past.filter(({ status }) => status === 'success');
  const [present] = good;
  const last = past.find(({ status }) => ENDED.has(status));
  if (present === undefined || last?.status !== 'success') return present ?? null;
  // After a rollback the present commit is older than what stood there last: going back goes further.
  const first = good.findLastIndex(({ sha }) => sha === present.sha);
  const before = good.slice(first + 1).find(({ sha }) => sha !== present.sha);
  return before === undefined ? null : (good.find(({ sha }) => sha === before.sha) ?? null);
}

const ENDED: ReadonlySet<string> = new Set(['success', 'failed', 'canceled']);
