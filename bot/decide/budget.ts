/**
 * Purpose: the caps that work is started with, and what is said when one of them is reached (DESIGN §4.9).
 */
import { accessName, ACCESS_LEVELS } from '../domain/access.ts';
import type { BudgetLevel, DaySpent, Refusal } from '../domain/budgets.ts';
import type { Verdict } from '../domain/outcomes.ts';
import { latestAttempt, type Task } from '../domain/runs.ts';
import type { Snapshot } from '../domain/snapshot.ts';
import { money, utc } from './format.ts';
import { neededLevel } from './permissions.ts';

/** Share of a day's budget from which on nothing new is started: the rest would carry no task. */
const USED_UP = 0.95;
const MICROUSD = 1_000_000;

/** What a repository may spend in a day: the lower of what installation and repository say. */
export function repoDayCap(snapshot: Pick<Snapshot, 'settings' | 'repoConfig'>): number {
  return Math.floor(Math.min(snapshot.settings.limits.repoDayUsd, ownDay(snapshot)) * MICROUSD);
}

function ownDay(snapshot: Pick<Snapshot, 'repoConfig'>): number {
  return snapshot.repoConfig.config.budget.day_usd ?? Number.POSITIVE_INFINITY;
}

/** Why no work can start today, as an answer to whoever asked; null while there is money left. */
export function dayIsOver(snapshot: Snapshot): string | null {
  const { limits } = snapshot.settings;
  const { repoDay, installationDay, opensAt } = snapshot.spending;
  const installationCap = limits.installationDayUsd * MICROUSD;
  const repoCap = repoDayCap(snapshot);
  const again = opensAt === null ? 'tomorrow' : `at ${utc(opensAt)}`;
  const said = (whose: string, cap: number, setting: string): string =>
    `${whose} may spend ${money(cap)} a day, and today that is used up. Nothing was started. ` +
    `Ask again ${again}, or let ${setting}.`;
  if (isUsedUp(repoDay, repoCap)) {
    const setting =
      ownDay(snapshot) < limits.repoDayUsd
        ? 'a maintainer raise `budget.day_usd` in `.autodev.yml` on the default branch'
        : 'the operator raise `limits.repoDayUsd` in config/settings.yaml';
    return said('This repository', repoCap, setting);
  }
  if (isUsedUp(installationDay, installationCap)) {
    const setting = 'the operator raise `limits.installationDayUsd` in config/settings.yaml';
    return said('All repositories of this bot together', installationCap, setting);
  }
  return null;
}

/** Also when much is left, but a call was refused for it: the next one would be, too. */
function isUsedUp({ microusd, fullAtMicrousd }: DaySpent, cap: number): boolean {
  return microusd >= cap * USED_UP || (fullAtMicrousd !== null && cap <= fullAtMicrousd);
}

const WHOSE: Readonly<Record<BudgetLevel, string>> = {
  task: 'the cap of one task',
  run: 'the cap of the run',
  repo_day: 'what this repository may spend in a day',
  installation_day: 'what all repositories of this bot together may spend in a day',
};

/**
 * The verdict of work that stopped because a budget was full: which one, by the gateway's own account and
 * not by the agent's, and how it goes on. `partial` says where the work done so far is, or is ''.
 */
export function budgetVerdict(task: Task, partial: string, snapshot: Snapshot): Verdict {
  const { level, capMicrousd, opensAt } = refusalOf(task);
  const needs = accessName(ACCESS_LEVELS[neededLevel('budget', snapshot)]);
  const cause = `Stopped at ${money(capMicrousd)}, ${WHOSE[level]}.${partial}`;
  const asked = snapshot.run?.role === 'ask';
  if (opensAt !== null) {
    const again = asked ? 'ask again then' : '`/autodev retry` then';
    return {
      kind: 'budget',
      cause,
      next: `It opens again at ${utc(new Date(opensAt))}; ${again}.`,
    };
  }
  // An answer has no work that could be taken up where it stands.
  const next = asked
    ? 'Ask for less at once: `/autodev ask <question>`.'
    : `\`/autodev budget +5\` continues; that needs ${needs}.`;
  return { kind: 'budget', cause, next };
}

function refusalOf(task: Task): Refusal {
  const refusal = latestAttempt(task)?.refusal;
  return refusal ?? { level: 'task', capMicrousd: task.capMicrousd, opensAt: null };
}
