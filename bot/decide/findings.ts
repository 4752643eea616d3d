/**
 * Purpose: findings keep an identity over rounds: what a newer look at the change does not raise again
 * counts as fixed.
 */
import type { Finding } from '../../schema/wire/finding.ts';
import { latestAttempt, type Run, type Task } from '../domain/runs.ts';

/** Least confidence of a finding that is raised, and how many at most per round. */
const MIN_CONFIDENCE = 0.5;
const MAX_FINDINGS = 20;

export interface RaisedFinding extends Finding {
  fingerprint: string;
  by: Task['agent'];
}

/** Same place, same problem: lines move between rounds, so the line is no part of it. */
export function fingerprintOf(finding: Finding): string {
  const words = finding.title
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '-')
    .slice(0, 80);
  return `${finding.path}:${finding.category.toLowerCase()}:${words}`;
}

/** Findings of one round, most severe first, each once. */
export function findingsOfRound(run: Run, round: number): RaisedFinding[] {
  const raised = new Map<string, RaisedFinding>();
  for (const task of run.tasks.filter((candidate) => candidate.round === round)) {
    const report = latestAttempt(task)?.result?.report;
    if (!report || !('findings' in report)) continue;
    for (const finding of report.findings) {
      if (finding.confidence < MIN_CONFIDENCE) continue;
      const fingerprint = fingerprintOf(finding);
      if (!raised.has(fingerprint))
        raised.set(fingerprint, { ...finding, fingerprint, by: task.agent });
    }
  }
  const order = ['critical', 'high', 'medium', 'low', 'info'];
  return [...raised.values()]
    .toSorted((a, b) => order.indexOf(a.severity) - order.indexOf(b.severity))
    .slice(0, MAX_FINDINGS);
}

/** Rounds in which the change was looked at, oldest first. */
export function reviewedRounds(run: Run): number[] {
  const rounds = run.tasks
    .filter((task) => {
      const report = latestAttempt(task)?.result?.report;
      return report !== undefined && 'findings' in report;
    })
    .map((task) => task.round);
  return [...new Set(rounds)].toSorted((a, b) => a - b);
}

/** What the newest look found. */
export function openFindings(run: Run): RaisedFinding[] {
  const last = reviewedRounds(run).at(-1);
  return last === undefined ? [] : findingsOfRound(run, last);
}

/** What an earlier look found and the newest did not. */
export function goneFindings(run: Run): RaisedFinding[] {
  const rounds = reviewedRounds(run);
  const open = new Set(openFindings(run).map((finding) => finding.fingerprint));
  const gone = new Map<string, RaisedFinding>();
  for (const round of rounds.slice(0, -1)) {
    for (const finding of findingsOfRound(run, round)) {
      if (!open.has(finding.fingerprint)) gone.set(finding.fingerprint, finding);
    }
  }
  return [...gone.values()];
}

/** Findings that keep a change from being merged. */
export function blocking(findings: readonly RaisedFinding[]): RaisedFinding[] {
  return findings.filter(({ severity }) => severity === 'critical' || severity === 'high');
}
