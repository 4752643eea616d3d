/**
 * Things to do to the outside world, as rows: asked for with the state, done under a lease,
 * receipted.
 */
import type { Effect, EffectKind, Receipt } from '../domain/effects.ts';
import type { Db } from './db.ts';
import { jsonb } from './json.ts';

export type EffectState = 'pending' | 'done' | 'failed' | 'dropped';

export interface EffectRow {
  id: number;
  repoId: number;
  runId: number | null;
  attemptId: number | null;
  kind: EffectKind;
  key: string;
  payload: Effect;
  state: EffectState;
  /** Grows when a status comment is asked for again; a settle names the revision it wrote. */
  revision: number;
  /** Set before the first write left the bot: from then on the outcome is read back. */
  startedAt: Date | null;
  /** Claims so far, the current one included. */
  attempts: number;
  notBefore: Date;
  leaseUntil: Date | null;
  leaseOwner: string | null;
  /** Names one claim; writes with an older fence are refused. */
  fence: number;
  receipt: Receipt | null;
  error: string | null;
  createdAt: Date;
  settledAt: Date | null;
}

export interface NewEffect {
  repoId: number;
  runId?: number | null;
  attemptId?: number | null;
  kind: EffectKind;
  /** The same thing asked for twice has the same key. */
  key: string;
  payload: Effect;
  /** Due so much later; by default at once. */
  delaySeconds?: number;
}

/** The one kind whose key is used again and again: the newest text wins. */
const COALESCED_KIND = 'status_comment';

const COLUMNS = `id, repo_id as "repoId", run_id as "runId", attempt_id as "attemptId", kind, key,
  payload, state, revision, started_at as "startedAt", attempts, not_before as "notBefore",
  lease_until as "leaseUntil", lease_owner as "leaseOwner", fence, receipt, error,
  created_at as "createdAt", settled_at as "settledAt"`;

/**
 * Asks for an effect. On an existing key nothing changes, except for a status comment: its payload
 * is replaced, its revision grows and it is pending again (no later than it already was, when it
 * waited). While it is applied, what it waited for is past: it is due again when it is asked for now.
 */
export async function putEffect(
  db: Db,
  effect: NewEffect,
): Promise<{ id: number; inserted: boolean }> {
  const [row] = await db.query<{ id: number; inserted: boolean }>(
    `insert into effects (repo_id, run_id, attempt_id, kind, key, payload, not_before)
     values ($1, $2, $3, $4, $5, $6, now() + make_interval(secs => $7::float8))
     on conflict (key) do update set
       payload = excluded.payload, run_id = excluded.run_id, revision = effects.revision + 1,
       not_before = case when effects.state <> 'pending'
           or (effects.lease_until > now() and effects.not_before = effects.lease_until)
         then excluded.not_before else least(effects.not_before, excluded.not_before) end,
       state = 'pending', attempts = 0, error = null, settled_at = null
     where effects.kind = '${COALESCED_KIND}' and excluded.kind = '${COALESCED_KIND}'
     returning id, revision = 1 as inserted`,
    [
      effect.repoId,
      effect.runId ?? null,
      effect.attemptId ?? null,
      effect.kind,
      effect.key,
      jsonb(effect.payload),
      effect.delaySeconds ?? 0,
    ],
    'effects_put',
  );
  if (row !== undefined) return row;
  const [there] = await db.query<{ id: number }>('select id from effects where key = $1', [
    effect.key,
  ]);
  return { id: (there as { id: number }).id, inserted: false };
}

/**
 * Takes an effect for `leaseSeconds` under a new fence; null when it is settled, not due or held. A status
 * comment is not due before its lease ends, until it is asked for once more.
 */
export async function claimEffect(
  db: Db,
  id: number,
  owner: string,
  leaseSeconds: number,
): Promise<EffectRow | null> {
  const rows = await db.query<EffectRow>(
    `update effects set fence = fence + 1, attempts = attempts + 1, lease_owner = $2,
       lease_until = now() + make_interval(secs => $3::float8),
       not_before = case when kind = '${COALESCED_KIND}'
         then now() + make_interval(secs => $3::float8) else not_before end
     where id = $1 and state = 'pending' and not_before <= now()
       and (lease_until is null or lease_until <= now())
     returning ${COLUMNS}`,
    [id, owner, leaseSeconds],
    'effects_claim',
  );
  return rows[0] ?? null;
}

