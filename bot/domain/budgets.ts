/** The levels on which money is counted, and what is known about them when something starts or stops. */

/** Where a cap stands: a task, its run, or the day (UTC) of the repository or of the installation. */
export type BudgetLevel = 'task' | 'run' | 'repo_day' | 'installation_day';

/** Share of a task's or a run's budget at which its agent is told to come to an end, and how. */
export const SAY_AT = 0.8;
export const SAY_TEXT =
  '80 % of the budget is spent. Finish with what is done: bring the work into a state that holds, call ' +
  'finish, and say in the summary what is missing.';

/** The budget that refused a call of an attempt. */
export interface Refusal {
  level: BudgetLevel;
  capMicrousd: number;
  /** When a day's budget opens again, as ISO time; null for the others. */
  opensAt: string | null;
}

/** What runs of one workflow cost so far: the middle half of them. */
export interface Estimate {
  lowMicrousd: number;
  highMicrousd: number;
  /** How many finished runs it rests on, and whose they are. */
  runs: number;
  of: 'repository' | 'installation';
}

/** A day's budget: spent and held, and the highest cap at which it refused a call, if it did. */
export interface DaySpent {
  microusd: number;
  fullAtMicrousd: number | null;
}

/** What decide knows of money before a run starts. */
export interface Spending {
  repoDay: DaySpent;
  installationDay: DaySpent;
  /** When the next day begins, by the clock of the database. */
  opensAt: Date | null;
  /** Of the workflow that is asked for; null where nothing is known. */
  estimate: Estimate | null;
}

/** For events that start nothing. */
export const NO_SPENDING: Spending = {
  repoDay: { microusd: 0, fullAtMicrousd: null },
  installationDay: { microusd: 0, fullAtMicrousd: null },
  opensAt: null,
  estimate: null,
};
