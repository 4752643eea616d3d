/** Runs: the journey of one issue or change, at most one active per target and role. */
import type { Verdict, RunState } from '../domain/outcomes.ts';
import type { RunContext, RunRole, TargetType } from '../domain/runs.ts';
import { requireTransaction, type Db } from './db.ts';

export interface RunRow {
  id: number;
  repoId: number;
  targetType: TargetType;
  targetIid: number;
  role: RunRole;
  command: string;
  args: string;
  requesterId: number;
  requesterName: string;
  triggerNoteId: number | null;
  triggerDiscussionId: string | null;
  state: RunState;
  stage: string;
  /** What the run was started with and must not change under it. */
  context: RunContext;
  /** Set once, at the end. */
  verdict: Verdict | null;
  statusNoteId: number | null;
  branch: string | null;
  changeIid: number | null;
  changeUrl: string | null;
  headSha: string | null;
  specBranch: string | null;
  specIid: number | null;
  specUrl: string | null;
  specSha: string | null;
  round: number;
  waitsFor: 'checks' | 'person' | null;
  gateNote: string | null;
  /** Grows with every update; an update names the version it was computed from. */
  version: number;
  createdAt: Date;
  updatedAt: Date;
  finishedAt: Date | null;
}

export interface NewRun {
  repoId: number;
  targetType: TargetType;
  targetIid: number;
  role?: RunRole;
  command: string;
  args?: string;
  requesterId: number;
  requesterName: string;
  triggerNoteId?: number | null;
  triggerDiscussionId?: string | null;
  state: RunState;
  stage: string;
  context: RunContext;
  branch?: string | null;
  changeIid?: number | null;
  changeUrl?: string | null;
  headSha?: string | null;
  /** The target's status comment, when an earlier run made it. */
  statusNoteId?: number | null;
}

/** Absent fields stay; `finishedAt` follows the state by itself. */
export type RunPatch = Partial<
  Pick<
    RunRow,
    | 'state'
    | 'stage'
    | 'context'
    | 'verdict'
    | 'statusNoteId'
    | 'branch'
    | 'changeIid'
    | 'changeUrl'
    | 'headSha'
    | 'specBranch'
    | 'specIid'
    | 'specUrl'
    | 'specSha'
    | 'round'
    | 'waitsFor'
    | 'gateNote'
  >
>;

const ACTIVE = `state in ('queued', 'running', 'paused')`;

const COLUMNS = `id, repo_id as "repoId", target_type as "targetType", target_iid as "targetIid",
  role, command, args, requester_id as "requesterId", requester_name as "requesterName",
  trigger_note_id as "triggerNoteId", trigger_discussion_id as "triggerDiscussionId", state, stage,
  context, verdict, status_note_id as "statusNoteId", branch, change_iid as "changeIid",
  change_url as "changeUrl", head_sha as "headSha", spec_branch as "specBranch",
  spec_iid as "specIid", spec_url as "specUrl", spec_sha as "specSha", round,
  waits_for as "waitsFor", gate_note as "gateNote", version, created_at as "createdAt",
  updated_at as "updatedAt", finished_at as "finishedAt"`;

/** Starts a run; null when its target already has an active run in that role. */
export async function insertRun(db: Db, run: NewRun): Promise<RunRow | null> {
  const rows = await db.query<RunRow>(
    `insert into runs (repo_id, target_type, target_iid, role, command, args, requester_id,
       requester_name, trigger_note_id, trigger_discussion_id, state, stage, context, branch,
       change_iid, change_url, head_sha, status_note_id)
     values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18)
     on conflict (repo_id, target_type, target_iid, role) where ${ACTIVE} do nothing
     returning ${COLUMNS}`,
    [
      run.repoId,
      run.targetType,
      run.targetIid,
      run.role ?? 'main',
      run.command,
      run.args ?? '',
      run.requesterId,
      run.requesterName,
      run.triggerNoteId ?? null,
      run.triggerDiscussionId ?? null,
      run.state,
      run.stage,
      JSON.stringify(run.context),
      run.branch ?? null,
      run.changeIid ?? null,
      run.changeUrl ?? null,
      run.headSha ?? null,
      run.statusNoteId ?? null,
    ],
    'runs_insert',
  );
  return rows[0] ?? null;
}

