/**
 * Reports for the one job of a merge request pipeline that the bot started for them. Which ones follows
 * from the pipeline alone; a pipeline that was started for something else gets empty ones, so that its
 * job ends well.
 */
import type { Request, Response } from 'express';
import type { ReportsResponse } from '../../schema/wire/job-api.ts';
import { noReports } from '../domain/reports.ts';
import { reportsOfPipeline, reportsUnderWay } from '../store/reports.ts';
import { repoByProject } from '../store/repos.ts';
import { sendError } from './api-error.ts';
import { identify, RETRY_SECONDS, type JobApiDeps } from './job-auth.ts';

/** POST /api/job/reports */
export async function reports(
  request: Request,
  response: Response,
  deps: JobApiDeps,
): Promise<void> {
  const identity = await identify(request, response, deps);
  if (!identity) return;
  if (identity.userId !== (await deps.botUserId())) {
    const message = 'Reports are for pipelines that the bot started.';
    sendError(response, 403, 'not_yours', message);
    return;
  }
  const repo = await repoByProject(deps.db, 'gitlab', identity.projectId);
  const found = repo && (await reportsOfPipeline(deps.db, repo.id, identity.pipelineId));
  if (repo && !found && (await reportsUnderWay(deps.db, repo.id))) {
    response.setHeader('Retry-After', String(RETRY_SECONDS));
    sendError(response, 503, 'not_ready', 'The pipeline is being recorded.', 'Ask again shortly.');
    return;
  }
  const answer: ReportsResponse = found ?? noReports(deps.now());
  response.json(answer);
}
