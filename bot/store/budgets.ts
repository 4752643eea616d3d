/**
 * Money on its four levels: task, run, and the day (UTC, by the database's clock) of a repository and of
 * the installation. A call holds the most it can cost before it is made and settles what it cost; the
 * functions of schema/sql do each in one statement. Money is whole micro-dollars.
 */
import type { BudgetLevel, DaySpent, Refusal } from '../domain/budgets.ts';
import type { Db } from './db.ts';
import type { CallUsage } from './usage.ts';

/** One model call of an attempt. */
export interface CallKey {
  /** A UUID that the caller makes; all that is asked for a call again under its id happens once. */
  callId: string;
  attemptId: number;
}

export interface Hold extends CallKey {
  provider: string;
  model: string;
  microusd: number;
  repoDayCapMicrousd: number;
  installationDayCapMicrousd: number;
}

export type Reservation =
  | { ok: true }
  /** The attempt has ended: it holds no money any more. */
  | { ok: false; level: 'over' }
  | ({ ok: false; spentMicrousd: number } & Refusal);

interface HoldRow {
  level: BudgetLevel | 'over' | null;
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
    `select full_level as level, cap, spent, opens_at as "opensAt"
     from hold_call($1, $2, $3, $4, $5, $6, $7)`,
    [
      wanted.callId,
      wanted.attemptId,
      wanted.provider,
      wanted.model,
      amount(wanted.microusd),
      amount(wanted.repoDayCapMicrousd),
      amount(wanted.installationDayCapMicrousd),
    ],
    'budgets_hold',
  );
  const { level, cap, spent, opensAt } = row as HoldRow;
  if (level === null) return { ok: true };
  if (level === 'over') return { ok: false, level };
  const at = opensAt === null ? null : opensAt.toISOString();
  return { ok: false, level, capMicrousd: cap, opensAt: at, spentMicrousd: spent };
}

/**
 * Writes down what a call used, and puts what it cost in the place of what was held for it: both or none,
 * and once, however often it is asked for. A call that was counted as spent because its attempt ended is put
 * right. It is on disk only when `keptCalls` says so.
 */
export async function settle(db: Db, call: CallUsage): Promise<void> {
  await db.query(
    'select settle_call($1, $2, $3, $4, $5, $6, $7, $8, $9)',
    [
      call.callId,
      call.attemptId,
      call.provider,
      call.model,
      call.inputTokens,
      call.cachedInputTokens,
      call.outputTokens,
      amount(call.costMicrousd),
      call.outcome,
    ],
    'budgets_settle',
  );
}

/** Which of these calls are settled and on disk; a crash of the server may lose what it has just settled. */
export async function keptCalls(db: Db, callIds: readonly string[]): Promise<Set<string>> {
  const rows = await db.query<{ id: string }>(
    'select id from kept_calls($1) as id',
    [callIds],
    'budgets_kept',
  );
  return new Set(rows.map(({ id }) => id));
}

/** Frees what was held for a call that was not made; nothing happens when nothing was held. */
export async function giveBack(db: Db, { callId, attemptId }: CallKey): Promise<void> {
  await db.query('select give_back_call($1, $2)', [callId, attemptId], 'budgets_give_back');
}

/**
 * Counts whatever is held for an attempt as spent; part of its end. Nobody may ever tell what those calls
 * cost, and a process that dies must not make them free.
 */
export async function spendHolds(db: Db, attemptId: number): Promise<void> {
  await db.query('select spend_holds($1)', [attemptId], 'budgets_spend_holds');
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
