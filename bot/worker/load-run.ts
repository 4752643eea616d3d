/** A run as decide sees it, from its rows. */
import type { Attempt, Run, Task } from '../domain/runs.ts';
import { attemptById, type AttemptRow } from '../store/attempts.ts';
import type { Db } from '../store/db.ts';
import { runView, type RunView } from '../store/runs.ts';

/** The run with its task and attempts, or null when there is none. */
export async function loadRun(
  db: Db,
  runId: number,
): Promise<{ run: Run; usage: RunView['usage'] } | null> {
  const view = await runView(db, runId);
  if (!view) return null;
  const rows = await Promise.all(view.attempts.map((attempt) => attemptById(db, attempt.id)));
  const attempts = rows.flatMap((row) => (row === null ? [] : [toAttempt(row)]));
  const first = view.tasks[0];
  if (!first) throw new Error(`run ${runId} has no task`);
  const { run } = view;
  const task: Task = {
    id: first.id,
    type: first.type,
    agent: first.agent,
    state: first.state,
    capMicrousd: first.capMicrousd,
    spentMicrousd: view.spentMicrousd,
  };
  return {
    usage: view.usage,
    run: {
      id: run.id,
      repoId: run.repoId,
      target: { type: run.targetType, iid: run.targetIid },
      role: run.role,
      command: run.command,
      args: run.args,
      requester: { id: run.requesterId, username: run.requesterName },
      triggerNoteId: run.triggerNoteId,
      triggerDiscussionId: run.triggerDiscussionId,
      state: run.state,
      stage: run.stage,
      context: run.context,
      verdict: run.verdict,
      statusNoteId: run.statusNoteId,
      branch: run.branch,
      change: run.changeIid === null ? null : { iid: run.changeIid, url: run.changeUrl ?? '' },
      headSha: run.headSha,
      version: run.version,
      createdAt: run.createdAt,
      updatedAt: run.updatedAt,
      finishedAt: run.finishedAt,
      task,
      attempts,
    },
  };
}

function toAttempt(row: AttemptRow): Attempt {
  return {
    id: row.id,
    taskId: row.taskId,
    fence: row.fence,
    state: row.state,
    ref: row.ref,
    sha: row.sha,
    pipelineId: row.pipelineId,
    pipelineUrl: row.pipelineUrl,
    childPipelineId: row.childPipelineId,
    progress: row.progress as Attempt['progress'],
    cause: row.cause,
    spec: row.spec as Attempt['spec'],
    result: row.result as Attempt['result'],
  };
}
