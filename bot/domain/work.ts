/**
 * What people can ask for: which workflow a command or label starts on an issue, and which one under a
 * change. A command without a workflow for a place is not taken there.
 */
import type { CommandName } from './commands.ts';
import type { RunRole, TargetType } from './runs.ts';

type Work = Partial<Record<TargetType, string>> & { role?: RunRole };

const WORK: Readonly<Partial<Record<CommandName, Work>>> = {
  plan: { issue: 'feature' },
  spec: { issue: 'spec' },
  implement: { issue: 'quick' },
  fix: { issue: 'quick-fix' },
  ask: { issue: 'ask', role: 'ask' },
  analyze: { issue: 'analyze' },
  epic: { issue: 'epic-draft' },
  story: { issue: 'stories' },
  backlog: { issue: 'backlog' },
  feasibility: { issue: 'feasibility' },
  issues: { issue: 'issues' },
  tests: { issue: 'tests' },
  docs: { issue: 'quick-docs' },
  adr: { issue: 'adr' },
  runbook: { issue: 'runbook' },
  hunt: { issue: 'hunt' },
  scan: { issue: 'scan', change: 'scan-change' },
  validate: { issue: 'validate', change: 'validate-change' },
  coverage: { issue: 'coverage', change: 'coverage-change' },
  audit: { issue: 'audit', change: 'audit-change' },
  compliance: { issue: 'compliance', change: 'compliance-change' },
  pipeline: { issue: 'pipeline' },
  'fix-build': { issue: 'fix-build' },
  publish: { issue: 'publish' },
  review: { change: 'review-only' },
  test: { change: 'test-only' },
  security: { change: 'security-only' },
  deploy: { issue: 'release', change: 'release' },
  rollback: { issue: 'rollback', change: 'rollback' },
};

/** What `/autodev plan <word>` may name instead of the usual workflow. */
const PLANS: Readonly<Record<string, string>> = {
  feature: 'feature',
  bugfix: 'bugfix',
  refactor: 'refactor',
  docs: 'docs',
  'security-fix': 'security-fix',
  epic: 'epic',
  release: 'release-with-plan',
  rollback: 'rollback-with-plan',
};

/** Plans that end in a deployment, and the command whose right and words they share. */
const PLANNED: Readonly<Record<string, 'deploy' | 'rollback'>> = {
  release: 'deploy',
  rollback: 'rollback',
};

/** Commands that act on what is merged already; the change they are written under is only a place. */
const DEPLOYS: ReadonlySet<string> = new Set(['deploy', 'rollback']);

/** True for commands that act on what is merged already. */
export function isDeploy(command: string): boolean {
  return DEPLOYS.has(command);
}

/** The deployment that a wish plans before it, with the words behind it; null for every other wish. */
export function deployPlanned(
  command: string,
  args: string,
): { command: 'deploy' | 'rollback'; args: string } | null {
  if (command !== 'plan') return null;
  const [first = '', ...rest] = args.trim().split(/\s+/);
  const name = first.toLowerCase();
  const planned = Object.hasOwn(PLANNED, name) ? PLANNED[name] : undefined;
  return planned === undefined ? null : { command: planned, args: rest.join(' ') };
}

/** The command whose right a wish needs: a deployment stays one when it is planned first. */
export function rightFor(command: string, args: string): string {
  return deployPlanned(command, args)?.command ?? command;
}

/** True for commands that start work, wherever they may be given. */
export function startsWork(command: string): boolean {
  return rowOf(command) !== null;
}

/** True where a command looks at the very change it is written under, whoever made it. */
export function isLook(command: string, on: TargetType): boolean {
  return on === 'change' && !isDeploy(command) && rowOf(command)?.change !== undefined;
}

/** Where a command that starts work may be given. */
export function placesOf(command: string): TargetType[] {
  const row = rowOf(command);
  const places: TargetType[] = ['issue', 'change'];
  return places.filter((place) => row?.[place] !== undefined);
}

/** The workflow a wish stands for, and what is left of its words as a hint to the agents. */
export function workOf(
  command: string,
  args: string,
  on: TargetType,
): { workflow: string; role: RunRole; hint: string } | null {
  const row = rowOf(command);
  const workflow = row?.[on];
  if (row === null || workflow === undefined) return null;
  const role = row.role ?? 'main';
  const [first = '', ...rest] = args.trim().split(/\s+/);
  const named = command === 'plan' ? planNamed(first) : null;
  if (named === null) return { workflow, role, hint: args };
  return { workflow: named, role, hint: rest.join(' ') };
}

/** The workflow that the first word behind `plan` names; null for any other word. */
function planNamed(word: string): string | null {
  const name = word.toLowerCase();
  return Object.hasOwn(PLANS, name) ? (PLANS[name] ?? null) : null;
}

/** The words behind a command that is given again with a hint: the same workflow, the new hint. */
export function argsAgain(last: { command: string; args: string }, hint: string): string {
  const [first = ''] = last.args.trim().split(/\s+/);
  const named = last.command === 'plan' && planNamed(first) !== null;
  return named
    ? `${first.toLowerCase()} ${hint}`
    : last.command === 'plan'
      ? `feature ${hint}`
      : hint;
}

function rowOf(command: string): Work | null {
  return Object.hasOwn(WORK, command) ? (WORK[command as CommandName] ?? null) : null;
}
