/**
 * Purpose: autonomy `full`: gates that open without a person, when every condition of docs/autonomy.md
 * holds. One that does not is named, and the gate waits for a person as it always does. The same
 * function is asked again right before the merge.
 */
import { patternOf } from '../domain/path-patterns.ts';
import { latestAttempt, lastDone, resultOf } from '../domain/runs.ts';
import { writesPage } from '../domain/task-types.ts';
import type { ChangeRole, Run } from '../domain/runs.ts';
import type { ChangeFacts, Snapshot } from '../domain/snapshot.ts';
import { tallyOf, weightsOf } from './tally.ts';
import { code } from './text.ts';

const ARCHITECT_AT_LEAST = 8;
const REVIEWER_AT_LEAST = 90;
const COVERAGE_AT_LEAST = 80;

/** Never without a person, whatever the installation protects: CI, who must approve, agents' orders. */
const NEVER: readonly string[] = [
  '.*',
  '.*/**',
  '**/.*/**',
  '*gitlab-ci*.y*ml',
  'ci/**',
  '**/ci/**',
  'ci-templates/**',
  'Jenkinsfile',
  'CODEOWNERS',
  'AGENTS.md',
  'CLAUDE.md',
  'GEMINI.md',
];

export type Autonomy =
  /** The run asked for people at every gate. */
  | { kind: 'guided' }
  /** What the gate opens on, for those who look later. */
  | { kind: 'opens'; because: string }
  | { kind: 'waits'; missing: string[] };

/** Whether the gate of that change opens by itself at the head in question. */
export function autonomyAt(
  run: Run,
  role: ChangeRole,
  change: ChangeFacts,
  snapshot: Pick<Snapshot, 'settings' | 'agents'>,
): Autonomy {
  const wanted = run.context.autonomy === 'full' && snapshot.settings.autonomy === 'full';
  if (!wanted || !change.gate) return { kind: 'guided' };
  const { facts } = change.gate;
  const met: string[] = [];
  const missing: string[] = [];
  const need = (holds: boolean, said: string, otherwise: string): void => {
    if (holds) met.push(said);
    else missing.push(otherwise);
  };
  needArchitect(run, need);
  if (role === 'code') needCode(run, change.headSha, weightsOf(snapshot), need);
  const alone = facts.contributors.length === 0;
  need(alone, 'nobody but the bot worked on it', 'people worked on the change');
  const left = facts.approvalsLeft;
  need(left === 0, 'the project asks for no approvals', `the project's rules need ${left} more`);
  if (missing.length > 0) return { kind: 'waits', missing };
  return { kind: 'opens', because: met.join(', ') };
}

type Need = (holds: boolean, said: string, otherwise: string) => void;

/** The specification's author is sure; runs without a specification have nothing to be sure of. */
function needArchitect(run: Run, need: Need): void {
  const specified = run.context.workflow.stages.some(
    (stage) => stage.kind === 'task' && writesPage(stage.task),
  );
  if (!specified) return;
  const report = resultOf(lastDone(run, 'write_spec'))?.report;
  const confidence = report?.kind === 'spec' ? report.confidence : null;
  const said = `architect ${confidence ?? 'unknown'}/10`;
  const sure = confidence !== null && confidence >= ARCHITECT_AT_LEAST;
  need(sure, said, confidence === null ? 'no architect' : `${said} < ${ARCHITECT_AT_LEAST}`);
}

function needCode(run: Run, head: string, weights: ReturnType<typeof weightsOf>, need: Need): void {
  const review = lastDone(run, 'review_mr');
  const report = resultOf(review)?.report;
  const score = report?.kind === 'review' ? report.score : null;
  const good = score !== null && score >= REVIEWER_AT_LEAST;
  const low = score === null ? 'no reviewer' : `reviewer ${score} < ${REVIEWER_AT_LEAST}`;
  need(good, `reviewer ${score}`, low);

  const { consensus } = tallyOf(run, weights);
  need(consensus.kind === 'approve', `consensus ${consensus.score}`, `consensus ${consensus.kind}`);
  // What a person waved through is for a person to merge.
  const critical = run.findings.filter(
    ({ severity, state }) => severity === 'critical' && (state === 'open' || state === 'dismissed'),
  ).length;
  need(critical === 0, 'no critical finding', 'a critical finding is open');
  need(votesAt(run, head), 'votes at this head', 'the votes are for another head');

  const { checks } = run;
  const green = checks?.outcome === 'passed' && checks.sha === head;
  const red = checks === null ? 'no pipeline' : `pipeline ${checks.outcome}`;
  need(green, 'pipeline green', checks && checks.sha !== head ? 'no pipeline of this head' : red);
  const coverage = checks?.sha === head ? (checks.tests?.coverage ?? null) : null;
  const covered = coverage !== null && coverage >= COVERAGE_AT_LEAST;
  const bare =
    coverage === null ? 'no coverage from CI' : `coverage ${coverage} % < ${COVERAGE_AT_LEAST} %`;
  need(covered, `coverage ${coverage} %`, bare);

  const patterns = [...run.context.protectedPaths, ...NEVER];
  const touched = pathsOf(run).find((path) => patternOf(path, patterns) !== null);
  need(touched === undefined, 'no protected file', `it touches ${code(touched ?? '', 60)}`);
}

/** Every look of the newest round was at exactly this commit. */
function votesAt(run: Run, head: string): boolean {
  const looks = run.tasks.filter((task) => {
    const report = resultOf(task)?.report;
    return report !== undefined && 'findings' in report;
  });
  const round = Math.max(-1, ...looks.map((task) => task.round));
  const newest = looks.filter((task) => task.round === round);
  return newest.length > 0 && newest.every((task) => headOf(task) === head);
}

function headOf(task: Run['tasks'][number]): string | null {
  const attempt = latestAttempt(task);
  return attempt === null ? null : (attempt.workSha ?? attempt.sha);
}

/** Files that any result of the run touched: nobody else worked on the change. */
function pathsOf(run: Run): string[] {
  return run.tasks.flatMap((task) => (resultOf(task)?.changes ?? []).map(({ path }) => path));
}
