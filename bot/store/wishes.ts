/** Wishes that were acted on: what a webhook and the poll that makes up for it must not do twice. */
import { requireTransaction, type Db } from './db.ts';

/** How a wish is looked for; the meaning of the keys stands in domain/wishes.ts. */
export interface WishKeys {
  /** Any of these in memory means: it was acted on. */
  known: readonly string[];
  /** When it was made, by the forge's clock; null where the key names it for good. */
  at: Date | null;
  /** Two within so many seconds of each other are one. */
  withinSeconds: number;
}

/** What stands in for the time of a wish that its key names for good. */
const ALWAYS = new Date(0);

/** True when the wish was acted on before. */
export async function wishKnown(db: Db, repoId: number, wish: WishKeys): Promise<boolean> {
  const rows = await db.query(
    `select 1 from wishes where repo_id = $1 and key = any($2)
       and made_at between $3::timestamptz - make_interval(secs => $4::float8)
         and $3::timestamptz + make_interval(secs => $4::float8) limit 1`,
    [repoId, wish.known, wish.at ?? ALWAYS, wish.withinSeconds],
    'wishes_known',
  );
  return rows.length > 0;
}

/**
 * Remembers that a wish is acted on; inside the transaction that does it. False when somebody else did
 * so meanwhile: roll back then.
 */
export async function recordWish(
  db: Db,
  repoId: number,
  wish: WishKeys & { keys: readonly string[] },
  deliveryId: string,
): Promise<boolean> {
  requireTransaction(db, 'recordWish');
  // Two deliveries of one note may speak about different runs, so the lock of the run does not do.
  for (const key of [...wish.known].toSorted()) {
    await db.query('select pg_advisory_xact_lock(hashtextextended($1, 3))', [
      `wish ${repoId} ${key}`,
    ]);
  }
  if (await wishKnown(db, repoId, wish)) return false;
  for (const key of wish.keys) {
    await db.query(
      `insert into wishes (repo_id, key, made_at, delivery_id) values ($1, $2, $3, $4)
       on conflict do nothing`,
      [repoId, key, wish.at ?? ALWAYS, deliveryId],
      'wishes_insert',
    );
  }
  return true;
}
