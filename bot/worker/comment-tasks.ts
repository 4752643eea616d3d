/**
 * What a decision means for the audit trail of tasks: who asked for what, what came of it, and which
 * findings were raised and answered. Written in the decision's own transaction, so that nothing is
 * told that did not happen.
 */
import { answers } from '../domain/task-types.ts';
import type { NewIds } from '../domain/effects.ts';
import { taskOfAttempt, type Run, type Task } from '../domain/runs.ts';
import type { Decision, Launch } from '../domain/snapshot.ts';
import type { JobResult } from '../../schema/wire/result.ts';
import type { Db } from '../store/db.ts';
import { addTaskComment, lastTaskComment, uncommentedTasks } from '../store/task-comments.ts';
import type { DecisionContext } from './decision-context.ts';

const BODY_CHARS = 500;
/** Findings of one result that are told one by one. */
const FINDINGS = 20;

/** Writes what the decision brought for the tasks of its run. */
export async function commentTasks(
  db: Db,
  decision: Decision,
  context: DecisionContext,
  ids: NewIds,
): Promise<void> {
  const { event, snapshot } = context;
  const { run } = snapshot;
  if (run !== null) {
    for (const write of decision.writes) {
      if (write.op === 'end_attempt') await lost(db, run, write.attemptId, write.cause);
    }
    const task = event.kind === 'job_result' ? taskOfAttempt(run, event.attemptId) : null;
    if (event.kind === 'job_result' && task) await brought(db, run, task, event.result);
  }
  for (const write of decision.writes) {
    if (write.op === 'create_run' && write.run.launch && ids.runId !== null) {
      await asked(db, ids.runId, write.run.launch, `@${write.run.requester.username}`);
    }
    if (write.op === 'launch') await asked(db, write.runId, write.launch, person(context));
  }
}

/** Whoever stands behind a decision: the one who wrote just now, else the one who started the run. */
function person({ event, snapshot }: DecisionContext): string {
  const wrote = event.kind === 'note' || event.kind === 'issue' ? event.actor.username : null;
  return `@${wrote ?? snapshot.run?.requester.username ?? 'autodev'}`;
}

/** The new tasks in the order in which they were made; a task that answers another was asked by its agent. */
async function asked(db: Db, runId: number, launch: Launch, by: string): Promise<void> {
  const made = await uncommentedTasks(db, runId);
  const newest = made.slice(-launch.tasks.length);
  for (const [index, { id, parentAgent }] of newest.entries()) {
    const [instruction = ''] = (launch.tasks[index]?.spec.input ?? '').split('\n');
    const author = parentAgent ?? by;
    await addTaskComment(db, { taskId: id, author, kind: 'asked', body: oneLine(instruction) });
  }
}

/** What an agent brought, with a thread for what it found; and its answer where it was asked for one. */
async function brought(db: Db, run: Run, task: Task, result: JobResult): Promise<void> {
  const { id: taskId, agent: author } = task;
  const told = await addTaskComment(db, {
    taskId,
    parentId: await lastTaskComment(db, taskId, 'asked'),
    author,
    kind: 'result',
    body: oneLine(`${result.outcome}: ${result.cause}`),
  });
  const { report } = result;
  const findings = report !== undefined && 'findings' in report ? report.findings : [];
  for (const { severity, title, path, line } of findings.slice(0, FINDINGS)) {
    const body = oneLine(`${severity}: ${title} (${path}:${line})`);
    await addTaskComment(db, { taskId, parentId: told, author, kind: 'finding', body });
  }
  const parent = run.tasks.find(({ id }) => id === task.parentId);
  if (!parent || !answers(task.type)) return;
  const paths = result.changes.map(({ path }) => path);
  const body = oneLine(
    paths.length === 0 ? `${result.outcome}, no file changed` : `changed ${paths.join(', ')}`,
  );
  const about = await lastTaskComment(db, parent.id, 'result');
  await addTaskComment(db, { taskId: parent.id, parentId: about, author, kind: 'answer', body });
}

async function lost(db: Db, run: Run, attemptId: number, cause: string): Promise<void> {
  const task = taskOfAttempt(run, attemptId);
  if (!task) return;
  const parentId = await lastTaskComment(db, task.id, 'asked');
  const body = oneLine(cause);
  await addTaskComment(db, { taskId: task.id, parentId, author: task.agent, kind: 'lost', body });
}

function oneLine(text: string): string {
  const line = text.replaceAll(/\s+/g, ' ').trim();
  return line.length > BODY_CHARS ? `${line.slice(0, BODY_CHARS - 1)}…` : line;
}
