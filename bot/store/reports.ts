/** Reports of pipelines that the bot started to show them, kept in the receipts of their effects. */
import type { RenderedReports } from '../domain/reports.ts';
import type { Db } from './db.ts';

/** The reports that belong into a pipeline; null when it was started for something else. */
export async function reportsOfPipeline(
  db: Db,
  repoId: number,
  pipelineId: number,
): Promise<RenderedReports | null> {
  const rows = await db.query<{ reports: RenderedReports }>(
    `select receipt->'reports' as reports from effects
     where repo_id = $1 and kind = 'publish_reports' and state = 'done'
       and (receipt->>'pipelineId')::bigint = $2
     order by id desc limit 1`,
    [repoId, pipelineId],
    'reports_of_pipeline',
  );
  return rows[0]?.reports ?? null;
}

/** True while a pipeline for reports may have been started that is not recorded yet. */
export async function reportsUnderWay(db: Db, repoId: number): Promise<boolean> {
  const rows = await db.query(
    `select 1 from effects where repo_id = $1 and kind = 'publish_reports'
       and state = 'pending' and started_at is not null limit 1`,
    [repoId],
    'reports_under_way',
  );
  return rows.length > 0;
}

/** Pipelines of a change that the bot started to show reports: they say nothing new about the change. */
export async function reportPipelines(
  db: Db,
  repoId: number,
  changeIid: number,
): Promise<Set<number>> {
  const rows = await db.query<{ id: number }>(
    `select (e.receipt->>'pipelineId')::bigint as id from runs r
       join effects e on e.run_id = r.id and e.kind = 'publish_reports' and e.state = 'done'
     where r.repo_id = $1 and r.change_iid = $2`,
    [repoId, changeIid],
    'reports_pipelines',
  );
  return new Set(rows.map(({ id }) => Number(id)));
}

/** What the run's gate last said, for a pipeline that takes the place of the one it was said on. */
export async function lastGate(
  db: Db,
  runId: number,
  sha: string,
): Promise<{ state: 'pending' | 'success' | 'failed'; text: string } | null> {
  const rows = await db.query<{ state: 'pending' | 'success' | 'failed'; text: string }>(
    `select payload->>'state' as state, payload->>'text' as text from effects
     where run_id = $1 and kind = 'set_gate' and payload->>'sha' = $2 and payload->>'change' = 'code'
     order by id desc limit 1`,
    [runId, sha],
    'reports_last_gate',
  );
  return rows[0] ?? null;
}
