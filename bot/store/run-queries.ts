/** Finding runs: by target, by change, by requester, and those that have to be looked at. */
import type { RunRole, TargetType } from '../domain/runs.ts';
import type { Db } from './db.ts';
import { ACTIVE, RUN_COLUMNS, type RunRow } from './runs.ts';

/** The run that is queued, running or paused for a target in a role. */
export async function activeRun(
  db: Db,
  repoId: number,
  targetType: TargetType,
  targetIid: number,
  role: RunRole = 'main',
): Promise<RunRow | null> {
  const rows = await db.query<RunRow>(
    `select ${RUN_COLUMNS} from runs
     where repo_id = $1 and target_type = $2 and target_iid = $3 and role = $4 and ${ACTIVE}`,
    [repoId, targetType, targetIid, role],
    'runs_active',
  );
  return rows[0] ?? null;
}

/** The newest run of a target in a role, whatever its state. */
export async function latestRun(
  db: Db,
  repoId: number,
  targetType: TargetType,
  targetIid: number,
  role: RunRole = 'main',
): Promise<RunRow | null> {
  const rows = await db.query<RunRow>(
    `select ${RUN_COLUMNS} from runs
     where repo_id = $1 and target_type = $2 and target_iid = $3 and role = $4
     order by id desc limit 1`,
    [repoId, targetType, targetIid, role],
    'runs_latest',
  );
  return rows[0] ?? null;
}

/** How many runs a person started in a project within the last `hours`. */
export async function countRunsBy(
  db: Db,
  repoId: number,
  requesterId: number,
  hours: number,
): Promise<number> {
  const rows = await db.query<{ count: number }>(
    `select count(*) as count from runs where repo_id = $1 and requester_id = $2
       and created_at > now() - make_interval(secs => $3::float8 * 3600)`,
    [repoId, requesterId, hours],
    'runs_by_requester',
  );
  return rows[0]?.count ?? 0;
}

/**
 * The run that one of a change's roles, specification or code, belongs to: an active one before those
 * that are over, the run that made the change before looks at it, then the newest.
 */
export async function runByChange(
  db: Db,
  repoId: number,
  changeIid: number,
): Promise<RunRow | null> {
  const rows = await db.query<RunRow>(
    `select ${RUN_COLUMNS} from runs where repo_id = $1 and (change_iid = $2 or spec_iid = $2)
     order by ${ACTIVE} desc, target_type = 'issue' desc, id desc limit 1`,
    [repoId, changeIid],
    'runs_by_change',
  );
  return rows[0] ?? null;
}

/**
 * The newest run that waits for a pipeline of the default branch to deploy from: the one whose job it
 * started, or the one whose merge the pipeline is about.
 */
export async function deployingRun(
  db: Db,
  repoId: number,
  pipelineId: number,
  sha: string,
): Promise<RunRow | null> {
  const rows = await db.query<RunRow>(
    `select ${RUN_COLUMNS} from runs where repo_id = $1 and ${ACTIVE} and waits_for = 'checks'
       and (merged_sha = $3 or (deployment->>'pipelineId')::bigint = $2)
     order by id desc limit 1`,
    [repoId, pipelineId, sha],
    'runs_deploying',
  );
  return rows[0] ?? null;
}

/** Runs that wait and that nothing touched for a while; longest wait first. */
export async function quietRuns(
  db: Db,
  waitsFor: 'checks' | 'person',
  seconds: number,
  limit: number,
): Promise<number[]> {
  const rows = await db.query<{ id: number }>(
    `select id from runs where state in ('queued', 'running') and waits_for = $1
       and updated_at < now() - make_interval(secs => $2::float8) order by updated_at limit $3`,
    [waitsFor, seconds, limit],
    'runs_quiet',
  );
  return rows.map((row) => row.id);
}

/** Deferred runs whose date has come by the database's clock, longest due first. */
export async function dueRuns(db: Db, limit: number): Promise<{ id: number; until: Date }[]> {
  return db.query<{ id: number; until: Date }>(
    `select id, paused_until as until from runs
     where state = 'paused' and paused_until <= now() order by paused_until limit $1`,
    [limit],
    'runs_due',
  );
}

/** Active runs with a running agent whose status comment is older than `seconds`. */
export async function staleStatusRuns(
  db: Db,
  seconds: number,
  limit: number,
): Promise<{ id: number; repoId: number }[]> {
  return db.query<{ id: number; repoId: number }>(
    `select r.id, r.repo_id as "repoId" from attempts a
       join runs r on r.id = a.run_id and r.role = 'main'
       join effects e on e.run_id = r.id and e.kind = 'status_comment' and e.state = 'done'
     where a.state = 'running' and r.${ACTIVE}
       and e.settled_at < now() - make_interval(secs => $1::float8)
       and a.heartbeat_at > e.settled_at
     order by r.id limit $2`,
    [seconds, limit],
    'runs_stale_status',
  );
}

/** Active runs that were started for an epic's run. */
export async function activeChildren(db: Db, parentRunId: number): Promise<number[]> {
  const rows = await db.query<{ id: number }>(
    `select id from runs where parent_run_id = $1 and state in ('queued', 'running', 'paused')
     order by id`,
    [parentRunId],
    'runs_active_children',
  );
  return rows.map((row) => row.id);
}

/** A run in a few words: what an epic's run has to know of its children. */
export interface NewestRun {
  id: number;
  targetIid: number;
  state: RunRow['state'];
  stage: string;
  verdict: RunRow['verdict'];
  finishedAt: Date | null;
  spentMicrousd: number;
}

/** The newest run of each of these issues, whoever started it; issues without a run are left out. */
export async function newestRunsOf(
  db: Db,
  repoId: number,
  iids: readonly number[],
): Promise<NewestRun[]> {
  return db.query<NewestRun>(
    `select distinct on (r.target_iid) r.id, r.target_iid as "targetIid", r.state, r.stage, r.verdict,
       r.finished_at as "finishedAt",
       (select coalesce(sum(t.spent_microusd), 0)::bigint from tasks t where t.run_id = r.id)
         as "spentMicrousd"
     from runs r
     where r.repo_id = $1 and r.target_type = 'issue' and r.role = 'main'
       and r.target_iid = any($2::int[])
     order by r.target_iid, r.id desc`,
    [repoId, iids],
    'runs_newest_of',
  );
}
