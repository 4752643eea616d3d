/** What runs published with their first commit: tells when two of them made the same changes. */
import type { Db } from './db.ts';
import { requireTransaction } from './db.ts';

/** Candidates that are worth a look at the forge. */
const CANDIDATES = 3;

/** Remembers the first commit on a run's branch; a further one makes it another change: forgotten. */
export async function notePublished(
  db: Db,
  runId: number,
  published: { digest: string; sha: string },
): Promise<void> {
  requireTransaction(db, 'notePublished');
  await db.query(
    `update runs set published_digest = case when branch is null then $2 end,
       published_sha = case when branch is null then $3 end where id = $1`,
    [runId, published.digest, published.sha],
    'runs_published',
  );
}

export interface PublishedRun {
  issueIid: number;
  /** Null: the change is about to be opened. */
  changeIid: number | null;
  sha: string;
}

/** Other runs of the repository whose one commit had this digest and was not merged, newest first. */
export async function runsThatPublished(
  db: Db,
  repoId: number,
  runId: number,
  digest: string,
): Promise<PublishedRun[]> {
  return db.query<PublishedRun>(
    `select target_iid as "issueIid", change_iid as "changeIid", published_sha as sha from runs
     where repo_id = $1 and published_digest = $2 and id <> $3 and merged_sha is null
       and target_type = 'issue'
       and (change_iid is not null or state in ('queued', 'running', 'paused'))
     order by id desc limit $4`,
    [repoId, digest, runId, CANDIDATES],
    'runs_that_published',
  );
}
