/**
 * Purpose: the gates, where a person decides with the approve button. What counts is re-read from the
 * forge at the moment of use and bound to the head; the merge names that head, so that a push in
 * between can never be merged unseen (threats A6-A10).
 */
import { judgeGate, type GateVerdict } from '../domain/gates.ts';
import type { Effect } from '../domain/effects.ts';
import type { Event } from '../domain/events.ts';
import { isActive, type Verdict } from '../domain/outcomes.ts';
import { stageAfter, stageOf } from '../domain/runs.ts';
import type { ChangeRef, ChangeRole, Run, RunContext } from '../domain/runs.ts';
import type { StageDefinition } from '../../schema/wire/workflow.ts';
import type { ChangeFacts, Decision, Snapshot, Write } from '../domain/snapshot.ts';
import { acted, decided, ignored, type Moved } from './decision.ts';
import { autonomyAt, type Autonomy } from './autonomy.ts';
import { endRun, stopWork } from './end.ts';
import { enterStage, nextStage } from './stages.ts';
import { statusOf } from './status-effects.ts';

type GateStage = Extract<StageDefinition, { kind: 'gate' }>;

/** Merge states in which a merge may be asked for; the forge itself waits or refuses. */
const MERGEABLE = new Set([
  'mergeable',
  'checking',
  'unchecked',
  'preparing',
  'approvals_syncing',
  'ci_still_running',
]);

/** An approval was given or taken back: remember at which head, then look at the gate. */
export function decideApproval(
  event: Extract<Event, { kind: 'change' }>,
  snapshot: Snapshot,
): Decision {
  const noted: Write = {
    op: 'note_approval',
    changeIid: event.change.iid,
    userId: event.actor.id,
    sha: event.change.headSha,
    given: event.action === 'approved',
  };
  const decision = decideGate(asSeen(event, snapshot));
  if (decision.ignored !== null) return acted([decision.ignored], [noted], []);
  return { ...decision, writes: [noted, ...decision.writes] };
}

/** The snapshot with what this very event says: the store learns of it only with the decision. */
function asSeen(event: Extract<Event, { kind: 'change' }>, snapshot: Snapshot): Snapshot {
  const { change } = snapshot;
  if (!change?.gate) return snapshot;
  const seenAtSha = event.action === 'approved' ? event.change.headSha : null;
  const approvals = change.gate.facts.approvals.map((approval) =>
    approval.user.id === event.actor.id ? { ...approval, seenAtSha } : approval,
  );
  const facts = { ...change.gate.facts, approvals };
  return { ...snapshot, change: { ...change, gate: { ...change.gate, facts } } };
}

/** Looks at the gate the run stands at. */
export function decideGate(snapshot: Snapshot): Decision {
  const { run, change } = snapshot;
  if (!run || !isActive(run.state)) return ignored('the run is over');
  const stage = stageOf(run);
  if (stage?.kind !== 'gate') return ignored('the run stands at no gate');
  const role: ChangeRole = stage.gate === 'spec' ? 'spec' : 'code';
  const ref = run.changes[role];
  if (!ref || !change) return ignored('the change at the gate is not known yet');
  const moved = judge(run, stage, role, ref, change, snapshot);
  if (moved === null) return ignored('nothing changed at the gate');
  return decided(moved);
}

function judge(
  run: Run,
  stage: GateStage,
  role: ChangeRole,
  ref: ChangeRef,
  change: ChangeFacts,
  snapshot: Snapshot,
): Moved | null {
  if (change.state === 'merged') {
    return passGate(run, stage, change.mergedSha ?? change.headSha, snapshot);
  }
  if (change.state === 'closed') {
    return sendBack(run, stage, snapshot, `!${ref.iid} was closed`, '');
  }
  if (change.headSha !== ref.headSha) return headMoved(run, role, ref, change);
  if (!change.gate) return null;
  const people = judgeGate(change.gate.facts);
  const auto = people.open ? null : autonomyAt(run, role, change, snapshot);
  const verdict = { ...people, open: people.open || auto?.kind === 'opens' };
  const text = gateText(people, auto, change, run);
  if (text === run.gateNote) return null;
  const gate: Effect = {
    kind: 'set_gate',
    run: run.id,
    change: role,
    sha: ref.headSha,
    state: verdict.open ? 'success' : 'pending',
    text,
    asked: run.version,
  };
  // Once it is open the merge follows at once, and its end is told.
  const shown = statusWanted(role, verdict.open, change.gate.mergeStatus);
  // That a specification waits is told at once by its own merge request, which has just been opened.
  const urgent = !verdict.open && (role === 'code' || run.gateNote !== null);
  const effects: Effect[] = [...(shown ? [gate] : []), ...statusOf(run, urgent)];
  if (verdict.open && MERGEABLE.has(change.gate.mergeStatus)) {
    const asked = run.version;
    effects.push({ kind: 'merge_change', run: run.id, change: role, sha: ref.headSha, asked });
  }
  const names = verdict.counted.map((user) => user.username).join(', ');
  return {
    reasons: [people.open ? `approved by ${names} at ${ref.headSha}` : text],
    writes: [
      { op: 'update_run', runId: run.id, version: run.version, patch: { gateNote: text } },
      ...(verdict.open || run.gateNote === null ? [] : [noMerge(run)]),
    ],
    effects,
  };
}

/** Merge states by which the forge says that it waits for pipelines, and for our status in them. */
const AWAITS_CHECKS = new Set(['ci_must_pass', 'ci_still_running']);

/**
 * Whether the gate's commit status is worth a write. Pending on the code keeps people from merging by
 * mistake; success is needed only where the forge itself waits for it, because the bot's merge follows.
 */
