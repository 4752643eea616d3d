/**
 * A decision becomes state and effects in one transaction, together with the end of its delivery:
 * either all of it happened or none of it did (threats R3, R4).
 */
import { effectKey, withIds, type Effect, type NewIds } from '../domain/effects.ts';
import type { Event } from '../domain/events.ts';
import type { Decision, Launch, NewRun, RunPatch, Snapshot, Write } from '../domain/snapshot.ts';
import { ring } from '../queue/ring.ts';
import { noteApproval } from '../store/approvals.ts';
import { appendAudit } from '../store/audit.ts';
import { finishAttempt, insertAttempt } from '../store/attempts.ts';
import type { Db } from '../store/db.ts';
import { settleDelivery, type DeliveryRow } from '../store/deliveries.ts';
import { dropEffects, putEffect } from '../store/effects.ts';
import { insertLaunch } from '../store/launches.ts';
import { withTargetLock } from '../store/locks.ts';
import { insertRun, updateRun, type RunPatch as RowPatch } from '../store/runs.ts';
import { insertTask, setTaskState } from '../store/tasks.ts';
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
  const effectIds = await deps.db.tx(async (db) => {
    await withTargetLock(db, scope.repo.id, scope.target.type, scope.target.iid);
    const ids: NewIds = { runId: null, launchId: null };
    for (const write of decision.writes) await apply(db, write, scope, ids);
    const rung: number[] = [];
    for (const effect of decision.effects) rung.push(await put(db, effect, scope, ids, deps));
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
    return rung;
  });
  await deps.failpoint('decision.committed');
  for (const id of effectIds) ring(deps, { name: 'effect', id });
}

async function apply(db: Db, write: Write, scope: Scope, ids: NewIds): Promise<void> {
  switch (write.op) {
    case 'create_run':
      return createRun(db, write.run, scope, ids);
    case 'update_run': {
      const updated = await updateRun(db, write.runId, write.version, rowPatch(write.patch));
      if (!updated) throw new DecisionConflict(`run ${write.runId}`);
      return;
    }
    case 'launch':
      return startLaunch(db, write, scope, ids);
    case 'new_attempt': {
      const { taskId, runId, spec, ref, sha } = write;
      const repoId = scope.repo.id;
      const launchId = await insertLaunch(db, { runId, repoId });
      await insertAttempt(db, { taskId, runId, repoId, launchId, spec, ref, sha });
      ids.launchId = launchId;
      return;
    }
    case 'note_approval':
      return noteApproval(db, { repoId: scope.repo.id, ...write });
    case 'end_attempt': {
      const { state, cause } = write;
      const ended = await finishAttempt(db, write.attemptId, { state, cause });
      if (!ended) throw new DecisionConflict(`attempt ${write.attemptId}`);
      return;
    }
    case 'end_task':
      return setTaskState(db, write.taskId, write.state);
    case 'drop_effects':
      await dropEffects(db, write.runId, write.kinds);
      return;
  }
}

/** Names of the columns for what decide calls by role. */
function rowPatch(patch: RunPatch): RowPatch {
  const { codeHeadSha, specHeadSha, ...same } = patch;
  return {
    ...same,
    ...(codeHeadSha === undefined ? {} : { headSha: codeHeadSha }),
    ...(specHeadSha === undefined ? {} : { specSha: specHeadSha }),
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
    statusNoteId: run.statusNoteId,
  });
  if (!row) throw new DecisionConflict('another run was started meanwhile');
  ids.runId = row.id;
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
