/** Purpose: what a run came to, for its final report in the store and on the issue. */
import type { RunReport } from '../domain/run-report.ts';
import { latestAttempt, spentOn, type Run } from '../domain/runs.ts';
import type { AgentRole } from '../../schema/wire/agent.ts';
import { openFindings, wantedFindings } from './findings.ts';
import { tallyOf } from './tally.ts';

/** Time of agents at work, all added up, in seconds. */
export function agentSeconds(run: Run): number {
  const attempts = run.tasks.flatMap((task) => task.attempts);
  return Math.round(
    attempts.reduce((sum, attempt) => sum + (attempt.result?.stats.seconds ?? 0), 0),
  );
}

/** The report of a run that ends now; `weights` are those the votes were counted with. */
export function reportOf(run: Run, now: Date, weights: (role: AgentRole) => number): RunReport {
  const raised = wantedFindings(run).length;
  const tally = tallyOf(run, weights);
  const fixStages = new Set(
    run.context.workflow.stages.flatMap((stage) =>
      stage.kind === 'verify' && stage.fix !== undefined ? [stage.fix] : [],
    ),
  );
  return {
    costMicrousd: spentOn(run),
    seconds: Math.round((now.getTime() - run.createdAt.getTime()) / 1000),
    agentSeconds: agentSeconds(run),
    waitedSeconds: run.waitedSeconds,
    fixRounds: run.tasks.filter((task) => fixStages.has(task.stage)).length,
    findings: { raised, fixed: raised - openFindings(run).length },
    consensus: tally.votes.length === 0 ? null : tally.consensus.score,
    models: modelsOf(run),
  };
}

/** Models that did the work, those with most tasks first. */
function modelsOf(run: Run): string[] {
  const counts = new Map<string, number>();
  for (const task of run.tasks) {
    const model = latestAttempt(task)?.result?.stats.model;
    if (model) counts.set(model, (counts.get(model) ?? 0) + 1);
  }
  return [...counts].toSorted((a, b) => b[1] - a[1]).map(([model]) => model);
}
