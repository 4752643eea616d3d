/** A run with everything that belongs to it, from the tables of runs, tasks, attempts and usage. */
import { type AttemptSummary, attemptsOfRun } from './attempts.ts';
import type { Db } from './db.ts';
import { type RunRow, runById } from './runs.ts';
import { type TaskComment, taskCommentsOfRun } from './task-comments.ts';
import { type TaskRow, tasksOfRun } from './tasks.ts';
import { type ModelUsage, usageOfRun } from './usage.ts';

/** Everything the status comment and `explain` show of a run. */
export interface RunView {
  run: RunRow;
  tasks: TaskRow[];
  attempts: AttemptSummary[];
  spentMicrousd: number;
  usage: ModelUsage[];
  /** The audit trail of its tasks, oldest first. */
  comments: TaskComment[];
}

/** A run with its tasks, attempts and money; null when there is no such run. */
export async function runView(db: Db, runId: number): Promise<RunView | null> {
  const run = await runById(db, runId);
  if (run === null) return null;
  const tasks = await tasksOfRun(db, runId);
  const attempts = await attemptsOfRun(db, runId);
  const usage = await usageOfRun(db, runId);
  const spentMicrousd = tasks.reduce((sum, task) => sum + task.spentMicrousd, 0);
  const comments = await taskCommentsOfRun(db, runId);
  return { run, tasks, attempts, spentMicrousd, usage, comments };
}
