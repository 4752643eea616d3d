/** Purpose: which findings of a run's change count, and what its looks brought. */
import type { AgentRole } from '../../schema/wire/agent.ts';
import type { Finding, Verified } from '../../schema/wire/finding.ts';
import type { KnownFinding } from '../domain/findings.ts';
import { latestAttempt, type Run } from '../domain/runs.ts';

const BY_SEVERITY: readonly Finding['severity'][] = ['critical', 'high', 'medium', 'low', 'info'];

/** Findings that are there, as far as is known, most severe first. */
export function openFindings(run: Pick<Run, 'findings'>): KnownFinding[] {
  return worstFirst(run.findings.filter(({ state }) => state === 'open'));
}

/** Findings people did not dismiss, whatever became of them. */
export function wantedFindings(run: Pick<Run, 'findings'>): KnownFinding[] {
  return run.findings.filter(({ state }) => state !== 'dismissed');
}

/** Findings that keep a change from being merged. */
export function blocking<F extends Pick<Finding, 'severity'>>(findings: readonly F[]): F[] {
  return findings.filter(({ severity }) => severity === 'critical' || severity === 'high');
}

export function worstFirst<F extends Pick<Finding, 'severity'>>(findings: readonly F[]): F[] {
  return findings.toSorted(
    (a, b) => BY_SEVERITY.indexOf(a.severity) - BY_SEVERITY.indexOf(b.severity),
  );
}

/** What one role brought from its look at the change. */
export interface Look {
  by: AgentRole;
  findings: readonly Finding[];
  verified: readonly Verified[];
}

/** The looks of one round of a run, as far as they are done. */
export function looksOf(run: Run, round: number = run.round): Look[] {
  return run.tasks.flatMap((task) => {
    const report = task.round === round ? latestAttempt(task)?.result?.report : undefined;
    if (!report || !('findings' in report)) return [];
    const verified = 'verified' in report ? (report.verified ?? []) : [];
    return [{ by: task.agent, findings: report.findings, verified }];
  });
}
