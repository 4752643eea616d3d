/**
 * A decision becomes state and effects in one transaction, together with the end of its delivery:
 * either all of it happened or none of it did (threats R3, R4).
 */
import { withIds, type Effect, type NewIds } from '../domain/effects.ts';
import type { Decision, RunPatch, Write } from '../domain/snapshot.ts';
import { ring, type Ring } from '../queue/ring.ts';
import { reportOf } from '../decide/report.ts';
import { weightsOf } from '../decide/tally.ts';
import { noteApproval, voidApprovals } from '../store/approvals.ts';
import { appendAudit } from '../store/audit.ts';
import { finishAttempt, insertAttempt } from '../store/attempts.ts';
import { lockRunMoney, raiseCaps } from '../store/budgets.ts';
import type { Db } from '../store/db.ts';
import { settleDelivery } from '../store/deliveries.ts';
import { dropEffects, putEffect } from '../store/effects.ts';
import { isUniqueViolation } from '../store/errors.ts';
import { saveFindings } from '../store/findings.ts';
import { releaseFiles } from '../store/file-locks.ts';
import { insertLaunch } from '../store/launches.ts';
import { withTargetLock } from '../store/locks.ts';
import { addMessage } from '../store/messages.ts';
import { activeChildren } from '../store/run-queries.ts';
import { updateRun, type RunPatch as RowPatch } from '../store/runs.ts';
import { recordOwnEvent, type OwnEvent } from '../store/own-events.ts';
import { setTaskState } from '../store/tasks.ts';
import { recordWish } from '../store/wishes.ts';
import { auditEntry } from './audit-entry.ts';
import { commentTasks } from './comment-tasks.ts';
import { createRun, startLaunch } from './create-run.ts';
import { applyKept } from './commit-kept.ts';
import { DecisionConflict, type DecisionContext } from './decision-context.ts';
import { newEffect } from './new-effect.ts';
import type { WorkerDeps } from './deps.ts';
import type { Scope } from './snapshot-base.ts';

/**
 * Applies a decision and rings the queue for its effects.
 * @throws DecisionConflict when a row the decision was based on has changed; nothing was written then.
 */
export async function commitDecision(
  decision: Decision,
  context: DecisionContext,
  deps: WorkerDeps,
): Promise<void> {
  const { delivery, scope } = context;
  const rung = await deps.db.tx(async (db) => {
    await withTargetLock(db, scope.repo.id, scope.target.type, scope.target.iid);
    if (scope.wish && !(await recordWish(db, scope.repo.id, scope.wish, delivery.id))) {
      throw new DecisionConflict('the wish was acted on meanwhile');
    }
    const { run } = context.snapshot;
    if (run !== null && decision.writes.length > 0) await lockRunMoney(db, run.id);
    const ids: NewIds = { runId: null, launchId: null };
    const jobs: Ring[] = [];
    for (const write of decision.writes)
      jobs.push(...(await apply(db, write, decision, context, ids, deps)));
    await commentTasks(db, decision, context, ids);
    for (const effect of decision.effects) {
      jobs.push({ name: 'effect', id: await put(db, effect, scope, ids, deps) });
    }
    await appendAudit(db, {
      repoId: scope.repo.id,
      runId: ids.runId ?? context.snapshot.run?.id ?? null,
      deliveryId: delivery.id,
      targetType: scope.target.type,
      targetIid: scope.target.iid,
      entry: auditEntry(decision, context.event, context.snapshot),
    });
    const settled = await settleDelivery(db, delivery.id, delivery.owner, {
      state: 'done',
      reason: decision.reasons.join('; ').slice(0, 1000),
    });
    if (!settled) throw new DecisionConflict('the delivery was taken over');
    await deps.failpoint('decision.before_commit');
    return jobs;
  });
  await deps.failpoint('decision.committed');
  for (const job of rung) ring(deps, job);
}

