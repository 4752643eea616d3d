/** Cool-downs of providers and models, by the database's clock, so that all processes agree. */
import type { Cooled, CoolDown, ProviderName } from '../domain/cool-downs.ts';
import type { ModelRoute } from '../../schema/wire/job-api.ts';
import type { Db } from './db.ts';
import { jsonb } from './json.ts';

/** A cool-down as it was read: `leftMs` spares the reader a look at another clock. */
export interface CoolDownRow extends CoolDown {
  /** Milliseconds until the reset time; 0 or less when it is over and nobody has called since. */
  leftMs: number;
}

export interface NewCoolDown extends Pick<CoolDown, 'provider' | 'model' | 'reason' | 'status'> {
  /** What the provider said; null when it named no time. */
  toldMs: number | null;
  /** Without a time: the first cool-down, what each further one is longer by, and the longest. */
  firstMs: number;
  factor: number;
  mostMs: number;
  /** How long ago the call that failed was made. */
  ageMs: number;
}

/** Cool-downs that a provider sets itself and does not keep grow, too, but so many failures later. */
const TOLD_STRIKES = 3;

const COLUMNS = `provider, nullif(model, '') as model, reason, status, strikes, since, until,
  (extract(epoch from until - now()) * 1000)::float8 as "leftMs"`;

/** All cool-downs, also those whose time is over and that no answer has ended yet. */
export async function listCoolDowns(db: Db): Promise<CoolDownRow[]> {
  return db.query<CoolDownRow>(
    `select ${COLUMNS} from providers order by provider, model`,
    [],
    'providers_list',
  );
}

/**
 * Begins a cool-down or makes it longer. Only a call that was made after the last one had ended counts as
 * a further failure: fifty calls that fail together are one. The end of one never comes nearer.
 */
export async function coolDown(db: Db, wish: NewCoolDown): Promise<CoolDownRow> {
  const [row] = await db.query<CoolDownRow>(
    `with wish as (
       select $5::float8 as told, $6::float8 as first, $7::float8 as factor, $8::float8 as most,
         now() - make_interval(secs => $9::float8 / 1000) as made),
     count as (
       select wish.*, 1 + coalesce(max(strikes - case when until <= made then 0 else 1 end), 0) as n
       from wish left join providers on provider = $1 and model = $2
       group by told, first, factor, most, made),
     span as (
       select n, made, make_interval(secs => greatest(coalesce(told, 0), least(most,
         first * power(factor, least(n, 40) - 1 - case when told is null then 0 else $10::int end)))
         / 1000) as lasts
       from count)
     insert into providers (provider, model, reason, status, strikes, until)
     select $1, $2, $3, $4::int, n, now() + lasts from span
     on conflict (provider, model) do update set
       reason = excluded.reason, status = excluded.status, probe_until = null,
       since = case when providers.until <= (select made from span) then now() else providers.since end,
       strikes = greatest(providers.strikes, excluded.strikes),
       until = greatest(providers.until, excluded.until)
     returning ${COLUMNS}`,
    [
      wish.provider,
      wish.model ?? '',
      wish.reason,
      wish.status,
      wish.toldMs,
      wish.firstMs,
      wish.factor,
      wish.mostMs,
      wish.ageMs,
      TOLD_STRIKES,
    ],
    'providers_cool',
  );
  return row as CoolDownRow;
}

/** What applies to a model: its own cool-down and its provider's. */
const OF_ROUTE = `provider = $1 and model in ('', $2)`;

/**
 * Takes the right to call first after a cool-down, for `leaseMs`. False while another has it, or while a
 * cool-down still lasts.
 */
export async function takeProbe(db: Db, route: ModelRoute, leaseMs: number): Promise<boolean> {
  const rows = await db.query(
    `update providers set probe_until = now() + make_interval(secs => $3::float8 / 1000)
     where ${OF_ROUTE} and until <= now() and (probe_until is null or probe_until <= now())
       and not exists (select 1 from providers other where other.provider = $1
         and other.model in ('', $2) and (other.until > now() or other.probe_until > now()))
     returning model`,
    [route.provider, route.model, leaseMs],
    'providers_probe',
  );
  return rows.length > 0;
}

/** Gives that right back: the call ended without telling anything. */
export async function dropProbe(db: Db, route: ModelRoute): Promise<void> {
  await db.query(
    `update providers set probe_until = null where ${OF_ROUTE}`,
    [route.provider, route.model],
    'providers_drop_probe',
  );
}

/** A call that was made `ageMs` ago was answered: what had ended before it is over for good. */
export async function endCoolDowns(db: Db, route: ModelRoute, ageMs: number): Promise<void> {
  await db.query(
    `delete from providers where ${OF_ROUTE}
       and until <= now() - make_interval(secs => $3::float8 / 1000)`,
    [route.provider, route.model, ageMs],
    'providers_end',
  );
}

/** The bot was started, perhaps with another key or a paid bill: what a person had to mend is tried again. */
export async function forgetFaults(db: Db, providers: readonly ProviderName[]): Promise<void> {
  await db.query(
    `delete from providers where reason in ('key', 'quota') and provider = any($1::text[])`,
    [providers],
  );
}

/** Keeps with an attempt which cool-down it met, once per model. */
export async function noteCooled(
  db: Db,
  attemptId: number,
  route: string,
  cooled: Cooled,
): Promise<void> {
  await db.query(
    `update attempts set cooled = jsonb_set(cooled, array[$2], $3::jsonb)
     where id = $1 and cooled->$2->'until' is distinct from $3::jsonb->'until'`,
    [attemptId, route, jsonb(cooled)],
    'providers_note',
  );
}
