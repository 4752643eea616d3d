/** What an attempt's token allows, as the gateway asks before a model call. */
import type { AttemptSpec } from '../domain/runs.ts';
import { NEWEST } from './attempts.ts';
import type { Db } from './db.ts';

export interface TokenGrant {
  attemptId: number;
  taskId: number;
  runId: number;
  repoId: number;
  models: AttemptSpec['models'];
  /** What the repository may spend in a day, as it was when the run started. */
  repoDayCapMicrousd: number;
}

/** Of the attempt that `attemptByToken` finds, what a model call needs; in one small row. */
export async function grantByToken(db: Db, tokenHash: Uint8Array): Promise<TokenGrant | null> {
  const rows = await db.query<TokenGrant>(
    `select id as "attemptId", task_id as "taskId", run_id as "runId", repo_id as "repoId",
       spec -> 'models' as models,
       (select (runs.context ->> 'repoDayCapMicrousd')::float8 from runs
          where runs.id = attempts.run_id) as "repoDayCapMicrousd"
     from attempts
     where token_hash = $1 and state = 'running' and token_expires_at > now() and ${NEWEST}`,
    [Buffer.from(tokenHash)],
    'attempts_grant',
  );
  return rows[0] ?? null;
}
