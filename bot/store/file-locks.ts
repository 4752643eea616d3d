/** Claims of runs on files, one row per file: told to people, waited for, and taken over when expired. */
import type { FileClaim } from '../domain/snapshot.ts';
import type { TargetType } from '../domain/runs.ts';
import { requireTransaction, type Db } from './db.ts';

/** A claim counts while it has not expired and its run may still act. */
const LIVE = `locks.expires_at > now() and exists (select 1 from runs
  where runs.id = locks.run_id and runs.state in ('queued', 'running', 'paused'))`;

/** A claim that is older than this part of its time is renewed: few writes, few changed texts. */
const RENEW_BELOW = 0.5;

/**
 * Claims the paths that no other run has, for `hours`, and returns them; a caller that wants all or
 * none rolls back when some are missing. Sorted, so that two claims never wait for each other.
 */
export async function claimFiles(
  db: Db,
  claim: { repoId: number; runId: number; paths: readonly string[]; hours: number },
): Promise<string[]> {
  requireTransaction(db, 'claimFiles');
  const { repoId, runId, hours } = claim;
  const paths = [...new Set(claim.paths)].toSorted();
  if (paths.length === 0) return [];
  const rows = await db.query<{ path: string }>(
    `insert into locks (repo_id, path, run_id, expires_at)
     select $1, path, $2, now() + make_interval(secs => $4::float8 * 3600)
     from unnest($3::text[]) with ordinality as wanted (path, at) order by at
     on conflict (repo_id, path) do update
       set run_id = excluded.run_id, expires_at = excluded.expires_at
       where locks.run_id = excluded.run_id or not (${LIVE})
     returning path`,
    [repoId, runId, paths, hours],
  );
  return rows.map(({ path }) => path);
}

/** Gives up a run's claims: those on some paths, or all. */
export async function releaseFiles(
  db: Db,
  runId: number,
  paths: readonly string[] | null = null,
): Promise<void> {
  await db.query(
    'delete from locks where run_id = $1 and ($2::text[] is null or path = any($2))',
    [runId, paths],
    'locks_release',
  );
}

/** Keeps the claims of runs at work for `hours` from now; those of paused runs run out. */
export async function renewFiles(db: Db, hours: number): Promise<void> {
  await db.query(
    `update locks set expires_at = now() + make_interval(secs => $1::float8 * 3600)
     from runs where runs.id = locks.run_id and runs.state in ('queued', 'running')
       and locks.expires_at < now() + make_interval(secs => $1::float8 * 3600 * $2::float8)`,
    [hours, RENEW_BELOW],
    'locks_renew',
  );
}

interface ClaimRow {
  path: string;
  runId: number;
  targetType: TargetType;
  targetIid: number;
  requester: string;
  until: Date;
}

const CLAIM = `select locks.path, locks.run_id as "runId", runs.target_type as "targetType",
  runs.target_iid as "targetIid", runs.requester_name as requester, locks.expires_at as until
  from locks join runs on runs.id = locks.run_id`;

/** Live claims of other runs on some paths, by path. */
export async function claimsOfOthers(
  db: Db,
  repoId: number,
  runId: number,
  paths: readonly string[],
): Promise<FileClaim[]> {
  if (paths.length === 0) return [];
  const rows = await db.query<ClaimRow>(
    `${CLAIM} where locks.repo_id = $1 and locks.path = any($2::text[]) and locks.run_id <> $3
       and ${LIVE} order by locks.path`,
    [repoId, paths, runId],
    'locks_of_others',
  );
  return rows.map(toClaim);
}

/** What a run has claimed and not lost, by path. */
export async function claimsOfRun(db: Db, runId: number): Promise<FileClaim[]> {
  const rows = await db.query<ClaimRow>(
    `${CLAIM} where locks.run_id = $1 and ${LIVE} order by locks.path`,
    [runId],
    'locks_of_run',
  );
  return rows.map(toClaim);
}

function toClaim({ targetType, targetIid, ...claim }: ClaimRow): FileClaim {
  return { ...claim, target: { type: targetType, iid: targetIid } };
}
