/** A run as decide sees it, from its rows. */
import type { Attempt, ChangeRef, Run, Task } from '../domain/runs.ts';
import { attemptRowsOfRun, type AttemptRow } from '../store/attempts.ts';
import type { Db } from '../store/db.ts';
import { findingsOf } from '../store/findings.ts';
import { runById } from '../store/runs.ts';
import { tasksOfRun, type TaskRow } from '../store/tasks.ts';
import { usageOfRun, type ModelUsage } from '../store/usage.ts';

/** The run with its task and attempts, or null when there is none. */
export async function loadRun(
  db: Db,
  runId: number,
): Promise<{ run: Run; usage: ModelUsage[] } | null> {
  const run = await runById(db, runId);
  if (!run) return null;
  const taskRows = await tasksOfRun(db, runId);
  const attempts = (await attemptRowsOfRun(db, runId)).map(toAttempt);
  const tasks = taskRows.map((task) => toTask(task, attempts));
  const findings = run.changeIid === null ? [] : await findingsOf(db, run.repoId, run.changeIid);
  return {
    usage: await usageOfRun(db, runId),
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
      round: run.round,
      stageSince: run.stageSince,
      waitedSeconds: run.waitedSeconds,
      stoppedAt: run.stoppedAt,
      pausedUntil: run.pausedUntil,
      pausedBy: run.pausedBy,
      overrides: run.overrides,
      parentRunId: run.parentRunId,
      capMicrousd: run.capMicrousd,
      mergedSha: run.mergedSha,
      checks: run.checks,
      deployment: run.deployment,
      report: run.report,
      allowed: run.allowed,
      findings,
      leftOut: run.leftOut,
      gateNote: run.gateNote,
      changes: {
        spec: changeRef(run.specBranch, run.specIid, run.specUrl, run.specSha),
        code: changeRef(run.branch, run.changeIid, run.changeUrl, run.headSha),
      },
      version: run.version,
      createdAt: run.createdAt,
      updatedAt: run.updatedAt,
      finishedAt: run.finishedAt,
      tasks,
    },
  };
}

function toTask(row: TaskRow, attempts: readonly Attempt[]): Task {
  const { runId: _run, reservedMicrousd: _held, createdAt: _made, updatedAt: _seen, ...task } = row;
  return { ...task, attempts: attempts.filter((attempt) => attempt.taskId === row.id) };
}

function changeRef(
  branch: string | null,
  iid: number | null,
  url: string | null,
  headSha: string | null,
): ChangeRef | null {
  return branch === null ? null : { branch, iid, url: url ?? '', headSha: headSha ?? '' };
}

function toAttempt(row: AttemptRow): Attempt {
  return {
    id: row.id,
    taskId: row.taskId,
    fence: row.fence,
    launchId: row.launchId,
    state: row.state,
    ref: row.ref,
    sha: row.sha,
    workSha: row.workSha,
    pipelineId: row.pipelineId,
    pipelineUrl: row.pipelineUrl,
    childPipelineId: row.childPipelineId,
    progress: row.progress as Attempt['progress'],
    cause: row.cause,
    refusal: row.refusal,
    cooled: row.cooled,
    spec: row.spec as Attempt['spec'],
    result: row.result as Attempt['result'],
  };
}
