/** Purpose: the commands there are, where and when they make sense, and what help says about them. */
import type { CommandName } from '../domain/commands.ts';
import { isActive } from '../domain/outcomes.ts';
import { stageOf, type TargetType } from '../domain/runs.ts';
import type { Snapshot } from '../domain/snapshot.ts';
import { placesOf } from '../domain/work.ts';

/** What belongs together in help; the first two and what steers work are shown at once. */
export const GROUPS = {
  work: 'Work',
  looks: 'Looks at merge requests',
  plans: 'Plans and issues',
  texts: 'Tests and documents',
  checks: 'Checks',
  delivery: 'Build and delivery',
  steering: 'Steering',
} as const;
export type Group = keyof typeof GROUPS;

export interface CommandHelp {
  name: CommandName;
  usage: string;
  does: string;
  group: Group;
}

function command(group: Group, usage: string, does: string): CommandHelp {
  return { name: (usage.split(' ')[0] ?? '') as CommandName, usage, does, group };
}

export const COMMANDS: readonly CommandHelp[] = [
  command(
    'work',
    'plan [feature|bugfix|refactor|docs|security-fix|epic|release|rollback] [hint]',
    'takes it all the way: specification for approval, work, reviews, merge, deployment',
  ),
  command('work', 'spec [hint]', 'writes only the specification, for approval'),
  command('work', 'implement [hint]', 'implements this issue and opens a merge request'),
  command('work', 'fix [hint]', 'finds and mends the problem this issue describes, with a test'),
  command(
    'looks',
    'review [hint]',
    'reviews, tests and checks this merge request for security; findings become threads',
  ),
  command('looks', 'test [hint]', 'lets the tester look at this merge request'),
  command('looks', 'security [hint]', 'looks for security problems in this merge request'),
  command(
    'looks',
    'dismiss [why]',
    'as a reply in the thread of a finding: it is not wanted, and not raised again',
  ),
  command('work', 'ask <question>', 'answers a question from what the repository contains'),
  command(
    'plans',
    'analyze [hint]',
    'looks through the repository and says what it is and where it stands',
  ),
  command('plans', 'feasibility [hint]', 'says whether this can be done, how surely and how'),
  command('plans', 'epic [hint]', 'turns this wish into an epic, as an issue of its own'),
  command('plans', 'story [hint]', 'makes an issue of each user story that this wish holds'),
  command('plans', 'issues [hint]', 'cuts this into issues that can be implemented one by one'),
  command('plans', 'backlog [hint]', 'puts the open issues into an order, with reasons'),
  command(
    'texts',
    'tests [hint]',
    'writes the tests that are missing for what this issue describes',
  ),
  command('texts', 'docs [hint]', 'brings the documentation in line with what this issue says'),
  command('texts', 'adr [hint]', 'writes down the decision that this issue is about'),
  command('texts', 'runbook [hint]', 'writes the runbook that this issue asks for'),
  command('checks', 'hunt [hint]', 'looks for bugs and makes an issue of each that it can show'),
  command('checks', 'scan [hint]', 'goes through the code for defects that show by reading it'),
  command('checks', 'validate [hint]', 'holds what was built against every criterion'),
  command('checks', 'coverage [hint]', 'says what could break without a test noticing it'),
  command('checks', 'audit [hint]', 'looks for dependencies with known problems'),
  command('checks', 'compliance [hint]', 'holds the code against the rules that apply to it'),
  command(
    'delivery',
    'pipeline [hint]',
    'changes the CI configuration; a maintainer lets the exact content through',
  ),
  command('delivery', 'fix-build [hint]', 'makes the pipeline of the default branch green again'),
  command('delivery', 'publish [hint]', 'prepares a release: version, change log and notes'),
  command(
    'delivery',
    'deploy [environment]',
    'starts the deploy job of the newest pipeline of the default branch',
  ),
  command(
    'delivery',
    'rollback [environment]',
    'puts the deployment before the last one back, by running its job again',
  ),
  command('steering', 'reject <why>', 'says no at a gate and sends the work back with the reason'),
  command('steering', 'status', 'says how far the work is'),
  command('steering', 'cancel', 'stops the work'),
  command(
    'steering',
    'pause',
    'lets agents at work finish and starts nothing more until it is resumed',
  ),
  command('steering', 'resume', 'goes on with work that is paused or deferred'),
  command(
    'steering',
    'defer <date>',
    'puts off a decision at a gate: `2026-12-01`, `3 days`, `next week`',
  ),
  command(
    'steering',
    'assign-agent <role> <provider>/<model>',
    'gives a role another model, from its next task in this work on',
  ),
  command(
    'steering',
    'unlock [path]',
    'takes files from other work that has claimed them, so that this work can start',
  ),
  command(
    'steering',
    'allow <path> at <sha>',
    'lets a refused result touch a protected file, with exactly the content that was shown',
  ),
  command(
    'steering',
    'budget +<dollars>',
    'lets the work spend more; work that stopped at its budget goes on',
  ),
  command('steering', 'retry [hint]', 'starts the last work again after it ended without success'),
  command('steering', 'help', 'shows this list'),
];

/** Where a command may be given. */
export function takenOn(name: CommandName): TargetType[] {
  // Findings are told on changes alone.
  if (name === 'dismiss') return ['change'];
  const places = placesOf(name);
  return places.length > 0 ? places : ['issue', 'change'];
}

/** The commands that could do something in this place as things are. */
export function sensibleNow(
  where: TargetType,
  facts: Pick<Snapshot, 'run' | 'lastRun'>,
): CommandHelp[] {
  return COMMANDS.filter(({ name }) => takenOn(name).includes(where) && doesSomething(name, facts));
}

function doesSomething(
  name: CommandName,
  { run, lastRun }: Pick<Snapshot, 'run' | 'lastRun'>,
): boolean {
  const active = run !== null && isActive(run.state) ? run : null;
  const last = lastRun?.verdict?.kind ?? null;
  switch (name) {
    case 'help':
    case 'status':
    case 'ask':
    case 'dismiss':
      return true;
    case 'cancel':
    case 'assign-agent':
    case 'unlock':
      return active !== null;
    case 'pause':
      return active !== null && active.state !== 'paused';
    case 'resume':
      return active?.state === 'paused';
    case 'reject':
    case 'defer':
      return active !== null && stageOf(active)?.kind === 'gate';
    case 'budget':
      return active !== null || last === 'budget';
    case 'allow':
      return active === null && lastRun?.verdict?.blocked !== undefined;
    case 'retry':
      return active === null && last !== null && last !== 'done';
    default:
      // One piece of work at a time: what would be refused is not offered.
      return active === null;
  }
}
