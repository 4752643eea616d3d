/**
 * Purpose: which attempt counts, and what is done when one is lost.
 */
import { isActive, type Verdict } from '../domain/outcomes.ts';
import { triesOf } from '../domain/outages.ts';
import { latestAttempt, taskOfAttempt, type Attempt, type Run, type Task } from '../domain/runs.ts';
import type { Snapshot } from '../domain/snapshot.ts';
import type { Moved } from './decision.ts';
import { ended } from './end.ts';
import { startAttempt } from './start.ts';

/** Another attempt of each task while all have some left, in one launch; else the verdict. */
export function retryOrStop(
  run: Run,
  tasks: readonly Task[],
  snapshot: Snapshot,
  reason: string,
  otherwise: Verdict,
): Moved {
  if (tasks.some((task) => triesOf(task) >= run.context.attemptsPerTask)) {
    return ended(run, otherwise);
  }
  const steps = tasks.map((task) => startAttempt(run, task, snapshot, reason));
  return {
    reasons: steps.flatMap((step) => step.reasons),
    writes: steps.flatMap((step) => step.writes),
    // One pipeline and one status comment for all of them.
    effects: steps[0]?.effects ?? [],
  };
}

/** The attempt an event is about, when it still counts. */
export function currentAttempt(
  attemptId: number,
  snapshot: Snapshot,
): { run: Run; task: Task; attempt: Attempt } | { ignore: string } {
  const run = snapshot.run;
  if (!run || !isActive(run.state)) return { ignore: 'the run is over' };
  const task = taskOfAttempt(run, attemptId);
  const attempt = task ? latestAttempt(task) : null;
  if (!task || !attempt || attempt.id !== attemptId) {
    return { ignore: 'a newer attempt has taken over' };
  }
  if (task.stage !== run.stage || task.state === 'done')
    return { ignore: 'the run went on without it' };
  return { run, task, attempt };
}

/**
 * Text from a job or a forge on one bounded line of plain words: it stands in our own sentences, and a
 * job may be anybody's, so that nothing in it may load, link, notify or be HTML (threats B3-B5).
 */
export function oneLine(text: string): string {
  const line = text
    .replaceAll('`', "'")
    .replaceAll(/[<>[\]@|\\&!\p{Cc}\p{Cf}\p{Z}]+/gu, ' ')
    .replaceAll('://', ' ')
    .replaceAll(/www\./gi, 'www ')
    .trim();
  return line.length > LINE_CHARS ? `${line.slice(0, LINE_CHARS)}…` : line;
}

const LINE_CHARS = 300;
