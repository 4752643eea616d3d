/** Runs: the journey of one issue or change, at most one active per target and role. */
import type { CheckFacts } from '../domain/checks.ts';
import type { Verdict, RunState } from '../domain/outcomes.ts';
import type { RunReport } from '../domain/run-report.ts';
import type {
  Allowance,
  Deployment,
  RunContext,
  RunOverrides,
  RunRole,
  TargetType,
} from '../domain/runs.ts';
import { requireTransaction, type Db } from './db.ts';
import { jsonb } from './json.ts';

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
  stageSince: Date;
  waitedSeconds: number;
  stoppedAt: string | null;
  pausedUntil: Date | null;
  pausedBy: string | null;
  overrides: RunOverrides;
  parentRunId: number | null;
  capMicrousd: number;
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
  mergedSha: string | null;
  checks: CheckFacts | null;
  deployment: Deployment | null;
  report: RunReport | null;
  /** Remarks of the last look that were not shown. */
  leftOut: number;
  /** Protected files that a maintainer let through. */
  allowed: Allowance[];
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
  capMicrousd: number;
  parentRunId?: number | null;
  branch?: string | null;
  changeIid?: number | null;
  changeUrl?: string | null;
  headSha?: string | null;
  /** The target's status comment, when an earlier run made it. */
  statusNoteId?: number | null;
}

/** Absent fields stay; `finishedAt` follows the state and `stageSince` the stage by themselves. */
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
    | 'waitedSeconds'
    | 'stoppedAt'
    | 'pausedUntil'
    | 'pausedBy'
    | 'overrides'
    | 'capMicrousd'
    | 'mergedSha'
    | 'checks'
    | 'deployment'
    | 'report'
    | 'requesterId'
    | 'requesterName'
    | 'allowed'
    | 'leftOut'
  >
>;

/** Runs that may still act. */
export const ACTIVE = `state in ('queued', 'running', 'paused')`;

export const RUN_COLUMNS = `id, repo_id as "repoId", target_type as "targetType", target_iid as "targetIid",
  role, command, args, requester_id as "requesterId", requester_name as "requesterName",
  trigger_note_id as "triggerNoteId", trigger_discussion_id as "triggerDiscussionId", state, stage,
  context, verdict, status_note_id as "statusNoteId", branch, change_iid as "changeIid",
  change_url as "changeUrl", head_sha as "headSha", spec_branch as "specBranch",
  spec_iid as "specIid", spec_url as "specUrl", spec_sha as "specSha", round,
  waits_for as "waitsFor", gate_note as "gateNote", stage_since as "stageSince",
  waited_seconds as "waitedSeconds", stopped_at as "stoppedAt", paused_until as "pausedUntil",
  paused_by as "pausedBy", overrides,
  parent_run_id as "parentRunId", cap_microusd as "capMicrousd", merged_sha as "mergedSha",
  checks, deployment, report, allowed, left_out as "leftOut", version, created_at as "createdAt",
  updated_at as "updatedAt", finished_at as "finishedAt"`;

/** Starts a run; null when its target already has an active run in that role. */
export async function insertRun(db: Db, run: NewRun): Promise<RunRow | null> {
  const rows = await db.query<RunRow>(
    `insert into runs (repo_id, target_type, target_iid, role, command, args, requester_id,
       requester_name, trigger_note_id, trigger_discussion_id, state, stage, context, branch,
       change_iid, change_url, head_sha, status_note_id, cap_microusd, parent_run_id)
     values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19,
       $20)
     on conflict (repo_id, target_type, target_iid, role) where ${ACTIVE} do nothing
     returning ${RUN_COLUMNS}`,
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
      jsonb(run.context),
      run.branch ?? null,
      run.changeIid ?? null,
      run.changeUrl ?? null,
      run.headSha ?? null,
      run.statusNoteId ?? null,
      run.capMicrousd,
      run.parentRunId ?? null,
    ],
    'runs_insert',
  );
  return rows[0] ?? null;
}

export async function runById(db: Db, id: number): Promise<RunRow | null> {
  const rows = await db.query<RunRow>(
    `select ${RUN_COLUMNS} from runs where id = $1`,
    [id],
    'runs_by_id',
  );
  return rows[0] ?? null;
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
       stage_since = case when p->>'stage' <> stage then now() else stage_since end,
       waited_seconds = case when p ? 'waitedSeconds'
         then (p->>'waitedSeconds')::int else waited_seconds end,
       stopped_at = case when p ? 'stoppedAt' then p->>'stoppedAt' else stopped_at end,
       paused_until = case when p ? 'pausedUntil'
         then (p->>'pausedUntil')::timestamptz else paused_until end,
       paused_by = case when p ? 'pausedBy' then p->>'pausedBy' else paused_by end,
       overrides = case when p ? 'overrides' then p->'overrides' else overrides end,
       cap_microusd = case when p ? 'capMicrousd'
         then (p->>'capMicrousd')::bigint else cap_microusd end,
       merged_sha = case when p ? 'mergedSha' then p->>'mergedSha' else merged_sha end,
       checks = case when p ? 'checks' then nullif(p->'checks', 'null') else checks end,
       deployment = case when p ? 'deployment'
         then nullif(p->'deployment', 'null') else deployment end,
       requester_id = case when p ? 'requesterId'
         then (p->>'requesterId')::bigint else requester_id end,
       requester_name = case when p ? 'requesterName'
         then p->>'requesterName' else requester_name end,
       report = case when p ? 'report' then nullif(p->'report', 'null') else report end,
       allowed = case when p ? 'allowed' then p->'allowed' else allowed end,
       left_out = case when p ? 'leftOut' then (p->>'leftOut')::int else left_out end,
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
    [id, expectedVersion, jsonb(patch)],
    'runs_update',
  );
  return rows.length > 0;
}
