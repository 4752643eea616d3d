/**
 * Purpose: what becomes of a run when every model of a task is limited or down. Whether that is so is
 * read from the bot's own cool-downs, never believed of the agent. The run sleeps until the first reset
 * and goes on by itself; a sleeping run holds no runner.
 */
import { opensAt } from '../domain/cool-downs.ts';
import { metOutage } from '../domain/outages.ts';
import { latestAttempt, type Attempt, type Run, type Task } from '../domain/runs.ts';
import type { Decision, Snapshot, Write } from '../domain/snapshot.ts';
import { acted, decided, type Moved } from './decision.ts';
import { ended } from './end.ts';
import { utc } from './format.ts';
import { outageText } from './provider-text.ts';
import { startAttempt } from './start.ts';
import { statusOf } from './status-effects.ts';

/** How often one task may sleep through an outage before a person is asked. */
export const MOST_OUTAGES = 8;

/** An agent found no model that it could ask. */
export function decideOutage(run: Run, task: Task, attempt: Attempt, snapshot: Snapshot): Decision {
  const { models } = attempt.spec;
  const text = outageText(models, snapshot.coolDowns, snapshot.now);
  const times = task.attempts.filter(metOutage).length;
  if (times >= MOST_OUTAGES) {
    return decided(
      ended(run, {
        kind: 'outage',
        cause: `${text ?? 'The models gave no answer.'} This was the ${times}th time in this task.`,
        next: '`/autodev retry` tries again; `autodev doctor` shows the providers.',
      }),
    );
  }
  const until = opensAt(models, snapshot.coolDowns, snapshot.now);
  if (until === null) {
    const again = startAttempt(run, task, snapshot, 'a model can be asked again');
    return acted(again.reasons, again.writes, again.effects);
  }
  const sleep: Write = {
    op: 'update_run',
    runId: run.id,
    version: run.version,
    patch: { state: 'paused', pausedUntil: until, pausedBy: null, gateNote: text },
  };
  return acted(
    [`no model of ${task.agent} can be asked until ${utc(until)}`],
    [sleep],
    [...statusOf(run, true)],
  );
}

/** The tasks of the stage that an outage stopped, started again in one launch. */
export function goOnAfterOutage(run: Run, snapshot: Snapshot): Moved {
  const stopped = run.tasks.filter((task) => {
    const last = latestAttempt(task);
    const open = task.state === 'queued' || task.state === 'running';
    return task.stage === run.stage && open && last !== null && metOutage(last);
  });
  const steps = stopped.map((task) => startAttempt(run, task, snapshot, 'the outage is over'));
  return {
    reasons: steps.flatMap((step) => step.reasons),
    writes: steps.flatMap((step) => step.writes),
    effects: steps[0]?.effects ?? [],
  };
}
