/** Pipelines of GitLab as the bot starts and watches them (ForgeCi). Rules: gitlab-facts §3.1. */
import { z } from 'zod';
import type { ForgeCi, PipelineQuery } from '../forge.ts';
import { listAll, parseAnswer, parseExpanded } from './resources.ts';
import type { Resources } from './resources.ts';
import { PipelineAnswer, toPipeline } from './shapes.ts';

export const CI_LIMITS = {
  /** Pipelines one query may bring; ask with a ref, sha or time to stay below. */
  pipelines: 1_000,
  /** GitLab's own ceiling of a pipeline hierarchy (gitlab-facts §4.3). */
  children: 1_000,
  /** Twice the default ceiling of jobs in one pipeline on GitLab.com Free. */
  jobs: 1_000,
} as const;

const BridgeAnswer = z.object({ downstream_pipeline: PipelineAnswer.nullish() });

const JobAnswer = z.object({
  id: z.number().int(),
  name: z.string(),
  status: z.string(),
  failure_reason: z.string().nullish(),
  tag_list: z.array(z.string()).nullish(),
});

/**
 * `updated_after` bounds the list on every supported version, since a pipeline is never updated before
 * it is created; the rows are then cut by their creation. One second earlier because GitLab compares
 * with "after", the contract with "at or after".
 */
function queryOptions({ createdAfter, ...query }: PipelineQuery) {
  const since = createdAfter === undefined ? undefined : Date.parse(createdAfter);
  return {
    ...query,
    ...(since === undefined ? {} : { updatedAfter: new Date(since - 1_000).toISOString() }),
    orderBy: 'id' as const,
    sort: 'desc' as const,
  };
}

async function listPipelines(api: Resources, projectId: number, query: PipelineQuery) {
  const what = `GET pipelines of project ${projectId}`;
  const rows = await listAll(PipelineAnswer, what, CI_LIMITS.pipelines, (page) =>
    // `source` and `username` pass as they are: GitLab adds sources, gitbeaker lists some.
    api.pipelines.all(projectId, { ...queryOptions(query), ...page } as typeof page),
  );
  const since = query.createdAfter === undefined ? -Infinity : Date.parse(query.createdAfter);
  return rows
    .map((row) => ({ ...toPipeline(row), createdAt: row.created_at ?? '' }))
    .filter((row) => since === -Infinity || Date.parse(row.createdAt) >= since)
    .toSorted((a, b) => b.id - a.id);
}

export function createGitLabCi(api: Resources): ForgeCi {
  return {
    async createPipeline(projectId, ref) {
      const answer: unknown = await api.pipelines.create(projectId, ref, { showExpanded: true });
      const what = `POST pipeline in project ${projectId}`;
      return toPipeline(parseExpanded(PipelineAnswer, answer, what).data);
    },

    async pipeline(projectId, pipelineId) {
      const answer: unknown = await api.pipelines.show(projectId, pipelineId);
      const what = `GET pipeline ${pipelineId} of project ${projectId}`;
      return toPipeline(parseAnswer(PipelineAnswer, answer, what));
    },

    pipelines: (projectId, query) => listPipelines(api, projectId, query),

    /** Trigger jobs may start pipelines of other projects; those are no children. */
    async children(projectId, pipelineId) {
      const what = `GET bridges of pipeline ${pipelineId} in project ${projectId}`;
      const rows = await listAll(BridgeAnswer, what, CI_LIMITS.children, (page) =>
        api.jobs.allPipelineBridges(projectId, pipelineId, page),
      );
      return rows
        .map((row) => row.downstream_pipeline)
        .filter((child) => child !== null && child !== undefined)
        .filter((child) => (child.project_id ?? projectId) === projectId)
        .map(({ id, status }) => ({ id, status }));
    },

    async jobs(projectId, pipelineId) {
      const what = `GET jobs of pipeline ${pipelineId} in project ${projectId}`;
      const rows = await listAll(JobAnswer, what, CI_LIMITS.jobs, (page) =>
        api.jobs.all(projectId, { pipelineId, ...page }),
      );
      return rows.map((row) => ({
        id: row.id,
        name: row.name,
        status: row.status,
        failureReason: row.failure_reason ?? null,
        tags: row.tag_list ?? [],
      }));
    },

    async cancelPipeline(projectId, pipelineId) {
      await api.pipelines.cancel(projectId, pipelineId);
    },

    async changePipelines(projectId, iid) {
      const what = `GET pipelines of merge request ${projectId}!${iid}`;
      const rows = await listAll(PipelineAnswer, what, CI_LIMITS.pipelines, (page) =>
        api.mergeRequests.allPipelines(projectId, iid, page),
      );
      return rows
        .map((row) => ({ ...toPipeline(row), changeIid: iid }))
        .toSorted((a, b) => b.id - a.id);
    },
  };
}
