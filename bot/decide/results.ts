/**
 * Purpose: what becomes of a run when one of its agent jobs starts or ends.
 */
import type { JobResult } from '../../schema/wire/result.ts';
import type { Effect } from '../domain/effects.ts';
import type { Event } from '../domain/events.ts';
import { isActive, type Verdict } from '../domain/outcomes.ts';
import { stageOf, writesPage, type Attempt, type Run, type Task } from '../domain/runs.ts';
import type { Decision, Snapshot, Write } from '../domain/snapshot.ts';
import { acted, decided, ignored } from './decision.ts';
import { currentAttempt, oneLine, retryOrStop } from './attempts.ts';
import { budgetVerdict } from './budget.ts';
import { endRun, ended } from './end.ts';
import { planProblem } from './epic.ts';
import { planRefused } from './epic-control.ts';
import { enterStage, nextStage } from './stages.ts';
import { statusOf } from './status-effects.ts';
import { code } from './text.ts';
import { decideVerify } from './verify.ts';

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
      if (publishes(task) && result.changes.length > 0) return publish(run, task, attempt, true);
      return decided(ended(run, limitVerdict(result, task, whereIsIt(run), snapshot)));
    case 'needs_human':
      return decided(
        ended(run, {
          kind: 'needs-human',
          cause: `The ${task.agent} stopped because it needs a decision or more facts. What it says is below.`,
          next: 'Answer in the issue, then `/autodev retry <hint>`.',
        }),
      );
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

/** Where the work done so far is, as one more sentence; '' when there is none. */
export function whereIsIt(run: Run): string {
  const iid = run.changes.code?.iid;
  return iid == null ? '' : ` What was done so far is in !${iid}.`;
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
    cause: `Stopped at a limit: ${oneLine(result.cause)}.${partial}`,
    next: 'Split the issue or give a hint: `/autodev retry <hint>`.',
  };
}

const PUBLISHING: ReadonlySet<Task['type']> = new Set([
  'write_spec',
  'implement_feature',
  'implement_fix',
  'implement_refactor',
  'fix_build',
  'address_review_feedback',
  'write_docs',
  'break_down_epic',
]);

/** True for tasks whose result becomes a commit. */
export function publishes(task: Task): boolean {
  return PUBLISHING.has(task.type);
}

function finished(
  run: Run,
  task: Task,
  attempt: Attempt,
  result: JobResult,
  snapshot: Snapshot,
): Decision {
  const report = result.report;
  if (task.type === 'answer_question') return answered(run, result);
  if (task.type === 'write_spec' && report?.kind === 'spec' && !report.feasible) {
    return decided(
      ended(run, {
        kind: 'needs-human',
        cause: 'The architect thinks this cannot be done as it is asked. What it says is below.',
        next: 'Change the issue, then `/autodev retry <hint>`.',
      }),
    );
  }
  if (task.type === 'break_down_epic') {
    const problem =
      report?.kind === 'epic' ? planProblem(report) : 'There is no plan in the result';
    if (problem !== null) return decided(ended(run, planRefused(problem)));
  }
  if (task.type === 'triage_issue') return triaged(run, task, result, snapshot);
  if (publishes(task)) {
    if (!writesPage(task.type) && result.changes.length === 0) {
      const stage = stageOf(run);
      if (stage?.kind === 'task' && stage.optional) return nothingToDo(run, task, snapshot);
      return decided(
        ended(run, {
          kind: 'needs-human',
          cause: 'The agent finished without changing a file. What it says is below.',
          next: 'Say more precisely what should change, then `/autodev retry <hint>`.',
        }),
      );
    }
    return publish(run, task, attempt, false);
  }
  const done: Write = { op: 'end_task', taskId: task.id, state: 'done' };
  const after: Run = {
    ...run,
    tasks: run.tasks.map((other) => (other.id === task.id ? { ...other, state: 'done' } : other)),
  };
  if (stageOf(run)?.kind !== 'verify') return acted([`${task.type} done`], [done], statusOf(run));
  const verified = decideVerify(snapshot, after);
  if (verified.ignored !== null) {
    // Two agents that end at once must not each wait for the other: the second decides again.
    const seen: Write = { op: 'update_run', runId: run.id, version: run.version, patch: {} };
    return acted([`${task.agent} is done; ${verified.ignored}`], [done, seen], statusOf(run));
  }
  return { ...verified, writes: [done, ...verified.writes] };
}

/** The product manager's look: on with it, or back to the people who know what is missing. */
function triaged(run: Run, task: Task, result: JobResult, snapshot: Snapshot): Decision {
  const report = result.report?.kind === 'triage' ? result.report : null;
  if (report !== null && report.missing.length > 0) {
    return decided(
      ended(run, {
        kind: 'needs-human',
        cause: 'Something is missing before anybody can start; the questions are below.',
        next: 'Answer them in the description of the issue, then `/autodev retry`; or `/autodev retry <answers>`.',
      }),
    );
  }
  return nothingToDo(run, task, snapshot);
}

/** On to the next stage without a commit. */
function nothingToDo(run: Run, task: Task, snapshot: Snapshot): Decision {
  const moved = enterStage(run, nextStage(run), snapshot);
  const done: Write = { op: 'end_task', taskId: task.id, state: 'done' };
  return acted([`${task.type} done`, ...moved.reasons], [done, ...moved.writes], moved.effects);
}

function publish(run: Run, task: Task, attempt: Attempt, draft: boolean): Decision {
  const change = writesPage(task.type) ? 'spec' : 'code';
  return acted(
    [`${change} to publish${draft ? ' as a draft' : ''}`],
    [{ op: 'end_task', taskId: task.id, state: 'done' }],
    [{ kind: 'commit_changes', run: run.id, attempt: attempt.id, change }, ...statusOf(run)],
  );
}

function answered(run: Run, result: JobResult): Decision {
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
