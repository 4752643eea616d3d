/** What GitLab says about a merge request's tests (ForgeChecks). Rules: gitlab-facts §3.1 and §4.8. */
import { z } from 'zod';
import type { ForgeChecks, PipelineEnd } from '../checks.ts';
import { listDiffs } from './diffs.ts';
import { parseAnswer, parseExpanded } from './resources.ts';
import type { Resources } from './resources.ts';
import { PipelineAnswer, toPipeline } from './shapes.ts';

/** Successful pipelines of a branch that are looked at for one that tells its coverage. */
const LOOKED_AT = 3;

const EndAnswer = z.object({
  finished_at: z.string().nullish(),
  /** A number as text, e.g. `87.50`. */
  coverage: z.union([z.string(), z.number()]).nullish(),
});

const Count = z.number().int().nullish();

const SummaryAnswer = z.object({
  total: z.object({ count: Count, success: Count, failed: Count, skipped: Count, error: Count }),
});

const ReportAnswer = z.object({
  success_count: Count,
  failed_count: Count,
  skipped_count: Count,
  error_count: Count,
});

type Counts = Pick<PipelineEnd, 'passed' | 'failed' | 'skipped'>;

function percent(coverage: z.infer<typeof EndAnswer>['coverage']): number | null {
  const value = typeof coverage === 'string' ? Number.parseFloat(coverage) : coverage;
  return value === null || value === undefined || Number.isNaN(value) ? null : value;
}

/**
 * The summary is filled in the background a moment after a job ends, so an empty one is held against
 * the report itself, which GitLab makes from the uploaded files when it is asked.
 */
async function countTests(api: Resources, projectId: number, pipelineId: number): Promise<Counts> {
  const of = `of pipeline ${pipelineId} in project ${projectId}`;
  const answer: unknown = await api.pipelines.showTestReportSummary(projectId, pipelineId);
  const { total } = parseAnswer(SummaryAnswer, answer, `GET test report summary ${of}`);
  if ((total.count ?? 0) > 0) {
    return {
      passed: total.success ?? 0,
      failed: (total.failed ?? 0) + (total.error ?? 0),
      skipped: total.skipped ?? 0,
    };
  }
  const whole: unknown = await api.pipelines.showTestReport(projectId, pipelineId);
  const row = parseAnswer(ReportAnswer, whole, `GET test report ${of}`);
  return {
    passed: row.success_count ?? 0,
    failed: (row.failed_count ?? 0) + (row.error_count ?? 0),
    skipped: row.skipped_count ?? 0,
  };
}

async function endOf(api: Resources, projectId: number, pipelineId: number) {
  const answer: unknown = await api.pipelines.show(projectId, pipelineId);
  const row = parseAnswer(EndAnswer, answer, `GET pipeline ${pipelineId} of project ${projectId}`);
  const endedAt = Date.parse(row.finished_at ?? '');
  return {
    endedAt: Number.isNaN(endedAt) ? null : new Date(endedAt),
    coverage: percent(row.coverage),
  };
}

export function createGitLabChecks(api: Resources): ForgeChecks {
  return {
    async testFacts(projectId, pipelineId) {
      const [end, counts] = await Promise.all([
        endOf(api, projectId, pipelineId),
        countTests(api, projectId, pipelineId),
      ]);
      return { ...end, ...counts };
    },

    /** Pipelines that the bot started for its agents tell none; they are passed over with the others. */
    async coverageOf(projectId, branch) {
      const what = `GET pipelines of ${branch} in project ${projectId}`;
      const answer: unknown = await api.pipelines.all(projectId, {
        ref: branch,
        status: 'success',
        orderBy: 'id',
        sort: 'desc',
        page: 1,
        perPage: 20,
        showExpanded: true,
      });
      const { data } = parseAnswer(z.object({ data: z.array(PipelineAnswer) }), answer, what);
      const own = data.filter(({ source }) => source !== 'api').slice(0, LOOKED_AT);
      for (const { id } of own) {
        const { coverage } = await endOf(api, projectId, id);
        if (coverage !== null) return coverage;
      }
      return null;
    },

    async createChangePipeline(projectId, iid) {
      const answer: unknown = await api.mergeRequests.createPipeline(projectId, iid, {
        showExpanded: true,
      });
      const what = `POST pipeline of merge request ${projectId}!${iid}`;
      return { ...toPipeline(parseExpanded(PipelineAnswer, answer, what).data), changeIid: iid };
    },

    async diffs(projectId, iid) {
      const files = await listDiffs(api, projectId, iid);
      return files.map((file) => ({ path: file.new_path, diff: file.diff ?? '' }));
    },
  };
}
