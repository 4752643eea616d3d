/**
 * Purpose: what becomes of a run when one of its attempts can bring no result any more.
 */
import type { Effect } from '../domain/effects.ts';
import type { AttemptLoss, Event } from '../domain/events.ts';
import type { Verdict } from '../domain/outcomes.ts';
import { isOpen, type Attempt, type Run, type Task } from '../domain/runs.ts';
import type { Decision, Snapshot, Write } from '../domain/snapshot.ts';
import { currentAttempt, oneLine, retryOrStop, type Step } from './attempts.ts';
import { acted, ignored } from './decision.ts';
import { endRun } from './end.ts';

/** An attempt that can bring no result any more. */
export function decideLost(
  event: Extract<Event, { kind: 'attempt_lost' }>,
  snapshot: Snapshot,
): Decision {
  const found = currentAttempt(event.attemptId, snapshot);
  if ('ignore' in found) return ignored(found.ignore);
  const { run, task, attempt } = found;
  if (!isOpen(attempt)) return ignored('the attempt had ended already');
  const lost: Write = {
    op: 'end_attempt',
    attemptId: attempt.id,
    state: event.loss === 'pipeline_cancelled' ? 'cancelled' : 'lost',
    cause: `${event.loss}: ${event.detail}`,
  };
  const ended: Run = {
    ...run,
    tasks: run.tasks.map((other) =>
      other.id === task.id
        ? { ...task, attempts: [...task.attempts.slice(0, -1), { ...attempt, state: 'lost' }] }
        : other,
    ),
  };
  const alone = run.tasks
    .flatMap((other) => other.attempts)
    .filter((other) => isOpen(other) && other.pipelineId === attempt.pipelineId);
  const cancel: Effect[] =
    attempt.pipelineId === null || event.loss === 'pipeline_cancelled' || alone.length > 1
      ? []
      : [
          {
            kind: 'cancel_pipeline',
            run: run.id,
            attempt: attempt.id,
            pipelineId: attempt.pipelineId,
          },
        ];
  const next = afterLoss(event.loss, event.detail, ended, task, attempt, snapshot);
  return acted(
    [`attempt ${attempt.fence} of ${task.agent} lost: ${event.loss}`, ...next.reasons],
    [lost, ...next.writes],
    [...cancel, ...next.effects],
  );
}

function afterLoss(
  loss: AttemptLoss,
  detail: string,
  run: Run,
  task: Task,
  attempt: Attempt,
  snapshot: Snapshot,
): Step {
  const stop = (verdict: Verdict): Step => ({
    reasons: [`verdict ${verdict.kind}`],
    ...endRun(run, verdict),
  });
  switch (loss) {
    case 'no_runner': {
      const tags = attempt.spec.tags.map((tag) => `\`${tag}\``).join(', ') || 'no tag';
      const minutes = snapshot.settings.limits.runnerWaitMinutes;
      return stop({
        kind: 'no-runner',
        cause: `No runner with ${tags} picked the job up in ${minutes} min.`,
        next: 'Add one or set `runner.tags` in `.autodev.yml`, then `/autodev retry`.',
      });
    }
    case 'pipeline_cancelled':
      return stop({
        kind: 'cancelled',
        cause: 'The pipeline was cancelled.',
        next: '`/autodev retry` starts it again.',
      });
    case 'pipeline_refused':
      return stop({
        kind: 'needs-human',
        cause: `GitLab refused to start the pipeline: ${oneLine(detail)}`,
        next: 'Check that `.gitlab-ci.yml` includes the AutoDev template (`autodev doctor` says how), then `/autodev retry`.',
      });
    case 'no_heartbeat':
    case 'pipeline_failed':
    case 'deadline':
      return retryOrStop(run, task, snapshot, lossText(loss, detail), {
        kind: 'needs-human',
        cause: `The agent job was lost ${task.attempts.length} times, last: ${lossText(loss, detail)}.`,
        next: 'See the job log of the pipeline and the runner, then `/autodev retry`.',
      });
  }
}

function lossText(loss: AttemptLoss, detail: string): string {
  if (loss === 'no_heartbeat') return 'its runner fell silent';
  if (loss === 'deadline') return 'it ran past its time limit';
  return `its pipeline failed (${oneLine(detail)})`;
}
