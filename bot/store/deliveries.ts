/** Inputs as received: stored before they are acknowledged, worked on under a lease. */
import type { Db } from './db.ts';
import { jsonb } from './json.ts';

export type DeliverySource = 'gitlab' | 'github' | 'autodev';
/** `held`: kept for a paused run (held-deliveries.ts). */
export type DeliveryState = 'new' | 'done' | 'ignored' | 'parked' | 'held';

export interface DeliveryRow {
  id: string;
  source: DeliverySource;
  dedupeKey: string;
  eventName: string;
  headers: Record<string, string>;
  body: string;
  state: DeliveryState;
  reason: string | null;
  /** Claims so far, this one included. */
  attempts: number;
  notBefore: Date;
  leaseUntil: Date | null;
  leaseOwner: string | null;
  receivedAt: Date;
  processedAt: Date | null;
}

export interface NewDelivery {
  source: DeliverySource;
  /** The sender's idempotency key, or a key that the same input always gets. */
  dedupeKey: string;
  eventName: string;
  /** Only what normalisation needs; never a secret. */
  headers: Record<string, string>;
  /** Text, or its bytes in UTF-8 without a NUL, which need no turning into text and back. */
  body: string | Buffer;
  /** A timer: not worked on before this moment. */
  notBefore?: Date;
}

const SUMMARY = `id, source, dedupe_key as "dedupeKey", event_name as "eventName", headers, state,
  reason, attempts, not_before as "notBefore", lease_until as "leaseUntil",
  lease_owner as "leaseOwner", received_at as "receivedAt", processed_at as "processedAt"`;

/**
 * Stores an input once per source and dedupe key; `inserted` is false when it was there already.
 */
export async function insertDelivery(
  db: Db,
  delivery: NewDelivery,
): Promise<{ id: string; inserted: boolean }> {
  const [row] = await db.query<{ id: string }>(
    `insert into deliveries (source, dedupe_key, event_name, headers, body, not_before)
     values ($1, $2, $3, $4, $5, coalesce($6::timestamptz, now()))
     on conflict (source, dedupe_key) do nothing returning id`,
    [
      delivery.source,
      delivery.dedupeKey,
      delivery.eventName,
      jsonb(delivery.headers),
      delivery.body,
      delivery.notBefore ?? null,
    ],
    'deliveries_insert',
  );
  if (row !== undefined) return { id: row.id, inserted: true };
  const [there] = await db.query<{ id: string }>(
    'select id from deliveries where source = $1 and dedupe_key = $2',
    [delivery.source, delivery.dedupeKey],
    'deliveries_by_key',
  );
  return { id: (there as { id: string }).id, inserted: false };
}

/** Inputs that go into one statement of `insertDeliveries`. */
export const DELIVERIES_AT_ONCE = 16;

/**
 * Stores several inputs, DELIVERIES_AT_ONCE in a statement; the answers are in the order of the inputs.
 * An input that comes twice is inserted once.
 */
export async function insertDeliveries(
  db: Db,
  deliveries: readonly NewDelivery[],
): Promise<{ id: string; inserted: boolean }[]> {
  const answers: { id: string; inserted: boolean }[] = [];
  for (let at = 0; at < deliveries.length; at += DELIVERIES_AT_ONCE) {
    answers.push(...(await insertSome(db, deliveries.slice(at, at + DELIVERIES_AT_ONCE))));
  }
  return answers;
}

/** One statement, written out: what makes the rows from arrays or JSON takes twice the time. */
async function insertSome(
  db: Db,
  deliveries: readonly NewDelivery[],
): Promise<{ id: string; inserted: boolean }[]> {
  const [only] = deliveries;
  if (deliveries.length === 1 && only !== undefined) return [await insertDelivery(db, only)];
  const values = deliveries.flatMap((delivery) => [
    delivery.source,
    delivery.dedupeKey,
    delivery.eventName,
    jsonb(delivery.headers),
    delivery.body,
    delivery.notBefore ?? null,
  ]);
  const missing = (DELIVERIES_AT_ONCE - deliveries.length) * 6;
  const written = await db.query<{ id: string; source: string; dedupeKey: string }>(
    `insert into deliveries (source, dedupe_key, event_name, headers, body, not_before)
     select source, dedupe_key, event_name, headers, body, coalesce(not_before, now())
     from (values
         ($1::text, $2::text, $3::text, $4::jsonb, $5::text, $6::timestamptz),
         ($7, $8, $9, $10, $11, $12),
         ($13, $14, $15, $16, $17, $18),
         ($19, $20, $21, $22, $23, $24),
         ($25, $26, $27, $28, $29, $30),
         ($31, $32, $33, $34, $35, $36),
         ($37, $38, $39, $40, $41, $42),
         ($43, $44, $45, $46, $47, $48),
         ($49, $50, $51, $52, $53, $54),
         ($55, $56, $57, $58, $59, $60),
         ($61, $62, $63, $64, $65, $66),
         ($67, $68, $69, $70, $71, $72),
         ($73, $74, $75, $76, $77, $78),
         ($79, $80, $81, $82, $83, $84),
         ($85, $86, $87, $88, $89, $90),
         ($91, $92, $93, $94, $95, $96)
       ) as input (source, dedupe_key, event_name, headers, body, not_before)
     where source is not null
     on conflict (source, dedupe_key) do nothing
     returning id, source, dedupe_key as "dedupeKey"`,
    [...values, ...Array.from({ length: missing }, () => null)],
    'deliveries_insert_many',
  );
  const fresh = new Map(written.map((row) => [`${row.source} ${row.dedupeKey}`, row.id]));
  const answers: { id: string; inserted: boolean }[] = [];
  for (const delivery of deliveries) {
    const key = `${delivery.source} ${delivery.dedupeKey}`;
    const id = fresh.get(key);
    fresh.delete(key);
    answers.push(id === undefined ? await insertDelivery(db, delivery) : { id, inserted: true });
  }
  return answers;
}