export async function runById(db: Db, id: number): Promise<RunRow | null> {
  const rows = await db.query<RunRow>(
    `select ${COLUMNS} from runs where id = $1`,
    [id],
    'runs_by_id',
  );
  return rows[0] ?? null;
}

/** The run that is queued, running or paused for a target in a role. */
export async function activeRun(
  db: Db,
  repoId: number,
  targetType: TargetType,
  targetIid: number,
  role: RunRole = 'main',
): Promise<RunRow | null> {
  const rows = await db.query<RunRow>(
    `select ${COLUMNS} from runs
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
    `select ${COLUMNS} from runs
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

/** The newest run that one of a change's roles, specification or code, belongs to. */
export async function runByChange(
  db: Db,
  repoId: number,
  changeIid: number,
): Promise<RunRow | null> {
  const rows = await db.query<RunRow>(
    `select ${COLUMNS} from runs where repo_id = $1 and (change_iid = $2 or spec_iid = $2)
     order by id desc limit 1`,
    [repoId, changeIid],
    'runs_by_change',
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
    `select id from runs where ${ACTIVE} and waits_for = $1
       and updated_at < now() - make_interval(secs => $2::float8) order by updated_at limit $3`,
    [waitsFor, seconds, limit],
    'runs_quiet',
  );
  return rows.map((row) => row.id);
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

/**
 * Writes facts that are true for every decision (ids, links), whatever the run's version; inside a
 * transaction only. Nothing happens when there is no such run.
 */
export async function patchRun(db: Db, id: number, patch: RunPatch): Promise<void> {
  requireTransaction(db, 'patchRun');
  const [run] = await db.query<{ version: number }>(
    'select version from runs where id = $1 for update',
    [id],
  );
  if (run) await updateRun(db, id, run.version, patch);
}

/** Writes a patch over the version it was computed from; false when the run moved on meanwhile. */
export async function updateRun(
  db: Db,
  id: number,
  expectedVersion: number,
  patch: RunPatch,
): Promise<boolean> {
  // Fields that are undefined are not in the JSON, so `?` tells "leave it" from "set it to null".
  const rows = await db.query(
    `update runs set version = version + 1, updated_at = now(),
       state = case when p ? 'state' then p->>'state' else state end,
       stage = case when p ? 'stage' then p->>'stage' else stage end,
       context = case when p ? 'context' then p->'context' else context end,
       verdict = case when p ? 'verdict' then nullif(p->'verdict', 'null') else verdict end,
       status_note_id = case when p ? 'statusNoteId'
         then (p->>'statusNoteId')::bigint else status_note_id end,
       branch = case when p ? 'branch' then p->>'branch' else branch end,
       change_iid = case when p ? 'changeIid' then (p->>'changeIid')::int else change_iid end,
       change_url = case when p ? 'changeUrl' then p->>'changeUrl' else change_url end,
       head_sha = case when p ? 'headSha' then p->>'headSha' else head_sha end,
       spec_branch = case when p ? 'specBranch' then p->>'specBranch' else spec_branch end,
       spec_iid = case when p ? 'specIid' then (p->>'specIid')::int else spec_iid end,
       spec_url = case when p ? 'specUrl' then p->>'specUrl' else spec_url end,
       spec_sha = case when p ? 'specSha' then p->>'specSha' else spec_sha end,
       round = case when p ? 'round' then (p->>'round')::int else round end,
       waits_for = case when p ? 'waitsFor' then p->>'waitsFor' else waits_for end,
       gate_note = case when p ? 'gateNote' then p->>'gateNote' else gate_note end,
       finished_at = case when not p ? 'state' then finished_at
         when p->>'state' in ('queued', 'running', 'paused') then null
         else coalesce(finished_at, now()) end
     from (select $3::jsonb as p) as patch
     where id = $1 and version = $2 returning id`,
    [id, expectedVersion, JSON.stringify(patch)],
    'runs_update',
  );
  return rows.length > 0;
}
