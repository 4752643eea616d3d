/**
 * Purpose: what becomes of a run when its agent job starts, ends or is lost.
 */
import type { JobResult } from '../../schema/wire/result.ts';
import type { Effect } from '../domain/effects.ts';
import type { AttemptLoss, Event } from '../domain/events.ts';
import { isActive, type Verdict } from '../domain/outcomes.ts';
import { isOpen, latestAttempt, type Attempt, type Run } from '../domain/runs.ts';
import type { Decision, Snapshot, Write } from '../domain/snapshot.ts';
import { acted, ignored } from './decision.ts';
import { endRun } from './end.ts';
import { money } from './format.ts';
import { startAttempt, statusOf } from './start.ts';

/** The agent job took its task. */
export function decideClaimed(snapshot: Snapshot): Decision {
  const run = snapshot.run;
  if (!run || !isActive(run.state)) return ignored('the run is over');
  const writes: Write[] =
    run.state === 'queued'
      ? [{ op: 'update_run', runId: run.id, version: run.version, patch: { state: 'running' } }]
      : [];
  return acted(['the agent job took the task'], writes, statusOf(run));
}

/** A result that passed its schema and its fence; what it claims is still untrusted. */
export function decideResult(
  event: Extract<Event, { kind: 'job_result' }>,
  snapshot: Snapshot,
): Decision {
  const found = currentAttempt(event.attemptId, snapshot);
  if ('ignore' in found) return ignored(found.ignore);
  const { run, attempt } = found;
  const { result } = event;
  switch (result.outcome) {
    case 'finished':
      return run.role === 'ask'
        ? publishAnswer(run, result)
        : publishChanges(run, attempt, result, false);
    case 'budget':
    case 'limit':
      if (run.role === 'main' && result.changes.length > 0) {
        return publishChanges(run, attempt, result, true);
      }
      return end(run, limitVerdict(result, run, null));
    case 'needs_human':
      return end(run, {
        kind: 'needs-human',
        cause:
          'The agent stopped because it needs a decision or more facts. What it says is below.',
        next: 'Answer in the issue, then `/autodev retry <hint>`.',
      });
    case 'model_error':
      return end(run, {
        kind: 'outage',
        cause: `The model gave no usable answer: ${oneLine(result.cause)}`,
        next: '`/autodev retry` tries again; the job log has the details.',
      });
    case 'cancelled':
      return end(run, {
        kind: 'cancelled',
        cause: 'The agent job was stopped.',
        next: '`/autodev retry` starts it again.',
      });
    case 'crashed':
      return again(run, snapshot, `the agent crashed (${oneLine(result.cause)})`, {
        kind: 'needs-human',
        cause: `The agent crashed ${run.attempts.length} times: ${oneLine(result.cause)}`,
        next: 'See the job log of the pipeline, then `/autodev retry`.',
      });
  }
}

/** An attempt that can bring no result any more. */
export function decideLost(
  event: Extract<Event, { kind: 'attempt_lost' }>,
  snapshot: Snapshot,
): Decision {
  const found = currentAttempt(event.attemptId, snapshot);
  if ('ignore' in found) return ignored(found.ignore);
  const { run, attempt } = found;
  if (!isOpen(attempt)) return ignored('the attempt had ended already');
  const lost: Write = {
    op: 'end_attempt',
    attemptId: attempt.id,
    state: event.loss === 'pipeline_cancelled' ? 'cancelled' : 'lost',
    cause: `${event.loss}: ${event.detail}`,
  };
  const cancel: Effect[] =
    attempt.pipelineId === null || event.loss === 'pipeline_cancelled'
      ? []
      : [
          {
            kind: 'cancel_pipeline',
            run: run.id,
            attempt: attempt.id,
            pipelineId: attempt.pipelineId,
          },
        ];
  const next = afterLoss(event.loss, event.detail, run, attempt, snapshot);
  return acted(
    [`attempt ${attempt.fence} lost: ${event.loss}`, ...next.reasons],
    [lost, ...next.writes],
    [...cancel, ...next.effects],
  );
}

