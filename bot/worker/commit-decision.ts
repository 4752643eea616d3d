/**
 * A decision becomes state and effects in one transaction, together with the end of its delivery:
 * either all of it happened or none of it did (threats R3, R4).
 */
import { effectKey, withIds, type Effect, type NewIds } from '../domain/effects.ts';
import type { Event } from '../domain/events.ts';
import type { Decision, Launch, NewRun, RunPatch, Snapshot, Write } from '../domain/snapshot.ts';
import { ring, type Ring } from '../queue/ring.ts';
import { reportOf } from '../decide/report.ts';
import { weightsOf } from '../decide/tally.ts';
import { noteApproval } from '../store/approvals.ts';
import { appendAudit } from '../store/audit.ts';
import { finishAttempt, insertAttempt } from '../store/attempts.ts';
import type { Db } from '../store/db.ts';
import { settleDelivery, type DeliveryRow } from '../store/deliveries.ts';
import { dropEffects, putEffect } from '../store/effects.ts';
import { insertLaunch } from '../store/launches.ts';
import { withTargetLock } from '../store/locks.ts';
import { activeChildren } from '../store/run-queries.ts';
import { insertRun, updateRun, type RunPatch as RowPatch } from '../store/runs.ts';
import { recordOwnEvent, type OwnEvent } from '../store/own-events.ts';
import { insertTask, setTaskState } from '../store/tasks.ts';
import { useWorkflow } from '../store/workflow-versions.ts';
import type { WorkerDeps } from './deps.ts';
import type { Scope } from './take-snapshot.ts';

/** The state moved on between snapshot and commit: decide again on a fresh snapshot. */
export class DecisionConflict extends Error {
  constructor(what: string) {
    super(`the state moved on: ${what}`);
    this.name = 'DecisionConflict';
  }
}

/** A delivery with the name of the claim under which it is worked on. */
export interface ClaimedDelivery extends DeliveryRow {
  owner: string;
}

export interface DecisionContext {
  delivery: ClaimedDelivery;
  event: Event;
  snapshot: Snapshot;
  scope: Scope;
}

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
    const ids: NewIds = { runId: null, launchId: null };
    const jobs: Ring[] = [];
    for (const write of decision.writes) jobs.push(...(await apply(db, write, context, ids, deps)));
    for (const effect of decision.effects) {
      jobs.push({ name: 'effect', id: await put(db, effect, scope, ids, deps) });
    }
    await appendAudit(db, {
      repoId: scope.repo.id,
      runId: ids.runId ?? context.snapshot.run?.id ?? null,
      deliveryId: delivery.id,
      targetType: scope.target.type,
      targetIid: scope.target.iid,
      entry: auditEntry(decision, context),
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
  context: DecisionContext,
  ids: NewIds,
  deps: WorkerDeps,
): Promise<Ring[]> {
  const { scope } = context;
  const repoId = scope.repo.id;
  switch (write.op) {
    case 'create_run':
      await createRun(db, write.run, scope, ids);
      return [];
    case 'update_run': {
      const patch = withReport(write.patch, context, deps);
      const updated = await updateRun(db, write.runId, write.version, rowPatch(patch));
      if (!updated) throw new DecisionConflict(`run ${write.runId}`);
      return [];
    }
    case 'launch':
      await startLaunch(db, write, scope, ids);
      return [];
    case 'new_attempt': {
      const { taskId, runId, spec, ref, sha } = write;
      const launchId = await insertLaunch(db, { runId, repoId });
      await insertAttempt(db, { taskId, runId, repoId, launchId, spec, ref, sha });
      ids.launchId = launchId;
      return [];
    }
    case 'wake': {
      const runId = write.runId === 'new' ? ids.runId : write.runId;
      if (runId === null) throw new Error('a wake refers to a run that was not created');
      const event: OwnEvent = { kind: 'wake', runId };
      const { id } = await recordOwnEvent(db, event, `wake:${runId}:${context.delivery.id}`);
      return [{ name: 'delivery', id }];
    }
    case 'stop_children': {
      const jobs: Ring[] = [];
      for (const runId of await activeChildren(db, write.runId)) {
        const event: OwnEvent = { kind: 'epic_ended', runId, epicIid: write.epicIid };
        const { id } = await recordOwnEvent(db, event, `epic_ended:${runId}`);
        jobs.push({ name: 'delivery', id });
      }
      return jobs;
    }
    case 'note_approval':
      await noteApproval(db, { repoId, ...write });
      return [];
    case 'end_attempt': {
      const { state, cause } = write;
      const ended = await finishAttempt(db, write.attemptId, { state, cause });
      if (!ended) throw new DecisionConflict(`attempt ${write.attemptId}`);
      return [];
    }
    case 'end_task':
      await setTaskState(db, write.taskId, write.state);
      return [];
    case 'drop_effects':
      await dropEffects(db, write.runId, write.kinds);
      return [];
  }
}

/** A verdict comes with the run's final report. */
function withReport(patch: RunPatch, context: DecisionContext, deps: WorkerDeps): RunPatch {
  const { run, now } = context.snapshot;
  if (!patch.verdict || !run) return patch;
  const { waitedSeconds = run.waitedSeconds } = patch;
  return { ...patch, report: reportOf({ ...run, waitedSeconds }, now, weightsOf(deps)) };
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

async function createRun(db: Db, run: NewRun, scope: Scope, ids: NewIds): Promise<void> {
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
  if (!row) throw new DecisionConflict('another run was started meanwhile');
  ids.runId = row.id;
  await useWorkflow(db, run.context.workflow);
  if (run.launch === null) {
    await updateRun(db, row.id, row.version, { waitsFor: 'checks' });
    return;
  }
  await startLaunch(
    db,
    { runId: row.id, stage: run.stage, round: 0, launch: run.launch },
    scope,
    ids,
  );
}

/** The tasks of a stage with their first attempts, all under one launch. */
async function startLaunch(
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
    const { ref, sha } = launch;
    await insertAttempt(db, { taskId, runId, repoId, launchId, spec, ref, sha });
  }
  ids.launchId = launchId;
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
    repoId: scope.repo.id,
    runId: 'run' in effect && effect.run !== 'new' ? effect.run : null,
    attemptId: 'attempt' in effect ? effect.attempt : null,
    kind: effect.kind,
    key: effectKey(effect, scope.repo.id, ids),
    payload: effect,
    ...(effect.kind === 'status_comment' && !effect.urgent
      ? { notBefore: new Date(deps.now().getTime() + deps.settings.limits.statusSeconds * 1000) }
      : {}),
  });
  return id;
}

/** What `autodev explain` shows: ids and facts, no texts by people. */
function auditEntry(decision: Decision, context: DecisionContext): Record<string, unknown> {
  const { event, snapshot } = context;
  return {
    event: event.kind,
    actor: 'actor' in event ? event.actor : null,
    known: {
      access: snapshot.actorAccess,
      run: snapshot.run && {
        id: snapshot.run.id,
        state: snapshot.run.state,
        stage: snapshot.run.stage,
      },
      headSha: snapshot.headSha,
      change: snapshot.change && {
        state: snapshot.change.state,
        headSha: snapshot.change.headSha,
        pipeline: snapshot.change.pipeline?.status ?? null,
        approvals: snapshot.change.gate?.facts.approvals.map(({ user }) => user.id) ?? null,
      },
    },
    reasons: decision.reasons,
    writes: decision.writes.map((write) => write.op),
    effects: decision.effects.map((effect) => effect.kind),
  };
}
