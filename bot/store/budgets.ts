/**
 * Money on its four levels: task, run, and the day (UTC, by the database's clock) of a repository and of
 * the installation. A call holds the most it can cost before it is made and settles what it cost; the
 * functions of schema/sql do each in one statement. Money is whole micro-dollars.
 */
import type { BudgetLevel, DaySpent, Refusal } from '../domain/budgets.ts';
import type { Db } from './db.ts';

export interface Hold {
  attemptId: number;
  microusd: number;
  repoDayCapMicrousd: number;
  installationDayCapMicrousd: number;
}

export type Reservation =
  | { ok: true; hold: number }
  /** The attempt has ended: it holds no money any more. */
  | { ok: false; level: 'over' }
  | ({ ok: false; spentMicrousd: number } & Refusal);

interface HoldRow {
  hold: number | null;
  level: BudgetLevel | 'over';
  cap: number;
  spent: number;
  opensAt: Date | null;
}

/**
 * Holds money for a call on every level, or on none when one of them is full: any number of callers
 * together never hold more than any cap. The refusal is kept with the attempt.
 */
export async function reserve(db: Db, wanted: Hold): Promise<Reservation> {
  const [row] = await db.query<HoldRow>(
    `select hold_id as hold, full_level as level, cap, spent, opens_at as "opensAt"
     from hold_money($1, $2, $3, $4)`,
    [
      wanted.attemptId,
      amount(wanted.microusd),
      amount(wanted.repoDayCapMicrousd),
      amount(wanted.installationDayCapMicrousd),
    ],
    'budgets_hold',
  );
  const { hold, level, cap, spent, opensAt } = row as HoldRow;
  if (hold !== null) return { ok: true, hold };
  if (level === 'over') return { ok: false, level };
  const at = opensAt === null ? null : opensAt.toISOString();
  return { ok: false, level, capMicrousd: cap, opensAt: at, spentMicrousd: spent };
}

/**
 * Replaces what was held for a call by what it really cost (0 when it cost nothing). What was released
 * with its attempt meanwhile is counted all the same.
 */
export async function settle(
  db: Db,
  call: { hold: number; attemptId: number; spentMicrousd: number },
): Promise<void> {
  await db.query(
    'select settle_money($1, $2, $3)',
    [call.hold, call.attemptId, amount(call.spentMicrousd)],
    'budgets_settle',
  );
}

/** Gives up whatever is held for an attempt; part of its end. */
export async function releaseHolds(db: Db, attemptId: number): Promise<void> {
  await db.query('select release_money($1)', [attemptId], 'budgets_release');
}

/**
 * Keeps the money of a run still until the transaction ends. Whoever changes more of a run than one row
 * takes this first: it stands before all others in the order of locks.
 */
export async function lockRunMoney(db: Db, runId: number): Promise<void> {
  await db.query('select 1 from runs where id = $1 for no key update', [runId], 'budgets_lock_run');
}

/** Raises what tasks may spend in all. */
export async function raiseCaps(
  db: Db,
  taskIds: readonly number[],
  byMicrousd: number,
): Promise<void> {
  await db.query(
    `update tasks set cap_microusd = cap_microusd + $2, updated_at = now()
     where id = any($1::bigint[])`,
    [taskIds, amount(byMicrousd)],
  );
}

/** Today's budgets of a repository and of the installation, and when tomorrow's begin. */
export async function daysNow(
  db: Db,
  repoId: number,
): Promise<{ repo: DaySpent; installation: DaySpent; opensAt: Date }> {
  const rows = await db.query<DaySpent & { scope: string; opensAt: Date }>(
    `select s.scope, coalesce(d.spent_microusd + d.reserved_microusd, 0) as microusd,
       d.full_at_microusd as "fullAtMicrousd",
       ((now() at time zone 'UTC')::date + 1)::timestamp at time zone 'UTC' as "opensAt"
     from (values (1, 'repo/' || $1), (2, 'installation')) as s (place, scope)
       left join budget_days d on d.scope = s.scope and d.day = (now() at time zone 'UTC')::date
     order by s.place`,
    [String(repoId)],
    'budgets_days',
  );
  const [repo, installation] = rows.map(({ microusd, fullAtMicrousd }) => ({
    microusd,
    fullAtMicrousd,
  })) as [DaySpent, DaySpent];
  return { repo, installation, opensAt: (rows[0] as { opensAt: Date }).opensAt };
}

/** Fractions are rounded up: the budget errs on the safe side. */
function amount(microusd: number): number {
  if (!(microusd >= 0) || !Number.isFinite(microusd)) {
    throw new RangeError(`An amount of ${microusd} micro-dollars is not possible.`);
  }
  return Math.ceil(microusd);
}