/** The verdict of a result that stopped at a limit, with its draft when there is one. */
export function limitVerdict(result: JobResult, run: Run, draft: { iid: number } | null): Verdict {
  const partial = draft ? ` What was done so far is in draft !${draft.iid}.` : '';
  if (result.outcome === 'budget') {
    return {
      kind: 'budget',
      cause: `Stopped at the cap of ${money(run.task.capMicrousd)} per task.${partial}`,
      next: 'Raise `limits.taskUsd` in config/settings.yaml or split the issue, then `/autodev retry`.',
    };
  }
  return {
    kind: 'needs-human',
    cause: `Stopped at a limit: ${oneLine(result.cause)}.${partial}`,
    next: 'Split the issue or give a hint: `/autodev retry <hint>`.',
  };
}

function afterLoss(
  loss: AttemptLoss,
  detail: string,
  run: Run,
  attempt: Attempt,
  snapshot: Snapshot,
): { reasons: string[]; writes: Write[]; effects: Effect[] } {
  const stop = (verdict: Verdict): { reasons: string[]; writes: Write[]; effects: Effect[] } => ({
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
      return retryOrStop(run, snapshot, lossText(loss, detail), {
        kind: 'needs-human',
        cause: `The agent job was lost ${run.attempts.length} times, last: ${lossText(loss, detail)}.`,
        next: 'See the job log of the pipeline and the runner, then `/autodev retry`.',
      });
  }
}

function lossText(loss: AttemptLoss, detail: string): string {
  if (loss === 'no_heartbeat') return 'its runner fell silent';
  if (loss === 'deadline') return 'it ran past its time limit';
  return `its pipeline failed (${oneLine(detail)})`;
}

function publishChanges(run: Run, attempt: Attempt, result: JobResult, draft: boolean): Decision {
  if (result.changes.length === 0) {
    return end(run, {
      kind: 'needs-human',
      cause: 'The agent finished without changing a file. What it says is below.',
      next: 'Say more precisely what should change, then `/autodev retry <hint>`.',
    });
  }
  return acted(
    [`${result.changes.length} files to publish${draft ? ' as a draft' : ''}`],
    [{ op: 'update_run', runId: run.id, version: run.version, patch: { stage: 'publish' } }],
    [{ kind: 'commit_changes', run: run.id, attempt: attempt.id }, ...statusOf(run)],
  );
}

function publishAnswer(run: Run, result: JobResult): Decision {
  const text = result.comment ?? result.summary;
  const reply: Effect = {
    kind: 'reply',
    target: run.target,
    discussionId: run.triggerDiscussionId,
    internal: false,
    body: text.trim() === '' ? 'The agent found no answer.' : text,
    about: `run-${run.id}-answer`,
  };
  const ended = endRun(run, { kind: 'done', cause: 'Answered in the thread.', next: '' });
  return acted(['the question was answered'], ended.writes, [reply, ...ended.effects]);
}

function end(run: Run, verdict: Verdict): Decision {
  const ended = endRun(run, verdict);
  return acted([`verdict ${verdict.kind}`], ended.writes, ended.effects);
}

function again(run: Run, snapshot: Snapshot, reason: string, otherwise: Verdict): Decision {
  const next = retryOrStop(run, snapshot, reason, otherwise);
  return acted(next.reasons, next.writes, next.effects);
}

function retryOrStop(
  run: Run,
  snapshot: Snapshot,
  reason: string,
  otherwise: Verdict,
): { reasons: string[]; writes: Write[]; effects: Effect[] } {
  if (run.attempts.length < run.context.attemptsPerTask) {
    return startAttempt(run, snapshot, reason);
  }
  return { reasons: [`verdict ${otherwise.kind}`], ...endRun(run, otherwise) };
}

function currentAttempt(
  attemptId: number,
  snapshot: Snapshot,
): { run: Run; attempt: Attempt } | { ignore: string } {
  const run = snapshot.run;
  if (!run || !isActive(run.state)) return { ignore: 'the run is over' };
  const attempt = latestAttempt(run);
  if (!attempt || attempt.id !== attemptId) return { ignore: 'a newer attempt has taken over' };
  return { run, attempt };
}

function oneLine(text: string): string {
  const line = text.replaceAll(/\s+/g, ' ').trim();
  return line.length > 300 ? `${line.slice(0, 300)}…` : line;
}
