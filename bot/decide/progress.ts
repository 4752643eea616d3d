/**
 * Purpose: how a run moves on once an effect is settled, a pipeline has ended, or somebody touched its
 * issue or changes.
 */
import type { Effect, Receipt } from '../domain/effects.ts';
import type { Event } from '../domain/events.ts';
import { isActive, type Verdict } from '../domain/outcomes.ts';
import {
  currentTasks,
  isOpen,
  latestAttempt,
  resultOf,
  stageOf,
  taskOfAttempt,
  type Attempt,
  type Run,
  type Task,
} from '../domain/runs.ts';
import type { Decision, Snapshot } from '../domain/snapshot.ts';
import { builds } from '../domain/task-types.ts';
import { acted, decided, ignored } from './decision.ts';
import { endRun, ended } from './end.ts';
import { issueRefused } from './epic-control.ts';
import { decideChildren } from './children.ts';
import { decideDeploy, jobFailed, jobRefused } from './deploy.ts';
import { decideGate, passGate } from './gate.ts';
import { issuesMade } from './finished.ts';
import { claimFor, claimText } from './locks.ts';
import { loseAttempts } from './losses.ts';
import { limitVerdict, whereIsIt } from './results.ts';
import { verdictOfSame } from './same-changes.ts';
import { enterStage, nextStage } from './stages.ts';
import { statusOf } from './status-effects.ts';
import { decideVerify } from './verify.ts';

/** A pipeline was created, changes were committed, a change was opened or merged; or could not be. */
export function decideSettled(snapshot: Snapshot): Decision {
  const { run, effect: settled } = snapshot;
  if (!run || !isActive(run.state)) return ignored('the run is over');
  if (!settled) return ignored('the effect is gone');
  const { effect, receipt } = settled;
  if (!isAwaited(run, effect)) return ignored('the run went on already');
  if (settled.state === 'done' && receipt) return settledWell(run, effect, receipt, snapshot);
  const error = settled.error ?? 'no reason given';
  if (effect.kind === 'create_pipeline') return pipelineRefused(run, effect, error, snapshot);
  if (effect.kind === 'play_job') return jobFailed(run, error);
  if (effect.kind === 'create_epic' || effect.kind === 'create_issue') {
    return decided(ended(run, issueRefused(error)));
  }
  return decided(
    ended(run, {
      kind: 'needs-human',
      cause: `The result could not be published: ${error}`,
      next: 'Check the bot account’s rights in the project, then `/autodev retry`.',
    }),
  );
}

/**
 * True while the run still is where it asked for the effect. An answer that comes late or twice must
 * not move a run that stands at its next gate or works on its next task.
 */
function isAwaited(run: Run, effect: Effect): boolean {
  const stage = stageOf(run);
  switch (effect.kind) {
    case 'commit_changes':
    case 'open_change':
    case 'raise_issues': {
      const task = taskOfAttempt(run, effect.attempt);
      return task?.stage === run.stage && task.round === run.round;
    }
    case 'merge_change':
      return stage?.kind === 'gate' && (stage.gate === 'spec') === (effect.change === 'spec');
    case 'play_job':
      return stage?.kind === 'deploy' && run.deployment?.state !== 'success';
    case 'create_epic':
    case 'create_issue':
      return stage?.kind === 'children';
    default:
      return true;
  }
}

