/**
 * Purpose: what becomes of a run when one of its attempts can bring no result any more.
 */
import type { Effect } from '../domain/effects.ts';
import type { AttemptLoss, Event } from '../domain/events.ts';
import type { Verdict } from '../domain/outcomes.ts';
import { isOpen, type Attempt, type Run, type Task } from '../domain/runs.ts';
import type { Decision, Snapshot, Write } from '../domain/snapshot.ts';
import { acted, ignored } from './decision.ts';
import { ended } from './end.ts';
import { currentAttempt, oneLine, retryOrStop } from './attempts.ts';
import type { Moved } from './decision.ts';

/** An attempt that can bring no result any more. */
export function decideLost(
  event: Extract<Event, { kind: 'attempt_lost' }>,
  snapshot: Snapshot,
): Decision {
  return loseAttempts([event.attemptId], event.loss, event.detail, snapshot);
}

/**
 * Attempts that were lost by one cause, such as the pipeline they share: each ends once, and they start
 * again together, in one new launch, or the run ends. Those that do not count any more are left out.
 */
export function loseAttempts(
  ids: readonly number[],
  loss: AttemptLoss,
  detail: string,
  snapshot: Snapshot,
): Decision {
  const found = ids.map((id) => currentAttempt(id, snapshot));
  const open = found.flatMap((one) => ('ignore' in one || !isOpen(one.attempt) ? [] : [one]));
  const [first] = open;
  if (!first) {
    const why = found.flatMap((one) => ('ignore' in one ? [one.ignore] : []));
    return ignored(why[0] ?? 'the attempt had ended already');
  }
  const { run } = first;
  const tasks = open.map(({ task }) => task);
  const lost = open.map(({ attempt }): Write => ({
    op: 'end_attempt',
    attemptId: attempt.id,
    state: loss === 'pipeline_cancelled' ? 'cancelled' : 'lost',
    cause: `${loss}: ${detail}`,
  }));
  const ended = without(run, tasks);
  const next = afterLoss(loss, detail, ended, tasks, first.attempt, snapshot);
  const cancel = loss === 'pipeline_cancelled' ? [] : leftToCancel(ended, first.attempt);
  return acted(
    [
      ...open.map(({ task, attempt }) => `attempt ${attempt.fence} of ${task.agent} lost: ${loss}`),
      ...next.reasons,
    ],
    [...lost, ...next.writes],
    [...cancel, ...next.effects],
  );
}

/** The run with the newest attempts of these tasks lost. */
function without(run: Run, lost: readonly Task[]): Run {
  const tasks = run.tasks.map((task): Task => {
    const last = task.attempts.at(-1);
    if (!last || !lost.some(({ id }) => id === task.id)) return task;
    return { ...task, attempts: [...task.attempts.slice(0, -1), { ...last, state: 'lost' }] };
  });
  return { ...run, tasks };
}

/** The pipeline of a lost attempt, when no other attempt works in it. */
function leftToCancel(ended: Run, { id: attempt, pipelineId }: Attempt): Effect[] {
  const shared = ended.tasks
    .flatMap((task) => task.attempts)
    .some((other) => isOpen(other) && other.pipelineId === pipelineId);
  if (pipelineId === null || shared) return [];
  return [{ kind: 'cancel_pipeline', run: ended.id, attempt, pipelineId }];
}

function afterLoss(
  loss: AttemptLoss,
  detail: string,
  run: Run,
  tasks: readonly Task[],
  attempt: Attempt,
  snapshot: Snapshot,
): Moved {
  const stop = (verdict: Verdict): Moved => ended(run, verdict);
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
      return retryOrStop(run, tasks, snapshot, lossText(loss, detail), {
        kind: 'needs-human',
        cause: `The agent job was lost ${triesOf(tasks)} times, last: ${lossText(loss, detail)}.`,
        next: 'See the job log of the pipeline and the runner, then `/autodev retry`.',
      });
  }
}

function triesOf(tasks: readonly Task[]): number {
  return Math.max(...tasks.map((task) => task.attempts.length));
}

function lossText(loss: AttemptLoss, detail: string): string {
  if (loss === 'no_heartbeat') return 'its runner fell silent';
  if (loss === 'deadline') return 'it ran past its time limit';
  return `its pipeline failed (${oneLine(detail)})`;
}
