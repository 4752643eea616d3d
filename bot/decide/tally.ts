/**
 * Purpose: the votes on a change and what follows from them. Facts come from CI and from typed reports;
 * the security score is computed by code (DESIGN §5).
 */
import type { AgentRole } from '../../schema/wire/agent.ts';
import { lastDone, resultOf, type Run } from '../domain/runs.ts';
import type { Snapshot } from '../domain/snapshot.ts';
import { consensusOf, securityScore, type Consensus, type Vote } from '../domain/votes.ts';
import { testsText } from './check-text.ts';
import { openFindings, wantedFindings } from './findings.ts';

export interface Tally {
  votes: Vote[];
  consensus: Consensus;
}

/** The votes of the newest round, with the weights the agents' settings give them. */
export function tallyOf(run: Run, weights: (role: AgentRole) => number): Tally {
  const votes: Vote[] = [];
  const add = (role: AgentRole, score: number, basis: string): void => {
    votes.push({ role, score, weight: weights(role), basis });
  };
  const spec = resultOf(lastDone(run, 'write_spec'))?.report;
  if (spec?.kind === 'spec') {
    add('architect', Math.round(spec.confidence * 10), `spec confidence ${spec.confidence}/10`);
  }
  const built = run.tasks
    .filter(({ state }) => state === 'done')
    .map((task) => resultOf(task)?.report)
    .findLast((report) => report?.kind === 'build');
  if (built?.kind === 'build') add('builder', built.selfScore, 'self');
  const review = resultOf(lastDone(run, 'review_mr'))?.report;
  if (review?.kind === 'review') add('reviewer', review.score, reviewBasis(run));
  const test = resultOf(lastDone(run, 'run_tests'))?.report;
  if (test?.kind === 'test') add('tester', test.score, testerBasis(run));
  const validation = resultOf(lastDone(run, 'validate_feature'))?.report;
  if (validation?.kind === 'validation') {
    const held = validation.criteria.filter(({ holds }) => holds === 'yes').length;
    add('tester', validation.score, `${held} of ${validation.criteria.length} criteria hold`);
  }
  const scan = resultOf(lastDone(run, 'static_analysis'))?.report;
  if (scan?.kind === 'static_analysis') add('bug_finder', scan.score, 'static analysis');
  const security = resultOf(lastDone(run, 'security_scan'))?.report;
  if (security?.kind === 'security') {
    const { score, basis } = securityScore(security.rubric);
    add('security', score, basis);
  }
  return { votes, consensus: consensusOf(votes) };
}

/** The weights that the agents' settings give to votes. */
export function weightsOf(snapshot: Pick<Snapshot, 'agents'>): (role: AgentRole) => number {
  return (role) => snapshot.agents[role]?.settings.voteWeight ?? 1;
}

/** The tester's score stands beside what CI counted, never beside what the tester says it counted. */
function testerBasis(run: Run): string {
  const figures = testsText(run.checks?.tests ?? null);
  return figures === '' ? 'no figures from CI' : figures;
}

const BOUNDS: Readonly<Record<Consensus['kind'], string>> = {
  approve: 'approve (≥ 80)',
  conditional: 'conditional (60–79)',
  reject: 'reject (< 60)',
};

/** The votes as a table, for the page of a change and the comment of a review. */
export function tallyTable(tally: Tally): string[] {
  const rows = tally.votes.map(
    (vote) => `| ${vote.role} | ${vote.score} | ${vote.weight} | ${vote.basis} |`,
  );
  const { kind, score } = tally.consensus;
  return [
    '| vote | score | weight | by |',
    '|---|---|---|---|',
    ...rows,
    `| **consensus** | **${score}** | | ${BOUNDS[kind]} |`,
  ];
}

function reviewBasis(run: Run): string {
  const open = openFindings(run).length;
  const all = wantedFindings(run).length;
  const left = run.leftOut === 0 ? '' : `, ${run.leftOut} left out`;
  return `${all === 0 ? 'no findings' : `${open} of ${all} findings open`}${left}`;
}
