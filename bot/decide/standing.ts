/** Purpose: where a new task stands among those of its run: what it builds on, and how urgent it is. */
import { lastDone, resultOf, type Run } from '../domain/runs.ts';
import type { TaskPlace } from './tasks.ts';

/** The tasks of the stage before, and the urgency that triage found; the usual one without triage. */
export function standingOf(run: Run): Partial<TaskPlace> {
  const last = run.tasks.at(-1);
  const before = run.tasks.filter(
    (task) =>
      task.stage === last?.stage &&
      task.round === last.round &&
      task.state !== 'failed' &&
      task.state !== 'cancelled',
  );
  const triage =
    resultOf(lastDone(run, 'triage_issue'))?.report ??
    // The very task that ends now is done with the decision.
    resultOf(run.tasks.findLast(({ type }) => type === 'triage_issue') ?? null)?.report;
  return {
    dependsOn: before.map(({ id }) => id),
    ...(triage?.kind === 'triage' ? { priority: triage.priority } : {}),
  };
}
