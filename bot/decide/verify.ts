/**
 * Purpose: the verify stage: wait for the agents and for the change's own pipeline, then vote, and go
 * on, go back to the fix stage, or hand over to a person.
 */
import type { CheckFacts, CheckOutcome } from '../domain/checks.ts';
import type { Effect } from '../domain/effects.ts';
import { isActive, type Verdict } from '../domain/outcomes.ts';
import { currentTasks, stageOf, type Run } from '../domain/runs.ts';
import type { Decision, Snapshot, Write } from '../domain/snapshot.ts';
import { acted, decided, ignored, type Moved } from './decision.ts';
import { checksSentence } from './check-text.ts';
import { endRun, ended } from './end.ts';
import { NO_REVIEW_FACTS } from '../domain/findings.ts';
import { blocking, looksOf, openFindings } from './findings.ts';
import { mergedByPeople } from './gate.ts';
import { lookGone, looked } from './review.ts';
import { judgeLooks } from './relook.ts';
import { fixTasks } from './rounds.ts';
import { enterStage, nextStage } from './stages.ts';
import { tallyOf, weightsOf } from './tally.ts';
import { threadEffects } from './threads.ts';
import type { AgentRole, TaskType } from '../../schema/wire/agent.ts';
import type { StageDefinition } from '../../schema/wire/workflow.ts';

type VerifyStage = Extract<StageDefinition, { kind: 'verify' }>;

/** Looks whether the verify stage can be decided: by an event of either side, or by the sweeper. */
export function decideVerify(snapshot: Snapshot, now: Run | null = snapshot.run): Decision {
  const run = now;
  if (!run || !isActive(run.state)) return ignored('the run is over');
  const stage = stageOf(run);
  if (stage?.kind !== 'verify') return ignored('the run does not verify anything now');
  const { change } = snapshot;
  const code = run.changes.code;
  if (!change || !code) return ignored('the change is not known yet');
  if (run.target.type === 'change' && change.state !== 'opened') return lookGone(run, change);
  if (change.state === 'merged') {
    const merged = mergedByPeople(run, change.mergedSha ?? change.headSha, snapshot);
    return decided(merged);
  }
  if (change.state === 'closed') {
    return decided(
      ended(run, {
        kind: 'cancelled',
        cause: `!${code.iid} was closed.`,
        next: 'Reopen it to go on by hand, or `/autodev retry` to start anew.',
      }),
    );
  }
  const waiting = currentTasks(run).filter((task) => task.state !== 'done');
  if (waiting.length > 0) {
    return ignored(`waits for ${waiting.map((task) => task.agent).join(', ')}`);
  }
  const outcome = checksOf(run, snapshot);
  if (outcome === 'waiting') return ignored('the change’s own pipeline has not ended');
  if (outcome === 'settling') return ignored('its pipeline failed just now and may be retried');
  const checks: CheckFacts = {
    outcome,
    sha: change.pipeline?.sha ?? code.headSha,
    url: change.pipeline?.url ?? '',
    tests: change.tests,
  };
  const seen = relooked(run, snapshot);
  const moved = judged({ ...seen.run, checks }, stage, checks, snapshot);
  const writes = withSeen(moved.writes, { checks, leftOut: seen.run.leftOut });
  return acted(moved.reasons, [...seen.writes, ...writes], moved.effects);
}

/** The run with the findings on its change as its looks leave them. */
function relooked(run: Run, snapshot: Snapshot): { run: Run; writes: Write[] } {
  const changeIid = run.changes.code?.iid;
  if (changeIid == null || looksOf(run).length === 0) return { run, writes: [] };
  const facts = snapshot.change?.review ?? NO_REVIEW_FACTS;
  const { findings, leftOut } = judgeLooks(run, facts, snapshot.now);
  return {
    run: { ...run, findings, leftOut },
    writes: findings.length === 0 ? [] : [{ op: 'save_findings', changeIid, findings }],
  };
}

function judged(run: Run, stage: VerifyStage, checks: CheckFacts, snapshot: Snapshot): Moved {
  if (run.target.type === 'change') return looked(run, snapshot);
  if (stage.tasks.length === 0) return checked(run, checks, snapshot);
  return voted(run, stage, checks, snapshot);
}

/** What CI said is kept with the step it led to: the change's page and the next gate rest on it. */
function withSeen(
  writes: readonly Write[],
  seen: { checks: CheckFacts; leftOut: number },
): Write[] {
  return writes.map((write) =>
    write.op === 'update_run' ? { ...write, patch: { ...write.patch, ...seen } } : write,
  );
}

/** What the change's own pipeline says; unknown states never count as passed. */
function checksOf(run: Run, snapshot: Snapshot): CheckOutcome | 'waiting' | 'settling' {
  const waitedMs = snapshot.now.getTime() - run.updatedAt.getTime();
  const late = waitedMs >= snapshot.settings.limits.verifyMinutes * 60_000;
  const pipeline = snapshot.change?.pipeline ?? null;
  // A change that people made had its pipeline started long before the agents were done, or has none.
  if (!pipeline) return late || run.target.type === 'change' ? 'none' : 'waiting';
  switch (pipeline.status) {
    case 'success':
      return 'passed';
    case 'failed':
      return isSettled(snapshot) ? 'failed' : 'settling';
    case 'canceled':
      return 'cancelled';
    case 'skipped':
    case 'manual':
      return 'not run';
    default:
      return late ? 'late' : 'waiting';
  }
}

