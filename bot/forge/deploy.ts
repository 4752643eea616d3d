/** Deployments: the role of a forge that starts the repository's own deploy jobs and tells how they went. */
import type { DeployJob, PastDeployment } from '../domain/deploys.ts';

export interface ForgeDeploy {
  /** The newest job of every name in a pipeline, trigger jobs left out. */
  jobs(projectId: number, pipelineId: number): Promise<DeployJob[]>;
  job(projectId: number, jobId: number): Promise<DeployJob>;
  /**
   * Starts a manual job. On a job that has run already GitLab makes a new one instead, so look at it
   * first. `denied`: a protected branch or environment does not admit the bot. `invalid`: no manual job.
   */
  play(projectId: number, jobId: number): Promise<DeployJob>;
  /** Runs a job that is over once more; the answer is a new job. `denied`: not allowed, or not the newest. */
  retry(projectId: number, jobId: number): Promise<DeployJob>;
  /** Newest first, at most 100 of them. */
  deployments(
    projectId: number,
    query: { environment?: string; status?: 'success' },
  ): Promise<PastDeployment[]>;
  /** Names of the jobs that the CI configuration of a ref has, rules aside; null when it is not valid. */
  configuredJobs(projectId: number, ref: string): Promise<string[] | null>;
}
