/** New rows of a run: itself, its tasks and their first attempts. */
import type { NewIds } from '../domain/effects.ts';
import type { Launch, NewRun } from '../domain/snapshot.ts';
import { insertAttempt } from '../store/attempts.ts';
import type { Db } from '../store/db.ts';
import { insertLaunch } from '../store/launches.ts';
import { insertRun, updateRun } from '../store/runs.ts';
import { insertTask } from '../store/tasks.ts';
import { useWorkflow } from '../store/workflow-versions.ts';
import type { Scope } from './snapshot-base.ts';

/** A run with its first tasks; false when another run of its target was started meanwhile. */
export async function createRun(db: Db, run: NewRun, scope: Scope, ids: NewIds): Promise<boolean> {
  const row = await insertRun(db, {
    repoId: scope.repo.id,
    targetType: run.target.type,
    targetIid: run.target.iid,
    role: run.role,
    command: run.command,
    args: run.args,
    requesterId: run.requester.id,
    requesterName: run.requester.username,
    triggerNoteId: run.triggerNoteId,
    triggerDiscussionId: run.triggerDiscussionId,
    state: 'queued',
    stage: run.stage,
    context: run.context,
    capMicrousd: run.capMicrousd,
    parentRunId: run.parentRunId,
    statusNoteId: run.statusNoteId,
    branch: run.change?.branch ?? null,
    changeIid: run.change?.iid ?? null,
    changeUrl: run.change?.url ?? null,
    headSha: run.change?.headSha ?? null,
  });
  if (!row) return false;
  ids.runId = row.id;
  await useWorkflow(db, run.context.workflow);
  const stage = run.context.workflow.stages.find(({ id }) => id === run.stage);
  if (stage?.kind !== 'task') await updateRun(db, row.id, row.version, { waitsFor: 'checks' });
  if (run.launch === null) return true;
  await startLaunch(
    db,
    { runId: row.id, stage: run.stage, round: 0, launch: run.launch },
    scope,
    ids,
  );
  return true;
}

/** The tasks of a stage with their first attempts, all under one launch. */
export async function startLaunch(
  db: Db,
  start: { runId: number; stage: string; round: number; launch: Launch },
  scope: Scope,
  ids: NewIds,
): Promise<void> {
  const { runId, stage, round, launch } = start;
  const repoId = scope.repo.id;
  const launchId = await insertLaunch(db, { runId, repoId });
  for (const { spec, ...task } of launch.tasks) {
    const { id: taskId } = await insertTask(db, { runId, stage, round, ...task });
    const { ref, sha, workSha } = launch;
    await insertAttempt(db, { taskId, runId, repoId, launchId, spec, ref, sha, workSha });
  }
  ids.launchId = launchId;
}