/** A red pipeline counts once nobody has retried it for a while; a retry starts the wait anew. */
function isSettled(snapshot: Snapshot): boolean {
  const endedAt = snapshot.change?.pipelineEndedAt ?? null;
  const minutes = snapshot.settings.limits.settleMinutes;
  if (minutes === 0 || endedAt === null) return true;
  return snapshot.now.getTime() - endedAt.getTime() >= minutes * 60_000;
}

function isRed(checks: CheckFacts): boolean {
  return checks.outcome === 'failed' || checks.outcome === 'cancelled';
}

/** Without agents in the stage the pipeline alone decides. */
function checked(run: Run, checks: CheckFacts, snapshot: Snapshot): Moved {
  if (isRed(checks)) {
    const what = checks.outcome === 'failed' ? 'failed' : 'was cancelled';
    return handOver(run, `its [pipeline](${checks.url}) ${what}`);
  }
  const note = checksSentence(checks);
  return enterStage(run, nextStage(run), snapshot, { note });
}

function voted(run: Run, stage: VerifyStage, checks: CheckFacts, snapshot: Snapshot): Moved {
  const tally = tallyOf(run, weightsOf(snapshot));
  const stop = blocking(openFindings(run));
  const red = isRed(checks);
  const rejected = tally.consensus.kind === 'reject';
  const good = !red && stop.length === 0 && !rejected;
  const shown: Moved = {
    reasons: [
      `consensus ${tally.consensus.score} (${tally.consensus.kind}), ${stop.length} blocking findings, checks ${checks.outcome}`,
    ],
    writes: [],
    effects: threadEffects(run),
  };
  const next = good
    ? enterStage(run, nextStage(run), snapshot, { note: checksSentence(checks) })
    : fixOrHandOver(run, stage, { red, onlyRed: stop.length === 0 && !rejected }, snapshot);
  // The votes go onto the change when they are final, not in every round that is sent back.
  const final = !next.effects.some((effect) => effect.kind === 'create_pipeline');
  const tallied: Effect[] = final ? [{ kind: 'update_change', run: run.id, round: run.round }] : [];
  if (final) tallied.push(...reportsOf(run, snapshot));
  return {
    reasons: [...shown.reasons, ...next.reasons],
    writes: next.writes,
    effects: [...tallied, ...shown.effects, ...next.effects],
  };
}

/** Only at a head of the bot's own: the pipeline runs the change's jobs with the bot's rights. */
function reportsOf(run: Run, snapshot: Snapshot): Effect[] {
  const sha = run.changes.code?.headSha ?? '';
  if (!run.context.reports || snapshot.change?.headSha !== sha) return [];
  return [{ kind: 'publish_reports', run: run.id, round: run.round, sha }];
}

/** Back to the fix stage while rounds are left and something changes from round to round. */
function fixOrHandOver(
  run: Run,
  stage: VerifyStage,
  { red, onlyRed }: { red: boolean; onlyRed: boolean },
  snapshot: Snapshot,
): Moved {
  const fix = stage.fix === undefined ? null : stageOf(run, stage.fix);
  const tried = fixTasks(run, stage.fix).filter(({ state }) => state === 'done').length;
  const failedJobs = red ? (snapshot.change?.failedJobs ?? []) : [];
  const problems = describeProblems(run, failedJobs);
  if (fix === null || tried >= stage.rounds) {
    const rounds =
      tried === 0 ? '' : ` after ${tried} ${tried === 1 ? 'round' : 'rounds'} of fixes`;
    return handOver(run, `${problems} remain${rounds}`);
  }
  if (tried >= 2 && sameFindings(run, snapshot.run) && !red) {
    return handOver(run, `the same ${problems} came back twice, so another round would not help`);
  }
  const build = red && onlyRed && fix.kind === 'task' && takes(fix.agent, 'fix_build', snapshot);
  return enterStage(run, fix, snapshot, {
    failedJobs,
    tried,
    ...(build ? { task: 'fix_build' } : {}),
  });
}

function takes(role: AgentRole, type: TaskType, snapshot: Snapshot): boolean {
  return snapshot.agents[role]?.settings.tasks.includes(type) ?? false;
}

/** What is open is what was open before the look. */
function sameFindings(run: Run, before: Run | null): boolean {
  const [now, then] = [run, before ?? run].map((one) =>
    openFindings(one)
      .map(({ fingerprint }) => fingerprint)
      .toSorted()
      .join(),
  );
  return now !== '' && now === then;
}

function describeProblems(run: Run, failedJobs: readonly string[]): string {
  const stop = blocking(openFindings(run)).length;
  const parts: string[] = [];
  if (stop > 0) parts.push(`${stop} serious ${stop === 1 ? 'finding' : 'findings'}`);
  if (failedJobs.length > 0)
    parts.push(`${failedJobs.length} failed ${failedJobs.length === 1 ? 'job' : 'jobs'}`);
  return parts.length > 0 ? parts.join(' and ') : 'a consensus below 60';
}

function handOver(run: Run, why: string): Moved {
  const iid = run.changes.code?.iid ?? 0;
  const verdict: Verdict = {
    kind: 'needs-human',
    cause: `!${iid} is open, but ${why}.`,
    next: 'Take over on the branch, or `/autodev retry <hint>`.',
  };
  return { reasons: [`verdict needs-human: ${why}`], ...endRun(run, verdict) };
}
