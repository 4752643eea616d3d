/** Deploy jobs and deployments of GitLab (ForgeDeploy); doc/api/jobs.md, doc/api/deployments.md. */
import { parseAllDocuments } from 'yaml';
import { z } from 'zod';
import type { DeployJob, PastDeployment } from '../../domain/deploys.ts';
import type { ForgeDeploy } from '../deploy.ts';
import { CI_LIMITS } from './ci.ts';
import { lintRef } from './lint.ts';
import { listAll, parseAnswer, parseExpanded } from './resources.ts';
import type { Resources } from './resources.ts';

/** Deployments one question brings: far more than a rollback looks back over. */
const DEPLOYMENTS = 100;

const JobAnswer = z.object({
  id: z.number().int(),
  name: z.string(),
  status: z.string(),
  allow_failure: z.boolean().nullish(),
  failure_reason: z.string().nullish(),
  web_url: z.string().nullish(),
  pipeline: z.object({ id: z.number().int() }).nullish(),
});

const DeploymentAnswer = z.object({
  id: z.number().int(),
  sha: z.string(),
  status: z.string(),
  environment: z.object({ name: z.string() }).nullish(),
  deployable: JobAnswer.nullish(),
});

function toJob(row: z.infer<typeof JobAnswer>): DeployJob {
  return {
    id: row.id,
    name: row.name,
    status: row.status,
    pipelineId: row.pipeline?.id ?? 0,
    allowFailure: row.allow_failure ?? false,
    url: row.web_url ?? '',
    failureReason: row.failure_reason ?? null,
  };
}

function toDeployment(row: z.infer<typeof DeploymentAnswer>): PastDeployment {
  const job = row.deployable;
  return {
    id: row.id,
    environment: row.environment?.name ?? '',
    status: row.status,
    sha: row.sha,
    job: job ? { id: job.id, name: job.name, pipelineId: job.pipeline?.id ?? 0 } : null,
  };
}

/** Keys of a resolved configuration that are no jobs. */
const KEYWORDS: ReadonlySet<string> = new Set([
  'stages',
  'include',
  'workflow',
  'default',
  'variables',
  'spec',
]);

function jobNames(mergedYaml: string): string[] {
  const [document] = [parseAllDocuments(mergedYaml, { logLevel: 'silent' })].flat();
  const jobs: unknown = document?.toJS();
  const names = typeof jobs === 'object' && jobs !== null ? Object.keys(jobs) : [];
  return names.filter((name) => !name.startsWith('.') && !KEYWORDS.has(name));
}

export function createGitLabDeploy(api: Resources): ForgeDeploy {
  return {
    async jobs(projectId, pipelineId) {
      const what = `GET jobs of pipeline ${pipelineId} in project ${projectId}`;
      const rows = await listAll(JobAnswer, what, CI_LIMITS.jobs, (page) =>
        api.jobs.all(projectId, { pipelineId, ...page }),
      );
      return rows.map((row) => ({ ...toJob(row), pipelineId }));
    },

    async job(projectId, jobId) {
      const answer: unknown = await api.jobs.show(projectId, jobId);
      return toJob(parseAnswer(JobAnswer, answer, `GET job ${jobId} of project ${projectId}`));
    },

    async play(projectId, jobId) {
      // gitbeaker's type wants the list; GitLab takes an empty one as none.
      const options = { jobVariablesAttributes: [], showExpanded: true as const };
      const answer: unknown = await api.jobs.play(projectId, jobId, options);
      const what = `POST play of job ${jobId} in project ${projectId}`;
      return toJob(parseExpanded(JobAnswer, answer, what).data);
    },

    async retry(projectId, jobId) {
      const answer: unknown = await api.jobs.retry(projectId, jobId, { showExpanded: true });
      const what = `POST retry of job ${jobId} in project ${projectId}`;
      return toJob(parseExpanded(JobAnswer, answer, what).data);
    },

    async deployments(projectId, query) {
      const answer: unknown = await api.deployments.all(projectId, {
        ...query,
        orderBy: 'id',
        sort: 'desc',
        perPage: DEPLOYMENTS,
        page: 1,
        maxPages: 1,
      });
      const what = `GET deployments of project ${projectId}`;
      return parseAnswer(z.array(DeploymentAnswer), answer, what).map(toDeployment);
    },

    async configuredJobs(projectId, ref) {
      const { valid, mergedYaml } = await lintRef(api, projectId, ref);
      return valid ? jobNames(mergedYaml) : null;
    },
  };
}
