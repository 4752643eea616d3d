/** Attempts at tasks. Each has a fence; only the newest fence of a task may write. */
import type { AttemptLoss } from '../domain/events.ts';
import type { Attempt, AttemptSpec, AttemptState } from '../domain/runs.ts';
import type { Refusal } from '../domain/budgets.ts';
import type { Cooled } from '../domain/cool-downs.ts';
import type { JobResult } from '../../schema/wire/result.ts';
import { lockRunMoney, spendHolds } from './budgets.ts';
import type { Db } from './db.ts';
import { jsonb } from './json.ts';

export type AttemptEnd = Extract<AttemptState, 'finished' | 'lost' | 'cancelled'>;

export interface AttemptRow {
  id: number;
  taskId: number;
  runId: number;
  repoId: number;
  fence: number;
  /** Attempts that started together share one launch and its pipeline. */
  launchId: number;
  state: AttemptState;
  /** The frozen TaskSpec and the child pipeline's settings. */
  spec: AttemptSpec;
  ref: string;
  /** The commit of its pipeline. */
  sha: string;
  /** The commit the agent is given, when that is another one. */
  workSha: string | null;
  pipelineId: number | null;
  pipelineUrl: string | null;
  childPipelineId: number | null;
  jobId: number | null;
  heartbeatAt: Date | null;
  progress: Attempt['progress'];
  claimBy: Date | null;
  deadlineAt: Date | null;
  tokenExpiresAt: Date | null;
  result: JobResult | null;
  cause: string | null;
  /** The budget that refused a call of it last. */
  refusal: Refusal | null;
  /** Cool-downs it met, by `provider/model`. */
  cooled: Record<string, Cooled>;
  createdAt: Date;
  claimedAt: Date | null;
  endedAt: Date | null;
}

/** An attempt for people to look at. */
export type AttemptSummary = Omit<AttemptRow, 'spec'>;

export interface NewAttempt {
  taskId: number;
  launchId: number;
  runId: number;
  repoId: number;
  spec: AttemptSpec;
  ref: string;
  sha: string;
  workSha?: string | null;
}

const SUMMARY = `id, task_id as "taskId", run_id as "runId", repo_id as "repoId", fence,
  launch_id as "launchId", state, ref, sha, work_sha as "workSha", pipeline_id as "pipelineId", pipeline_url as "pipelineUrl",
  child_pipeline_id as "childPipelineId", job_id as "jobId", heartbeat_at as "heartbeatAt",
  progress, claim_by as "claimBy", deadline_at as "deadlineAt", token_expires_at as "tokenExpiresAt",
  result,
  cause, refusal, cooled, created_at as "createdAt", claimed_at as "claimedAt", ended_at as "endedAt"`;
const OPEN = `state in ('requested', 'waiting', 'running')`;
/** No newer attempt at the same task has taken its place. */
export const NEWEST = `not exists (select 1 from attempts newer
  where newer.task_id = attempts.task_id and newer.fence > attempts.fence)`;

/**
 * Starts the next try at a task: its fence is one above all earlier ones, which may not write any
 * more.
 */
export async function insertAttempt(db: Db, attempt: NewAttempt): Promise<AttemptRow> {
  return db.tx(async (tx) => {
    await tx.query('select 1 from tasks where id = $1 for update', [attempt.taskId]);
    const [row] = await tx.query<AttemptRow>(
      `insert into attempts
         (task_id, run_id, repo_id, fence, state, spec, ref, sha, launch_id, work_sha)
       select $1, $2, $3, coalesce(max(fence), 0) + 1, 'requested', $4, $5, $6, $7, $8
       from attempts where task_id = $1
       returning ${SUMMARY}, spec`,
      [
        attempt.taskId,
        attempt.runId,
        attempt.repoId,
        jsonb(attempt.spec),
        attempt.ref,
        attempt.sha,
        attempt.launchId,
        attempt.workSha ?? null,
      ],
    );
    return row as AttemptRow;
  });
}

export async function attemptById(db: Db, id: number): Promise<AttemptRow | null> {
  const rows = await db.query<AttemptRow>(
    `select ${SUMMARY}, spec from attempts where id = $1`,
    [id],
    'attempts_by_id',
  );
  return rows[0] ?? null;
}

/** Attempts of a run, oldest first. */
export async function attemptsOfRun(db: Db, runId: number): Promise<AttemptSummary[]> {
  return db.query<AttemptSummary>(
    `select ${SUMMARY} from attempts where run_id = $1 order by id`,
    [runId],
    'attempts_of_run',
  );
}

/** Attempts whose launch runs in a parent pipeline, oldest first. */
export async function attemptsByPipeline(
  db: Db,
  repoId: number,
  pipelineId: number,
): Promise<AttemptRow[]> {
  return db.query<AttemptRow>(
    `select ${SUMMARY}, spec from attempts where repo_id = $1 and pipeline_id = $2 order by id`,
    [repoId, pipelineId],
    'attempts_by_pipeline',
  );
}

/** Attempts of a run with their specs, oldest first. */
export async function attemptRowsOfRun(db: Db, runId: number): Promise<AttemptRow[]> {
  return db.query<AttemptRow>(
    `select ${SUMMARY}, spec from attempts where run_id = $1 order by id`,
    [runId],
    'attempts_rows_of_run',
  );
}

/** Attempts of a launch, oldest first. */
export async function attemptsOfLaunch(db: Db, launchId: number): Promise<AttemptRow[]> {
  return db.query<AttemptRow>(
    `select ${SUMMARY}, spec from attempts where launch_id = $1 order by id`,
    [launchId],
    'attempts_of_launch',
  );
}