/** Applies one write; returns what the queue has to be rung for after the commit. */
async function apply(
  db: Db,
  write: Write,
  decision: Decision,
  context: DecisionContext,
  ids: NewIds,
  deps: WorkerDeps,
): Promise<Ring[]> {
  const { scope } = context;
  const repoId = scope.repo.id;
  switch (write.op) {
    case 'create_run':
      if (!(await createRun(db, write.run, scope, ids))) {
        throw new DecisionConflict('another run was started meanwhile');
      }
      return [];
    case 'update_run': {
      const patch = withReport(write.patch, decision, context, deps);
      const updated = await updateRun(db, write.runId, write.version, rowPatch(patch)).catch(
        anotherRuns,
      );
      if (!updated) throw new DecisionConflict(`run ${write.runId}`);
      // Whoever waits for the files of a run that is over need not wait for their expiry.
      if (write.patch.verdict) await releaseFiles(db, write.runId);
      return [];
    }
    case 'launch':
      await startLaunch(db, write, scope, ids);
      return [];
    case 'new_attempt': {
      const { taskId, runId, spec, ref, sha, workSha } = write;
      // Those of one decision start together.
      const launchId = (ids.launchId ??= await insertLaunch(db, { runId, repoId }));
      await insertAttempt(db, { taskId, runId, repoId, launchId, spec, ref, sha, workSha });
      return [];
    }
    case 'wake': {
      const runId = write.runId === 'new' ? ids.runId : write.runId;
      if (runId === null) throw new Error('a wake refers to a run that was not created');
      const event: OwnEvent = { kind: 'wake', runId };
      const { id } = await recordOwnEvent(db, event, `wake:${runId}:${context.delivery.id}`);
      return [{ name: 'delivery', id }];
    }
    case 'claim_files':
    case 'release_files':
    case 'release_held':
      return applyKept(db, write, context, deps);
    case 'stop_children': {
      const jobs: Ring[] = [];
      for (const runId of await activeChildren(db, write.runId)) {
        const event: OwnEvent = { kind: 'epic_ended', runId, epicIid: write.epicIid };
        const { id } = await recordOwnEvent(db, event, `epic_ended:${runId}`);
        jobs.push({ name: 'delivery', id });
      }
      return jobs;
    }
    default:
      await applyRow(db, write, repoId);
      return [];
  }
}

/** A stopped run may not go on beside another of its target that was started meanwhile. */
function anotherRuns(error: unknown): never {
  if (!isUniqueViolation(error)) throw error;
  throw new DecisionConflict('another run was started meanwhile');
}

/** Writes that are one statement, and that nobody has to be told of. */
type RowWrite = Extract<
  Write,
  {
    op:
      | 'note_approval'
      | 'void_approvals'
      | 'end_attempt'
      | 'end_task'
      | 'raise_caps'
      | 'add_message'
      | 'drop_effects'
      | 'save_findings';
  }
>;

async function applyRow(db: Db, write: RowWrite, repoId: number): Promise<void> {
  switch (write.op) {
    case 'note_approval':
      return noteApproval(db, { repoId, ...write });
    case 'void_approvals':
      return voidApprovals(db, { repoId, ...write });
    case 'end_attempt': {
      const { state, cause } = write;
      const ended = await finishAttempt(db, write.attemptId, { state, cause });
      if (!ended) throw new DecisionConflict(`attempt ${write.attemptId}`);
      return;
    }
    case 'end_task':
      await setTaskState(db, write.taskId, write.state);
      return;
    case 'raise_caps':
      await raiseCaps(db, write.taskIds, write.byMicrousd);
      return;
    case 'add_message':
      await addMessage(db, write);
      return;
    case 'drop_effects':
      await dropEffects(db, write.runId, write.kinds);
      return;
    case 'save_findings':
      if (!(await saveFindings(db, { repoId, changeIid: write.changeIid }, write.findings))) {
        throw new DecisionConflict('findings were judged meanwhile');
      }
      return;
  }
}

/** A verdict comes with the run's final report. */
function withReport(
  patch: RunPatch,
  decision: Decision,
  context: DecisionContext,
  deps: WorkerDeps,
): RunPatch {
  const { run, now } = context.snapshot;
  if (!patch.verdict || !run) return patch;
  const { waitedSeconds = run.waitedSeconds } = patch;
  const saved = decision.writes.find((one) => one.op === 'save_findings');
  const findings = saved?.findings ?? run.findings;
  return { ...patch, report: reportOf({ ...run, waitedSeconds, findings }, now, weightsOf(deps)) };
}

/** Names of the columns for what decide calls by role. */
function rowPatch(patch: RunPatch): RowPatch {
  const { codeHeadSha, specHeadSha, requester, ...same } = patch;
  return {
    ...same,
    ...(codeHeadSha === undefined ? {} : { headSha: codeHeadSha }),
    ...(specHeadSha === undefined ? {} : { specSha: specHeadSha }),
    ...(requester === undefined
      ? {}
      : { requesterId: requester.id, requesterName: requester.username }),
  };
}

async function put(
  db: Db,
  draft: Effect,
  scope: Scope,
  ids: NewIds,
  deps: WorkerDeps,
): Promise<number> {
  const effect = withIds(draft, ids);
  const { id } = await putEffect(db, {
    ...newEffect(effect, scope.repo.id, ids),
    ...(effect.kind === 'status_comment' && !effect.urgent
      ? { delaySeconds: deps.settings.limits.statusSeconds }
      : {}),
  });
  return id;
}
