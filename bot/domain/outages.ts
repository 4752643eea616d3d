/** Attempts that found no model to ask, and runs that sleep until there is one again. */
import type { Attempt, Run, Task } from './runs.ts';

/** An attempt that ended because no model could be asked. */
export function metOutage(attempt: Attempt): boolean {
  return attempt.result?.outcome === 'outage';
}

/** Tries that count against the limit: one that found no model to ask tried nothing. */
export function triesOf(task: Task): number {
  return task.attempts.filter((attempt) => !metOutage(attempt)).length;
}

/** When a run that sleeps through an outage goes on; null when it does not, or when a person put it to sleep. */
export function outageUntil(run: Run): Date | null {
  return run.state === 'paused' && run.pausedBy === null ? run.pausedUntil : null;
}
