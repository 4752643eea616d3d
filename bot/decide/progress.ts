/**
 * Purpose: how a run moves on once an effect is settled or its change's own pipeline has ended.
 */
import type { Event } from '../domain/events.ts';
import { isActive, type Verdict } from '../domain/outcomes.ts';
import { latestAttempt, type Run } from '../domain/runs.ts';
import type { Decision, Snapshot } from '../domain/snapshot.ts';
import { stopRun } from './control.ts';
import { acted, ignored } from './decision.ts';
import { endRun } from './end.ts';
import { duration, money } from './format.ts';
import { decideLost, limitVerdict } from './results.ts';
import { statusOf } from './start.ts';

/** A pipeline was created, changes were committed, a change was opened; or could not be. */
export function decideSettled(snapshot: Snapshot): Decision {
  const { run, effect: settled } = snapshot;
  if (!run || !isActive(run.state)) return ignored('the run is over');
  if (!settled) return ignored('the effect is gone');
  const { effect, receipt } = settled;
  if (effect.kind === 'create_pipeline') {
    if (settled.state === 'done') return acted(['the pipeline was created'], [], statusOf(run));
    const attempt = latestAttempt(run);
    if (!attempt || attempt.id !== effect.attempt) return ignored('a newer attempt has taken over');
    return decideLost(
      {
        kind: 'attempt_lost',
        runId: run.id,
        attemptId: attempt.id,
        loss: 'pipeline_refused',
        detail: settled.error ?? 'no reason given',
      },
      snapshot,
    );
  }
  if (settled.state !== 'done' || !receipt) {
    return end(run, {
      kind: 'needs-human',
      cause: `The result could not be published: ${settled.error ?? 'no reason given'}`,
      next: 'Check the bot account’s rights in the project, then `/autodev retry`.',
    });
  }
  if (receipt.kind === 'commit_changes') {
    if (receipt.outcome === 'refused') {
      return end(run, { kind: 'refused', cause: receipt.cause, next: receipt.next });
    }
    const attempt = latestAttempt(run);
    if (!attempt) return ignored('no attempt to publish');
    const draft = attempt.result?.outcome !== 'finished';
    return acted(
      [`committed ${receipt.sha} to ${receipt.branch}`],
      [],
      [{ kind: 'open_change', run: run.id, attempt: attempt.id, draft }, ...statusOf(run)],
    );
  }
  if (receipt.kind === 'open_change') return decideOpened(run, receipt.iid);
  return ignored(`nothing follows from ${receipt.kind}`);
}

/** Looks at the change's own pipeline: by its webhook, or by the sweeper when that was missed. */
export function decideVerify(snapshot: Snapshot): Decision {
  const run = snapshot.run;
  if (!run || !isActive(run.state)) return ignored('the run is over');
  if (run.stage !== 'verify' || !run.change) return ignored('the run has no change to check yet');
  const { changeState, changePipeline } = snapshot;
  if (changeState === 'merged')
    return end(run, doneVerdict(run, snapshot.now, 'It is merged already.'));
  if (changeState === 'closed') {
    return end(run, {
      kind: 'cancelled',
      cause: `!${run.change.iid} was closed.`,
      next: 'Reopen it to go on by hand, or `/autodev implement` to start anew.',
    });
  }
  const waitedMs = snapshot.now.getTime() - run.updatedAt.getTime();
  const limitMs = snapshot.settings.limits.verifyMinutes * 60_000;
  if (!changePipeline) {
    if (waitedMs < limitMs) return ignored('the change has no pipeline yet');
    return end(run, doneVerdict(run, snapshot.now, 'The repository ran no pipeline for it.'));
  }
  switch (changePipeline.status) {
    case 'success':
      return end(
        run,
        doneVerdict(run, snapshot.now, `Its [pipeline](${changePipeline.url}) passed.`),
      );
    case 'failed':
    case 'canceled':
      return end(run, {
        kind: 'needs-human',
        cause: `!${run.change.iid} is open, but its [pipeline](${changePipeline.url}) ${changePipeline.status === 'failed' ? 'failed' : 'was cancelled'}.`,
        next: 'Take over on the branch, or close it and `/autodev retry <hint>`.',
      });
    case 'skipped':
    case 'manual':
      return end(
        run,
        doneVerdict(run, snapshot.now, `Its pipeline is \`${changePipeline.status}\`.`),
      );
    default:
      if (waitedMs < limitMs) return ignored(`the pipeline is ${changePipeline.status}`);
      return end(
        run,
        doneVerdict(run, snapshot.now, 'Its pipeline had not ended when the wait was over.'),
      );
  }
}

/** A pipeline hook: of the run's change, or of the attempt's own parent pipeline. */
export function decidePipeline(
  event: Extract<Event, { kind: 'pipeline' }>,
  snapshot: Snapshot,
): Decision {
  const run = snapshot.run;
  if (!run) return ignored('a pipeline of no run');
  const attempt = latestAttempt(run);
  if (attempt && attempt.pipelineId === event.pipeline.id) {
    return decideAttemptPipeline(snapshot, attempt.id);
  }
  return decideVerify(snapshot);
}

/** The attempt's own pipeline ended while the attempt was still open: it will bring no result. */
function decideAttemptPipeline(snapshot: Snapshot, attemptId: number): Decision {
  const { run, attemptPipeline: pipeline } = snapshot;
  if (!run || !pipeline) return ignored('the pipeline is gone');
  if (pipeline.status !== 'failed' && pipeline.status !== 'canceled') {
    return ignored(`the attempt's pipeline is ${pipeline.status}`);
  }
  return decideLost(
    {
      kind: 'attempt_lost',
      runId: run.id,
      attemptId,
      loss: pipeline.status === 'canceled' ? 'pipeline_cancelled' : 'pipeline_failed',
      detail: `pipeline ${pipeline.id} is ${pipeline.status}`,
    },
    snapshot,
  );
}

/** The issue was closed while work on it was under way. */
export function decideIssueClosed(snapshot: Snapshot, who: string): Decision {
  const run = snapshot.run;
  if (!run || !isActive(run.state)) return ignored('no run is active on this issue');
  const stopped = stopRun(run, {
    kind: 'cancelled',
    cause: `The issue was closed by @${who}.`,
    next: 'Reopen it, then `/autodev retry`.',
  });
  return acted([`issue closed by ${who}`], stopped.writes, stopped.effects);
}

function decideOpened(run: Run, iid: number): Decision {
  const result = latestAttempt(run)?.result;
  if (result && result.outcome !== 'finished') {
    return end(run, limitVerdict(result, run, { iid }));
  }
  return acted(
    [`change !${iid} is open`],
    [{ op: 'update_run', runId: run.id, version: run.version, patch: { stage: 'verify' } }],
    statusOf(run),
  );
}

function doneVerdict(run: Run, now: Date, checks: string): Verdict {
  const iid = run.change?.iid ?? 0;
  const took = duration(now.getTime() - run.createdAt.getTime());
  return {
    kind: 'done',
    cause: `!${iid} is open with the change. ${checks} ${money(run.task.spentMicrousd)}, ${took}.`,
    next: `Review !${iid} and merge it when it is right.`,
  };
}

function end(run: Run, verdict: Verdict): Decision {
  const ended = endRun(run, verdict);
  return acted([`verdict ${verdict.kind}`], ended.writes, ended.effects);
}