function settledWell(run: Run, effect: Effect, receipt: Receipt, snapshot: Snapshot): Decision {
  switch (receipt.kind) {
    case 'create_pipeline':
      return acted(['the pipeline was created'], [], statusOf(run));
    case 'commit_changes':
      if (receipt.outcome === 'refused') {
        const { cause, next, blocked: files } = receipt;
        const verdict: Verdict = { kind: 'refused', cause, next };
        if (files === undefined || effect.kind !== 'commit_changes')
          return decided(ended(run, verdict));
        const { attempt, change } = effect;
        return decided(ended(run, { ...verdict, blocked: { attempt, change, files } }));
      }
      if (receipt.outcome === 'same') return decided(ended(run, verdictOfSame(run, receipt.as)));
      return effect.kind === 'commit_changes'
        ? committed(run, effect, receipt.sha, snapshot)
        : noFollow(receipt);
    case 'open_change':
      return effect.kind === 'open_change'
        ? opened(run, effect, receipt.iid, snapshot)
        : noFollow(receipt);
    case 'merge_change':
      // Looked at as if for the first time: what stood in the way may be gone by now.
      if (receipt.outcome === 'not_merged') {
        return decideGate({ ...snapshot, run: { ...run, gateNote: null } });
      }
      return merged(run, receipt.sha, snapshot);
    case 'play_job':
      return receipt.outcome === 'refused'
        ? jobRefused(run, receipt.cause, receipt.next)
        : acted(['the deploy job was started'], [], statusOf(run));
    case 'raise_issues':
      if (effect.kind !== 'raise_issues') return noFollow(receipt);
      return receipt.outcome === 'raised'
        ? issuesMade(run, effect.attempt, receipt.issues, snapshot)
        : decided(ended(run, { kind: 'refused', cause: receipt.cause, next: receipt.next }));
    case 'create_epic':
    case 'create_issue':
      return decideChildren(snapshot);
    default:
      return noFollow(receipt);
  }
}

function noFollow(receipt: Receipt): Decision {
  return ignored(`nothing follows from ${receipt.kind}`);
}

function committed(
  run: Run,
  effect: Extract<Effect, { kind: 'commit_changes' }>,
  sha: string,
  snapshot: Snapshot,
): Decision {
  const { attempt, change } = effect;
  const reason = `committed ${sha}`;
  const task = taskOfAttempt(run, attempt);
  const result = resultOf(task);
  const partial = result !== null && result.outcome !== 'finished';
  if (run.changes[change]?.iid == null) {
    const draft = partial;
    return acted(
      [reason],
      [],
      [{ kind: 'open_change', run: run.id, attempt, change, draft }, ...statusOf(run)],
    );
  }
  if (task && partial)
    return decided(ended(run, limitVerdict(result, task, whereIsIt(run), snapshot)));
  const next = goOn(run, snapshot, reason);
  if (change !== 'code' || !task || !wasDraft(run, task)) return next;
  const ready: Effect = { kind: 'update_change', run: run.id, round: run.round, ready: true };
  return { ...next, effects: [ready, ...next.effects] };
}

/** True for the first finished work on a change that was opened with half of it, as a draft. */
function wasDraft(run: Run, task: Task): boolean {
  const before = run.tasks.slice(0, run.tasks.indexOf(task)).filter(({ type }) => builds(type));
  const outcomes = before.map((one) => resultOf(one)).filter((one) => one?.changes.length);
  return outcomes.length > 0 && outcomes.every((one) => one?.outcome !== 'finished');
}

function opened(
  run: Run,
  effect: Extract<Effect, { kind: 'open_change' }>,
  iid: number,
  snapshot: Snapshot,
): Decision {
  const task = taskOfAttempt(run, effect.attempt);
  const result = resultOf(task);
  if (task && result && result.outcome !== 'finished') {
    const partial = ` What was done so far is in draft !${iid}.`;
    return decided(ended(run, limitVerdict(result, task, partial, snapshot)));
  }
  return goOn(run, snapshot, `change !${iid} is open`);
}

function merged(run: Run, sha: string, snapshot: Snapshot): Decision {
  const stage = stageOf(run);
  if (stage?.kind !== 'gate') return ignored('the run left its gate');
  const moved = passGate(run, stage, sha, snapshot);
  return acted([`merged as ${sha}`, ...moved.reasons], moved.writes, moved.effects);
}

/** From a task stage whose result is published to the next stage. */
function goOn(run: Run, snapshot: Snapshot, reason: string): Decision {
  const moved = enterStage(run, nextStage(run), snapshot);
  return acted([reason, ...moved.reasons], moved.writes, moved.effects);
}

