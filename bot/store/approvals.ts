/** At which head the bot last saw a person approve a change, or take the approval back. */
import type { Db } from './db.ts';

export async function noteApproval(
  db: Db,
  approval: { repoId: number; changeIid: number; userId: number; sha: string; given: boolean },
): Promise<void> {
  const { repoId, changeIid, userId, sha, given } = approval;
  await db.query(
    `insert into approvals (repo_id, change_iid, user_id, sha, given) values ($1, $2, $3, $4, $5)
     on conflict (repo_id, change_iid, user_id)
     do update set sha = excluded.sha, given = excluded.given, seen_at = now()`,
    [repoId, changeIid, userId, sha, given],
    'approvals_note',
  );
}

/** Approvals of a change that were seen at another head than this one count as taken back. */
export async function voidApprovals(
  db: Db,
  change: { repoId: number; changeIid: number; exceptAt: string },
): Promise<void> {
  await db.query(
    `update approvals set given = false
     where repo_id = $1 and change_iid = $2 and given and sha <> $3`,
    [change.repoId, change.changeIid, change.exceptAt],
    'approvals_void',
  );
}

/** The head at which each person's last approval was seen, by user id; taken back ones are left out. */
export async function approvedHeads(
  db: Db,
  repoId: number,
  changeIid: number,
): Promise<Map<number, string>> {
  const rows = await db.query<{ userId: number; sha: string }>(
    `select user_id as "userId", sha from approvals
     where repo_id = $1 and change_iid = $2 and given`,
    [repoId, changeIid],
    'approvals_of_change',
  );
  return new Map(rows.map((row) => [row.userId, row.sha]));
}