export interface AttemptClaim {
  /** The id token's `jti`: it claims once in the life of the database. */
  jti: string;
  jobId: number | null;
  childPipelineId: number | null;
  /** SHA-256 of the attempt token; the token itself is never stored. */
  tokenHash: Uint8Array;
  /** From now on, by the database's clock, as everything that limits an attempt. */
  tokenSeconds: number;
  deadlineSeconds: number;
}

/**
 * A job takes its attempt. `taken`: it was claimed before, or this id token was used before;
 * `gone`: the attempt ended, a newer one replaced it, or there is none.
 */
export async function claimAttempt(
  db: Db,
  id: number,
  claim: AttemptClaim,
): Promise<'claimed' | 'taken' | 'gone'> {
  return db.tx(async (tx) => {
    // Two claims with one id token would meet in the unique index; here the second one waits
    // instead.
    await tx.query('select pg_advisory_xact_lock(hashtextextended($1, 1))', [claim.jti]);
    const used = await tx.query('select 1 from attempts where jti = $1', [claim.jti]);
    if (used.length > 0) return 'taken';
    const claimed = await tx.query(
      `update attempts set state = 'running', jti = $2, job_id = $3, child_pipeline_id = $4,
         token_hash = $5,
         token_expires_at = now() + make_interval(secs => $6::float8),
         deadline_at = now() + make_interval(secs => $7::float8),
         claimed_at = now(), heartbeat_at = now()
       where id = $1 and state in ('requested', 'waiting') and ${NEWEST} returning id`,
      [
        id,
        claim.jti,
        claim.jobId,
        claim.childPipelineId,
        Buffer.from(claim.tokenHash),
        claim.tokenSeconds,
        claim.deadlineSeconds,
      ],
    );
    if (claimed.length > 0) return 'claimed';
    const running = await tx.query(
      `select 1 from attempts where id = $1 and state = 'running' and ${NEWEST}`,
      [id],
    );
    return running.length > 0 ? 'taken' : 'gone';
  });
}

/** The attempt a token stands for while it may still write: running, not expired, newest fence. */
export async function attemptByToken(db: Db, tokenHash: Uint8Array): Promise<AttemptRow | null> {
  const rows = await db.query<AttemptRow>(
    `select ${SUMMARY}, spec from attempts
     where token_hash = $1 and state = 'running' and token_expires_at > now() and ${NEWEST}`,
    [Buffer.from(tokenHash)],
    'attempts_by_token',
  );
  return rows[0] ?? null;
}

/** Notes that a job is alive, what it does and which messages it has. `gone`: it must stop. */
export async function heartbeat(
  db: Db,
  id: number,
  beat: { progress: NonNullable<Attempt['progress']>; seen: number },
): Promise<'ok' | 'gone'> {
  const rows = await db.query(
    `update attempts set heartbeat_at = now(), progress = $2,
       message_id = greatest(message_id, $3::bigint)
     where id = $1 and state = 'running' and ${NEWEST} returning id`,
    [id, jsonb(beat.progress), beat.seen],
    'attempts_heartbeat',
  );
  return rows.length > 0 ? 'ok' : 'gone';
}

/**
 * Ends an open attempt: its token dies and money it still held counts as spent. False when it had ended
 * before, or when an attempt that is not the newest wants to finish with a result.
 */
export async function finishAttempt(
  db: Db,
  id: number,
  end: { state: AttemptEnd; cause: string | null; result?: JobResult },
): Promise<boolean> {
  return db.tx(async (tx) => {
    const [attempt] = await tx.query<{ runId: number }>(
      'select run_id as "runId" from attempts where id = $1',
      [id],
    );
    if (attempt === undefined) return false;
    await lockRunMoney(tx, attempt.runId);
    const ended = await tx.query(
      `update attempts set state = $2, cause = $3, result = $4, ended_at = now(),
         token_hash = null, token_expires_at = null
       where id = $1 and ${OPEN} and ($2 <> 'finished' or ${NEWEST}) returning id`,
      [id, end.state, end.cause, end.result === undefined ? null : jsonb(end.result)],
    );
    if (ended.length === 0) return false;
    await spendHolds(tx, id);
    return true;
  });
}

/** An open attempt that broke a time limit, and which. */
export interface OverdueAttempt extends AttemptSummary {
  reason: Extract<AttemptLoss, 'no_runner' | 'no_heartbeat' | 'deadline'>;
}

/** Open attempts that nobody claimed in time, that fell silent, or whose time is over; oldest first. */
export async function openAttempts(
  db: Db,
  filter: { heartbeatSeconds: number; limit: number },
): Promise<OverdueAttempt[]> {
  return db.query<OverdueAttempt>(
    `select * from (
       select ${SUMMARY}, case
         when deadline_at <= now() then 'deadline'
         when state = 'running' and heartbeat_at <= now() - make_interval(secs => $1::float8)
           then 'no_heartbeat'
         when state <> 'running' and claim_by <= now() then 'no_runner'
       end as reason
       from attempts where ${OPEN}) as open
     where reason is not null order by id limit $2`,
    [filter.heartbeatSeconds, filter.limit],
    'attempts_overdue',
  );
}

/** Open attempts of a project whose pipeline is not recorded yet, oldest first. */
export async function requestedAttempts(db: Db, repoId: number): Promise<AttemptSummary[]> {
  return db.query<AttemptSummary>(
    `select ${SUMMARY} from attempts
     where repo_id = $1 and pipeline_id is null and ${OPEN} order by id`,
    [repoId],
  );
}