function pipelineRefused(
  run: Run,
  effect: Extract<Effect, { kind: 'create_pipeline' }>,
  detail: string,
  snapshot: Snapshot,
): Decision {
  const launched = openAttempts(run).filter(({ launchId }) => launchId === effect.launch);
  if (launched.length === 0) return ignored('a newer attempt has taken over');
  return loseAttempts(
    launched.map(({ id }) => id),
    'pipeline_refused',
    detail,
    snapshot,
  );
}

/** A pipeline hook: of one of the run's changes, or of an attempt's own parent pipeline. */
export function decidePipeline(
  event: Extract<Event, { kind: 'pipeline' }>,
  snapshot: Snapshot,
): Decision {
  const run = snapshot.run;
  if (!run) return ignored('a pipeline of no run');
  // Tasks that started together share the pipeline, and lose it together.
  const inside = openAttempts(run).filter(({ pipelineId }) => pipelineId === event.pipeline.id);
  if (inside.length === 0) return decideWaiting(snapshot);
  const pipeline = snapshot.attemptPipeline;
  if (!pipeline || pipeline.id !== event.pipeline.id) return ignored('the pipeline is gone');
  if (pipeline.status !== 'failed' && pipeline.status !== 'canceled') {
    return ignored(`the attempt's pipeline is ${pipeline.status}`);
  }
  const loss = pipeline.status === 'canceled' ? 'pipeline_cancelled' : 'pipeline_failed';
  const detail = `pipeline ${pipeline.id} is ${pipeline.status}`;
  return loseAttempts(
    inside.map(({ id }) => id),
    loss,
    detail,
    snapshot,
  );
}

/** Looks at whatever the run waits for: by a hook, or by the sweeper when the hook was missed. */
export function decideWaiting(snapshot: Snapshot): Decision {
  const run = snapshot.run;
  if (!run || !isActive(run.state)) return ignored('the run is over');
  switch (stageOf(run)?.kind) {
    case 'verify':
      return decideVerify(snapshot);
    case 'gate':
      return decideGate(snapshot);
    case 'deploy':
      return decideDeploy(snapshot);
    case 'children':
      return decideChildren(snapshot);
    case 'task':
      return decideFiles(run, snapshot);
    default:
      return ignored('the run waits for nothing');
  }
}

/** A task stage without its task waits for files; it starts when nobody else has them. */
function decideFiles(run: Run, snapshot: Snapshot): Decision {
  const stage = stageOf(run);
  if (stage === null || currentTasks(run).length > 0) return ignored('an agent is at work');
  const claim = claimFor(run, stage, snapshot);
  if (claim !== null && 'waitsFor' in claim && claimText(claim.waitsFor) === run.gateNote) {
    return ignored(`still waits for ${run.gateNote}`);
  }
  const moved = enterStage(run, stage, snapshot);
  return decided(moved);
}

/**
 * The issue was closed while work on it was under way. A merge closes it too, by the closing words of
 * the change, and the hooks of both come in any order: then it is the merge that counts.
 */
export function decideIssueClosed(snapshot: Snapshot, who: string): Decision {
  const run = snapshot.run;
  if (!run || !isActive(run.state)) return ignored('no run is active on this issue');
  if (snapshot.issue?.state === 'opened') return ignored('the issue is open again');
  const stage = stageOf(run);
  // What is deployed is on the default branch already; the issue says nothing about it.
  if (stage?.kind === 'deploy') return ignored('a deployment goes on without its issue');
  const onCode = stage?.kind === 'verify' || (stage?.kind === 'gate' && stage.gate === 'merge');
  if (onCode && snapshot.change?.state === 'merged') return decideWaiting(snapshot);
  if (run.mergedSha !== null) return ignored('the merge closed the issue; what follows it goes on');
  const stopped = endRun(run, {
    kind: 'cancelled',
    cause: `The issue was closed by @${who}.`,
    next: 'Reopen it, then `/autodev retry`.',
  });
  return acted([`issue closed by ${who}`], stopped.writes, stopped.effects);
}

function openAttempts(run: Run): Attempt[] {
  return run.tasks
    .flatMap((task) => latestAttempt(task) ?? [])
    .filter((attempt) => isOpen(attempt));
}
