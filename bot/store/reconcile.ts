/** Whose turn it is to look for missed events, and what is known before the forge is asked. */
import type { Db } from './db.ts';

/** A project whose turn has come, leased to the caller. */
export interface DuePoll {
  repoId: number;
  /** Up to when missed events were looked for, by the forge's clock; null: never so far. */
  reconciledUntil: Date | null;
  createdAt: Date;
}

/**
 * Takes the longest overdue project for `leaseSeconds`; null when none is due. `owner` must be new for
 * every claim (newLeaseOwner).
 */
export async function claimPoll(
  db: Db,
  owner: string,
  leaseSeconds: number,
): Promise<DuePoll | null> {
  const rows = await db.query<DuePoll>(
    `update repos set poll_owner = $1, next_poll_at = now() + make_interval(secs => $2::float8)
     where id = (select id from repos where forge = 'gitlab' and next_poll_at <= now()
       order by next_poll_at limit 1 for update skip locked)
     returning id as "repoId", reconciled_until as "reconciledUntil", created_at as "createdAt"`,
    [owner, leaseSeconds],
    'polls_claim',
  );
  return rows[0] ?? null;
}

/** Keeps a project for `leaseSeconds` from now. False when it was lost: stop. */
export async function renewPoll(
  db: Db,
  repoId: number,
  owner: string,
  leaseSeconds: number,
): Promise<boolean> {
  const rows = await db.query(
    `update repos set next_poll_at = now() + make_interval(secs => $3::float8)
     where id = $1 and poll_owner = $2 returning id`,
    [repoId, owner, leaseSeconds],
    'polls_renew',
  );
  return rows.length > 0;
}

/**
 * Gives a project back, to be looked at again after `againSeconds`. `until` moves forward only; null
 * leaves it. Nothing happens when `owner` lost the lease.
 */
export async function finishPoll(
  db: Db,
  repoId: number,
  owner: string,
  end: { until: Date | null; againSeconds: number },
): Promise<void> {
  await db.query(
    `update repos set poll_owner = null, next_poll_at = now() + make_interval(secs => $3::float8),
       reconciled_until = greatest(reconciled_until, $4::timestamptz)
     where id = $1 and poll_owner = $2`,
    [repoId, owner, end.againSeconds, end.until],
    'polls_finish',
  );
}

/** An active run, by what people can touch on the forge. */
export interface ActiveTarget {
  runId: number;
  issueIid: number | null;
  /** Its specification's change and its code's. */
  changeIids: number[];
  /** An agent works: nothing else looks at the forge for it. */
  working: boolean;
}

/** The active runs of a project, oldest first. */
export async function activeTargets(db: Db, repoId: number): Promise<ActiveTarget[]> {
  const rows = await db.query<{
    runId: number;
    issueIid: number | null;
    working: boolean;
    specIid: number | null;
    changeIid: number | null;
  }>(
    `select id as "runId", case when target_type = 'issue' then target_iid end as "issueIid",
       waits_for is null and state <> 'paused' as working,
       spec_iid as "specIid", change_iid as "changeIid"
     from runs where repo_id = $1 and state in ('queued', 'running', 'paused') order by id`,
    [repoId],
    'runs_active_targets',
  );
  return rows.map(({ specIid, changeIid, ...target }) => ({
    ...target,
    changeIids: [specIid, changeIid].filter((iid) => iid !== null),
  }));
}

/** Parent pipelines whose jobs did not claim their attempts within `seconds`, oldest first. */
export async function unclaimedPipelines(
  db: Db,
  repoId: number,
  seconds: number,
  limit: number,
): Promise<number[]> {
  const rows = await db.query<{ id: number }>(
    `select pipeline_id as id from attempts
     where repo_id = $1 and state = 'waiting' and pipeline_id is not null
       and created_at <= now() - make_interval(secs => $2::float8)
     group by pipeline_id order by pipeline_id limit $3`,
    [repoId, seconds, limit],
    'attempts_unclaimed',
  );
  return rows.map((row) => row.id);
}

/** Notes what the forge says about the project's hook; returns what it said before. */
export async function noteHookAlert(
  db: Db,
  repoId: number,
  alert: string | null,
): Promise<string | null> {
  const [row] = await db.query<{ before: string | null }>(
    `update repos set hook_alert = $2 from (select id, hook_alert from repos where id = $1) as old
     where repos.id = old.id returning old.hook_alert as before`,
    [repoId, alert],
  );
  return row?.before ?? null;
}

/** How many projects have a hook that the forge does not send just now. */
export async function silentHooks(db: Db): Promise<number> {
  const [row] = await db.query<{ count: number }>(
    `select count(*) as count from repos where hook_alert in ('temporarily_disabled', 'disabled')`,
    [],
    'repos_silent_hooks',
  );
  return row?.count ?? 0;
}
