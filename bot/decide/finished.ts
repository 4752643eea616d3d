/**
 * Purpose: what becomes of a finished result, by what its type of task delivers (domain/task-types.ts).
 */
import type { JobResult } from '../../schema/wire/result.ts';
import type { Effect } from '../domain/effects.ts';
import { stageOf, type Attempt, type Run, type Task } from '../domain/runs.ts';
import type { Decision, Snapshot, Write } from '../domain/snapshot.ts';
import { isTold, TASKS, writesPage } from '../domain/task-types.ts';
import { acted, decided } from './decision.ts';
import { issuesAsked } from './drafts.ts';
import { endRun, ended } from './end.ts';
import { planProblem } from './epic.ts';
import { planRefused } from './epic-control.ts';
import { enterStage, nextStage } from './stages.ts';
import { statusOf } from './status-effects.ts';
import { decideVerify } from './verify.ts';

/** True for tasks whose result becomes a commit. */
export function commits(task: Task): boolean {
  const { delivers } = TASKS[task.type];
  return delivers === 'code' || delivers === 'page';
}

/** A result that is whole; what it claims is still untrusted. */
export function finished(
  run: Run,
  task: Task,
  attempt: Attempt,
  result: JobResult,
  snapshot: Snapshot,
): Decision {
  const after = withDone(run, task);
  const { report } = TASKS[task.type];
  if (isTold(task.type) && result.report?.kind !== report) {
    return decided(
      ended(run, {
        kind: 'needs-human',
        cause: `The result holds no ${report.replaceAll('_', ' ')} report, so there is nothing to tell.`,
        next: '`/autodev retry` runs the agent again.',
      }),
    );
  }
  switch (TASKS[task.type].delivers) {
    case 'answer':
      return answered(after, task, result);
    case 'onward':
      return triaged(run, task, result, snapshot);
    case 'page':
      return pageMade(run, task, attempt, result);
    case 'code':
      return built(run, task, attempt, result, snapshot);
    case 'votes':
      return wentOn(after, task, [], snapshot);
    case 'note':
      return wentOn(after, task, [noteOf(run, attempt)], snapshot);
    case 'plan':
      return planned(after, task, attempt, result, snapshot);
    case 'issues':
      return issuesWanted(after, task, attempt, result, snapshot);
  }
}

function withDone(run: Run, task: Task): Run {
  const tasks = run.tasks.map((other): Task =>
    other.id === task.id ? { ...other, state: 'done' } : other,
  );
  return { ...run, tasks };
}

function doneWrite(task: Task): Write {
  return { op: 'end_task', taskId: task.id, state: 'done' };
}

function noteOf(run: Run, attempt: Attempt): Effect {
  return { kind: 'report_note', run: run.id, attempt: attempt.id };
}

/** The task is done: its stage goes on when nothing else is left in it. `run` has it as done. */
function wentOn(run: Run, task: Task, told: Effect[], snapshot: Snapshot): Decision {
  if (stageOf(run)?.kind !== 'verify') {
    const moved = enterStage(run, nextStage(run), snapshot);
    return acted(
      [`${task.type} done`, ...moved.reasons],
      [doneWrite(task), ...moved.writes],
      [...told, ...moved.effects],
    );
  }
  const verified = decideVerify(snapshot, run);
  if (verified.ignored !== null) {
    // Two agents that end at once must not each wait for the other: the second decides again.
    const seen: Write = { op: 'update_run', runId: run.id, version: run.version, patch: {} };
    return acted(
      [`${task.agent} is done; ${verified.ignored}`],
      [doneWrite(task), seen],
      [...told, ...statusOf(run)],
    );
  }
  return {
    ...verified,
    writes: [doneWrite(task), ...verified.writes],
    effects: [...told, ...verified.effects],
  };
}

function answered(run: Run, task: Task, result: JobResult): Decision {
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
  return acted(
    ['the question was answered'],
    [doneWrite(task), ...ended.writes],
    [reply, ...ended.effects],
  );
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
  return wentOn(run, task, [], snapshot);
}

/** A page that people approve, unless it says that there is nothing to approve. */
function pageMade(run: Run, task: Task, attempt: Attempt, result: JobResult): Decision {
  const { report } = result;
  if (report?.kind === 'spec' && !report.feasible) {
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
  return publish(run, task, attempt, false);
}

function built(
  run: Run,
  task: Task,
  attempt: Attempt,
  result: JobResult,
  snapshot: Snapshot,
): Decision {
  if (result.changes.length > 0) return publish(run, task, attempt, false);
  const stage = stageOf(run);
  if (stage?.kind === 'task' && stage.optional) return wentOn(run, task, [], snapshot);
  return decided(
    ended(run, {
      kind: 'needs-human',
      cause: 'The agent finished without changing a file. What it says is below.',
      next: 'Say more precisely what should change, then `/autodev retry <hint>`.',
    }),
  );
}

/** The result becomes a commit; what follows is decided once it is there. */
export function publish(run: Run, task: Task, attempt: Attempt, draft: boolean): Decision {
  const change = writesPage(task.type) ? 'spec' : 'code';
  return acted(
    [`${change} to publish${draft ? ' as a draft' : ''}`],
    [doneWrite(task)],
    [{ kind: 'commit_changes', run: run.id, attempt: attempt.id, change }, ...statusOf(run)],
  );
}

/** A plan is told whatever it says; the run goes on only by one that says so. */
function planned(
  run: Run,
  task: Task,
  attempt: Attempt,
  result: JobResult,
  snapshot: Snapshot,
): Decision {
  const told = noteOf(run, attempt);
  if (result.report?.kind === 'deploy_plan' && result.report.go) {
    return wentOn(run, task, [told], snapshot);
  }
  const back = task.type === 'rollback';
  const stopped = endRun(run, {
    kind: 'needs-human',
    cause: `The plan advises against ${back ? 'the rollback' : 'the deployment'}; it stands in a comment here. Nothing was started.`,
    next: `\`/autodev ${back ? 'rollback' : 'deploy'}\` does it all the same; \`/autodev retry\` has it planned anew.`,
  });
  return acted(
    ['the plan advises against it'],
    [doneWrite(task), ...stopped.writes],
    [told, ...stopped.effects],
  );
}

/** Issues are made first, so that the comment can name them; without any the comment says so. */
function issuesWanted(
  run: Run,
  task: Task,
  attempt: Attempt,
  result: JobResult,
  snapshot: Snapshot,
): Decision {
  const { made } = issuesAsked(result.report);
  if (made.length === 0) return wentOn(run, task, [noteOf(run, attempt)], snapshot);
  return acted(
    [`${made.length} ${made.length === 1 ? 'issue' : 'issues'} to make`],
    [doneWrite(task)],
    [{ kind: 'raise_issues', run: run.id, attempt: attempt.id }, ...statusOf(run)],
  );
}

/** The issues are there: they are told in one comment, and the run goes on. */
export function issuesMade(
  run: Run,
  attemptId: number,
  raised: Extract<Effect, { kind: 'report_note' }>['raised'],
  snapshot: Snapshot,
): Decision {
  const told: Effect = {
    kind: 'report_note',
    run: run.id,
    attempt: attemptId,
    ...(raised === undefined ? {} : { raised }),
  };
  const moved = enterStage(run, nextStage(run), snapshot);
  return acted(['the issues are made', ...moved.reasons], moved.writes, [told, ...moved.effects]);
}