function statusWanted(role: ChangeRole, open: boolean, mergeStatus: string): boolean {
  return (role === 'code' && !open) || AWAITS_CHECKS.has(mergeStatus);
}

/** A merge that was asked for and not begun must not happen once the gate is closed again. */
function noMerge(run: Run): Write {
  return { op: 'drop_effects', runId: run.id, kinds: ['merge_change'] };
}

/** A push voids what was approved: what people add, people look at; the agents' votes stay as they are. */
function headMoved(run: Run, role: ChangeRole, ref: ChangeRef, change: ChangeFacts): Moved {
  const head = role === 'code' ? { codeHeadSha: change.headSha } : { specHeadSha: change.headSha };
  const patch = { ...head, gateNote: null };
  const short = (sha: string): string => sha.slice(0, 8);
  const gate: Effect = {
    kind: 'set_gate',
    run: run.id,
    change: role,
    sha: change.headSha,
    state: 'pending',
    text: `Approvals were for ${short(ref.headSha)}; the head is now ${short(change.headSha)}`,
    asked: run.version,
  };
  return {
    reasons: [`the head moved from ${short(ref.headSha)} to ${short(change.headSha)}`],
    writes: [
      { op: 'update_run', runId: run.id, version: run.version, patch },
      { op: 'void_approvals', changeIid: ref.iid ?? 0, exceptAt: change.headSha },
      noMerge(run),
    ],
    effects: [
      { kind: 'reset_approvals', run: run.id, change: role, sha: change.headSha },
      ...(statusWanted(role, false, change.gate?.mergeStatus ?? '') ? [gate] : []),
      ...statusOf(run, true),
    ],
  };
}

/** A no at the gate: back to the stage the template names, with the reason; else the end. */
export function sendBack(
  run: Run,
  stage: GateStage,
  snapshot: Snapshot,
  why: string,
  reason: string,
): Moved {
  const back = stage.back === undefined ? null : stageOf(run, stage.back);
  if (reason === '' || back === null) {
    const verdict: Verdict = {
      kind: 'cancelled',
      cause: `${why}.`,
      next: '`/autodev retry <hint>` starts it again; `/autodev reject <why>` would have sent it back.',
    };
    return { reasons: [why], ...endRun(run, verdict) };
  }
  const moved = enterStage(run, back, snapshot, { person: reason });
  // Who said no once wants to see what comes of it: no gate of this run opens by itself from now on.
  const context: RunContext = { ...run.context, autonomy: 'guided' };
  const writes = moved.writes.map((write) =>
    write.op === 'update_run' && run.context.autonomy === 'full'
      ? { ...write, patch: { ...write.patch, context } }
      : write,
  );
  return { ...moved, reasons: [why, ...moved.reasons], writes: [...writes, noMerge(run)] };
}

/** One line for the commit status and the status comment: what is missing, and why what is there does not count. */
function gateText(
  verdict: GateVerdict,
  auto: Autonomy | null,
  change: ChangeFacts,
  run: Run,
): string {
  if (verdict.open || auto?.kind === 'opens') {
    const names = verdict.counted.map((user) => `@${user.username}`).join(', ');
    const opened =
      auto?.kind === 'opens' ? `opened by full autonomy: ${auto.because}` : `approved by ${names}`;
    const status = change.gate?.mergeStatus ?? '';
    return MERGEABLE.has(status) ? opened : `${opened}, but ${status}`;
  }
  const head = change.headSha.slice(0, 8);
  const left = change.gate?.facts.approvalsLeft ?? 0;
  const missing =
    left > 0 && verdict.counted.length > 0
      ? `needs ${left} more by the project's rules`
      : `needs 1 approval of ${head} by someone other than @${run.requester.username}`;
  const notes = verdict.notCounted.map(({ user, why }) => `@${user.username}: ${why}`);
  const alone =
    auto?.kind === 'waits' ? [`full autonomy does not apply: ${auto.missing.join(', ')}`] : [];
  return [missing, ...alone, ...notes].join('; ').slice(0, 250);
}

/** On from a gate whose change is merged. */
export function passGate(run: Run, stage: GateStage, sha: string, snapshot: Snapshot): Moved {
  const merged = stage.gate === 'merge' ? { merged: sha } : {};
  return enterStage(run, nextStage(run), snapshot, merged);
}

/** On from the architect's desk when people merged the specification as it stood: that is a yes. */
export function specMergedByPeople(run: Run, snapshot: Snapshot): Moved {
  const { stages } = run.context.workflow;
  const gate = stages.find((stage) => stage.kind === 'gate' && stage.gate === 'spec');
  const stopped = stopWork(run, 'The specification was merged by people.');
  const next = gate === undefined ? null : stageAfter(run, gate.id);
  const moved = enterStage(stopped.run, next, snapshot);
  return {
    reasons: ['the specification was merged by people', ...moved.reasons],
    writes: [...stopped.writes, ...moved.writes],
    effects: [...stopped.effects, ...moved.effects],
  };
}

/**
 * On from anywhere when people merged the code change by themselves: whoever is at work on it stops, and
 * what follows the merge gate follows.
 */
export function mergedByPeople(run: Run, sha: string, snapshot: Snapshot): Moved {
  const { stages } = run.context.workflow;
  const gate = stages.find((stage) => stage.kind === 'gate' && stage.gate === 'merge');
  const stopped = stopWork(run, 'The change was merged by people.');
  const next = gate === undefined ? null : stageAfter(run, gate.id);
  const note = gate === undefined ? 'People merged it.' : '';
  const moved = enterStage(stopped.run, next, snapshot, { merged: sha, note });
  return {
    reasons: ['merged by people', ...moved.reasons],
    writes: [...stopped.writes, ...moved.writes],
    effects: [...stopped.effects, ...moved.effects],
  };
}