/**
 * Says that a write is about to leave the bot. False when the lease was lost or the effect dropped:
 * do not write.
 */
export async function startEffect(db: Db, id: number, fence: number): Promise<boolean> {
  const rows = await db.query(
    `update effects set started_at = coalesce(started_at, now())
     where id = $1 and fence = $2 and state = 'pending' and lease_until > now() returning id`,
    [id, fence],
    'effects_start',
  );
  return rows.length > 0;
}

/** Keeps a claim for `leaseSeconds` from now. False when another claim took over: stop. */
export async function renewEffect(
  db: Db,
  id: number,
  fence: number,
  leaseSeconds: number,
): Promise<boolean> {
  const rows = await db.query(
    `update effects set lease_until = now() + make_interval(secs => $3::float8),
       not_before = case when not_before = lease_until
         then now() + make_interval(secs => $3::float8) else not_before end
     where id = $1 and fence = $2 and state = 'pending' and lease_owner is not null returning id`,
    [id, fence, leaseSeconds],
    'effects_renew',
  );
  return rows.length > 0;
}

/**
 * How the end of a claim was taken: `settled`; `asked_again` when the revision moved meanwhile, so that the receipt
 * is kept and the effect is due again when it was asked for; `lost` when another claim took over, and nothing is written.
 */
export type EffectEnd = 'settled' | 'asked_again' | 'lost';

/** Ends an effect. */
export async function settleEffect(
  db: Db,
  id: number,
  fence: number,
  revision: number,
  outcome: { state: 'done' | 'failed' | 'dropped'; receipt?: Receipt; error?: string },
): Promise<EffectEnd> {
  const rows = await db.query<{ settled: boolean }>(
    `update effects set
       state = case when revision = $3 then $4 else state end,
       settled_at = case when revision = $3 then now() end,
       error = case when revision = $3 then $6 end,
       receipt = coalesce($5::jsonb, receipt),
       lease_until = null, lease_owner = null
     where id = $1 and fence = $2 and state = 'pending'
     returning revision = $3 as settled`,
    [
      id,
      fence,
      revision,
      outcome.state,
      outcome.receipt === undefined ? null : jsonb(outcome.receipt),
      outcome.error ?? null,
    ],
    'effects_settle',
  );
  const [row] = rows;
  if (row === undefined) return 'lost';
  return row.settled ? 'settled' : 'asked_again';
}

/** Gives an effect back to be tried again after a delay. False when the claim was lost. */
export async function retryEffect(
  db: Db,
  id: number,
  fence: number,
  retry: { delaySeconds: number; error: string },
): Promise<boolean> {
  const rows = await db.query(
    `update effects set error = $4, not_before = now() + make_interval(secs => $3::float8),
       lease_until = null, lease_owner = null
     where id = $1 and fence = $2 and state = 'pending' returning id`,
    [id, fence, retry.delaySeconds, retry.error],
  );
  return rows.length > 0;
}

/** Effects that wait for a worker, longest due first; `turn` is how often each was claimed. */
export async function dueEffects(db: Db, limit: number): Promise<{ id: number; turn: number }[]> {
  return db.query(
    `select id, fence as turn from effects
     where state = 'pending' and not_before <= now()
       and (lease_until is null or lease_until <= now())
     order by not_before limit $1`,
    [limit],
    'effects_due',
  );
}

export async function effectById(db: Db, id: number): Promise<EffectRow | null> {
  const rows = await db.query<EffectRow>(`select ${COLUMNS} from effects where id = $1`, [id]);
  return rows[0] ?? null;
}

/** Effects of a run, oldest first. */
export async function effectsOfRun(db: Db, runId: number): Promise<EffectRow[]> {
  return db.query<EffectRow>(
    `select ${COLUMNS} from effects where run_id = $1 order by id`,
    [runId],
    'effects_of_run',
  );
}

/**
 * Drops what a run asked for and nobody began to do; returns how many. Begun effects go on: their
 * outcome has to be known.
 */
export async function dropEffects(db: Db, runId: number, kinds?: EffectKind[]): Promise<number> {
  const rows = await db.query(
    `update effects set state = 'dropped', settled_at = now(),
       lease_until = null, lease_owner = null
     where run_id = $1 and state = 'pending' and started_at is null
       and ($2::text[] is null or kind = any($2)) returning id`,
    [runId, kinds ?? null],
  );
  return rows.length;
}
