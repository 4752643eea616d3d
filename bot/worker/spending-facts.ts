/** The money that matters before work starts: today's budgets, and what such work cost before. */
import type { Interest } from '../decide/interest.ts';
import type { Spending } from '../domain/budgets.ts';
import type { Run } from '../domain/runs.ts';
import { workOf } from '../domain/work.ts';
import { daysNow } from '../store/budgets.ts';
import { pastCost } from '../store/usage.ts';
import type { WorkerDeps } from './deps.ts';

/** Facts for the wish at hand; `retry` stands for what ran last. */
export async function spendingOn(
  interest: Extract<Interest, { kind: 'ask' }>,
  lastRun: Run | null,
  repoId: number,
  deps: WorkerDeps,
): Promise<Spending> {
  const again = interest.command === 'retry' ? lastRun : null;
  const { command, args } = again ?? interest;
  const work = workOf(command, args, (again ?? interest).target.type);
  const [days, estimate] = await Promise.all([
    daysNow(deps.db, repoId),
    work === null ? null : pastCost(deps.db, repoId, work.workflow),
  ]);
  const { repo, installation, opensAt } = days;
  return { repoDay: repo, installationDay: installation, opensAt, estimate };
}