/**
 * Takes a delivery for `leaseSeconds`. Null when it is settled, not due, or held by a live lease.
 * `owner` must be new for every claim (newLeaseOwner).
 */
export async function claimDelivery(
  db: Db,
  id: string,
  owner: string,
  leaseSeconds: number,
): Promise<DeliveryRow | null> {
  const rows = await db.query<DeliveryRow>(
    `update deliveries set attempts = attempts + 1, lease_owner = $2,
       lease_until = now() + make_interval(secs => $3::float8)
     where id = $1 and state = 'new' and not_before <= now()
       and (lease_until is null or lease_until <= now())
     returning ${SUMMARY}, body`,
    [id, owner, leaseSeconds],
    'deliveries_claim',
  );
  return rows[0] ?? null;
}

/** Keeps a claim for `leaseSeconds` from now. False when it was lost: stop. */
export async function renewDelivery(
  db: Db,
  id: string,
  owner: string,
  leaseSeconds: number,
): Promise<boolean> {
  const rows = await db.query(
    `update deliveries set lease_until = now() + make_interval(secs => $3::float8)
     where id = $1 and lease_owner = $2 and state = 'new' returning id`,
    [id, owner, leaseSeconds],
    'deliveries_renew',
  );
  return rows.length > 0;
}

/** Ends the work on a delivery. False when `owner` does not hold it any more: roll back then. */
export async function settleDelivery(
  db: Db,
  id: string,
  owner: string,
  outcome: { state: Exclude<DeliveryState, 'new' | 'held'>; reason: string | null },
): Promise<boolean> {
  const rows = await db.query(
    `update deliveries set state = $3, reason = $4, processed_at = now(),
       lease_until = null, lease_owner = null
     where id = $1 and lease_owner = $2 and state = 'new' returning id`,
    [id, owner, outcome.state, outcome.reason],
    'deliveries_settle',
  );
  return rows.length > 0;
}

/** Gives a delivery back to be tried again after a delay. False when `owner` lost the lease. */
export async function retryDelivery(
  db: Db,
  id: string,
  owner: string,
  retry: { delaySeconds: number; reason: string },
): Promise<boolean> {
  const rows = await db.query(
    `update deliveries set reason = $4, not_before = now() + make_interval(secs => $3::float8),
       lease_until = null, lease_owner = null
     where id = $1 and lease_owner = $2 and state = 'new' returning id`,
    [id, owner, retry.delaySeconds, retry.reason],
  );
  return rows.length > 0;
}

/** Deliveries that wait for a worker, longest due first; `turn` is how often each was claimed. */
export async function dueDeliveries(
  db: Db,
  limit: number,
): Promise<{ id: string; turn: number }[]> {
  return db.query(
    `select id, attempts as turn from deliveries
     where state = 'new' and not_before <= now() and (lease_until is null or lease_until <= now())
     order by not_before limit $1`,
    [limit],
    'deliveries_due',
  );
}

export async function deliveryById(db: Db, id: string): Promise<DeliveryRow | null> {
  const rows = await db.query<DeliveryRow>(
    `select ${SUMMARY}, body from deliveries where id = $1`,
    [id],
  );
  return rows[0] ?? null;
}

/**
 * Stores a copy of a settled delivery as a new one, due at once, under a key of its own:
 * `replay:<id>:<n>`. Null when there is no such delivery; `waiting` when it is not settled yet.
 */
export async function replayDelivery(
  db: Db,
  id: string,
): Promise<{ id: string; number: number } | 'waiting' | null> {
  return db.tx(async (tx) => {
    const [original] = await tx.query<{ state: DeliveryState }>(
      'select state from deliveries where id = $1 for update',
      [id],
    );
    if (original === undefined) return null;
    if (original.state === 'new' || original.state === 'held') return 'waiting';
    const [copies] = await tx.query<{ count: number }>(
      'select count(*) as count from deliveries where starts_with(dedupe_key, $1)',
      [`replay:${id}:`],
    );
    const number = (copies?.count ?? 0) + 1;
    const [copy] = await tx.query<{ id: string }>(
      `insert into deliveries (source, dedupe_key, event_name, headers, body)
       select source, $2, event_name, headers, body from deliveries where id = $1 returning id`,
      [id, `replay:${id}:${number}`],
    );
    return { id: (copy as { id: string }).id, number };
  });
}

/** Bodies larger than this many characters are not searched. */
const SEARCHED_BODY = 1_000_000;

/**
 * Deliveries of forges whose body holds a text, newest first, looked for among the newest `among`.
 */
export async function recentDeliveriesWith(
  db: Db,
  search: { text: string; among: number; limit: number },
): Promise<DeliveryRow[]> {
  return db.query<DeliveryRow>(
    `select ${SUMMARY}, body from (
       select * from deliveries where source in ('gitlab', 'github')
       order by received_at desc limit $2
     ) as newest
     where length(body) <= $4 and position($1 in body) > 0
     order by received_at desc limit $3`,
    [search.text, search.among, search.limit, SEARCHED_BODY],
  );
}

/** The newest deliveries, newest first, without their bodies. */
export async function recentDeliveries(
  db: Db,
  options: { limit: number },
): Promise<Omit<DeliveryRow, 'body'>[]> {
  return db.query<Omit<DeliveryRow, 'body'>>(
    `select ${SUMMARY} from deliveries order by received_at desc limit $1`,
    [options.limit],
  );
}
