/**
 * Purpose: what becomes of a run when one of its agent jobs starts or ends.
 */
import type { JobResult } from '../../schema/wire/result.ts';
import type { Event } from '../domain/events.ts';
import { isActive, type Verdict } from '../domain/outcomes.ts';
import type { Run, Task } from '../domain/runs.ts';
import type { Decision, Snapshot, Write } from '../domain/snapshot.ts';
import { acted, decided, ignored } from './decision.ts';
import { currentAttempt, oneLine, retryOrStop } from './attempts.ts';
import { budgetVerdict } from './budget.ts';
import { ended } from './end.ts';
import { commits, finished, publish } from './finished.ts';
import { decideOutage } from './outage.ts';
import { statusOf } from './status-effects.ts';
import { code } from './text.ts';

/** Longest account of what a runner lacks. */
const CAUSE_CHARS = 300;

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
  const { run, task, attempt } = found;
  const { result } = event;
  switch (result.outcome) {
    case 'finished':
      return finished(run, task, attempt, result, snapshot);
    case 'budget':
    case 'limit':
      if (commits(task) && result.changes.length > 0) return publish(run, task, attempt, true);
      return decided(ended(run, limitVerdict(result, task, whereIsIt(run), snapshot)));
    case 'needs_human':
      return decided(
        ended(run, {
          kind: 'needs-human',
          cause: needsHumanCause(task, result),
          next: 'Answer in the issue, then `/autodev retry <hint>`.',
        }),
      );
    case 'outage':
      return decideOutage(run, task, attempt, snapshot);
    case 'model_error':
      return decided(
        ended(run, {
          kind: 'outage',
          cause: `The model gave no usable answer: ${oneLine(result.cause)}`,
          next: '`/autodev retry` tries again; the job log has the details.',
        }),
      );
    case 'cancelled':
      return decided(
        ended(run, {
          kind: 'cancelled',
          cause: 'The agent job was stopped.',
          next: '`/autodev retry` starts it again.',
        }),
      );
    case 'unable':
      return decided(
        ended(run, {
          kind: 'needs-human',
          cause: `The runner cannot do this task as the settings ask: ${code(oneLine(result.cause), CAUSE_CHARS)}`,
          next: '`autodev-job doctor` in the job image shows what is missing; then `/autodev retry`.',
        }),
      );
    case 'crashed': {
      const why = oneLine(result.cause);
      const next = retryOrStop(run, [task], snapshot, `the agent crashed (${why})`, {
        kind: 'needs-human',
        cause: `The agent crashed ${task.attempts.length} times: ${why}`,
        next: 'See the job log of the pipeline, then `/autodev retry`.',
      });
      return decided(next);
    }
  }
}

/** Points at the agent's own words, or says why there are none. */
function needsHumanCause(task: Task, result: JobResult): string {
  if (result.summary.trim() === '' && result.comment === undefined) {
    return `The ${task.agent} needs a person: ${oneLine(result.cause)}.`;
  }
  return `The ${task.agent} stopped because it needs a decision or more facts. What it says is below.`;
}

/** Where the work done so far is, as one more sentence; '' when there is none. */
export function whereIsIt(run: Run): string {
  const iid = run.changes.code?.iid;
  return iid == null ? '' : ` What was done so far is in !${iid}.`;
}

/** Recorded findings that are named when a look stops before its end. */
const NAMED = 5;

function foundSoFar({ findings = [] }: JobResult): string {
  if (findings.length === 0) return '';
  const named = findings
    .slice(0, NAMED)
    .map(({ severity, path, line, title }) => code(`${severity} ${path}:${line} ${title}`, 200));
  const rest = findings.length - named.length;
  return ` Found until then: ${named.join(', ')}${rest > 0 ? ` and ${rest} more` : ''}.`;
}

/** The verdict of a result that stopped at a limit; `partial` says where what was done is. */
export function limitVerdict(
  result: JobResult,
  task: Task,
  partial: string,
  snapshot: Snapshot,
): Verdict {
  if (result.outcome === 'budget') return budgetVerdict(task, partial, snapshot);
  return {
    kind: 'needs-human',
    cause: `Stopped at a limit: ${oneLine(result.cause)}.${foundSoFar(result)}${partial}`,
    next: 'Split the issue or give a hint: `/autodev retry <hint>`.',
  };
}
