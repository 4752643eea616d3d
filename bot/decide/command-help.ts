/** Purpose: the commands there are, where they work and what help says about them. */

import type { CommandName } from '../domain/commands.ts';

export interface CommandHelp {
  name: CommandName;
  usage: string;
  does: string;
  on: readonly ('issue' | 'change')[];
}

export const COMMANDS: readonly CommandHelp[] = [
  {
    name: 'plan',
    usage: 'plan [feature|bugfix|refactor|docs|security-fix|epic] [hint]',
    does: 'takes it all the way: specification for approval, work, reviews, merge, deployment',
    on: ['issue'],
  },
  {
    name: 'spec',
    usage: 'spec [hint]',
    does: 'writes only the specification, for approval',
    on: ['issue'],
  },
  {
    name: 'implement',
    usage: 'implement [hint]',
    does: 'implements this issue and opens a merge request',
    on: ['issue'],
  },
  {
    name: 'fix',
    usage: 'fix [hint]',
    does: 'finds and mends the problem this issue describes, with a test',
    on: ['issue'],
  },
  {
    name: 'analyze',
    usage: 'analyze [hint]',
    does: 'looks through the repository and says what it is and where it stands',
    on: ['issue'],
  },
  {
    name: 'tests',
    usage: 'tests [hint]',
    does: 'writes the tests that are missing for what this issue describes',
    on: ['issue'],
  },
  {
    name: 'hunt',
    usage: 'hunt [hint]',
    does: 'looks for bugs and makes an issue of each that it can show',
    on: ['issue'],
  },
  {
    name: 'review',
    usage: 'review [hint]',
    does: 'reviews, tests and checks this merge request for security; findings become threads',
    on: ['change'],
  },
  {
    name: 'test',
    usage: 'test [hint]',
    does: 'lets the tester look at this merge request',
    on: ['change'],
  },
  {
    name: 'security',
    usage: 'security [hint]',
    does: 'looks for security problems in this merge request',
    on: ['change'],
  },
  {
    name: 'deploy',
    usage: 'deploy [environment]',
    does: 'starts the deploy job of the newest pipeline of the default branch',
    on: ['issue', 'change'],
  },
  {
    name: 'rollback',
    usage: 'rollback [environment]',
    does: 'puts the deployment before the last one back, by running its job again',
    on: ['issue', 'change'],
  },
  {
    name: 'ask',
    usage: 'ask <question>',
    does: 'answers a question from what the repository contains',
    on: ['issue'],
  },
  {
    name: 'reject',
    usage: 'reject <why>',
    does: 'says no at a gate and sends the work back with the reason',
    on: ['issue', 'change'],
  },
  {
    name: 'status',
    usage: 'status',
    does: 'says how far the work is',
    on: ['issue', 'change'],
  },
  {
    name: 'cancel',
    usage: 'cancel',
    does: 'stops the work',
    on: ['issue', 'change'],
  },
  {
    name: 'pause',
    usage: 'pause',
    does: 'lets agents at work finish and starts nothing more until it is resumed',
    on: ['issue', 'change'],
  },
  {
    name: 'resume',
    usage: 'resume',
    does: 'goes on with work that is paused or deferred',
    on: ['issue', 'change'],
  },
  {
    name: 'defer',
    usage: 'defer <date>',
    does: 'puts off a decision at a gate: `2026-12-01`, `3 days`, `next week`',
    on: ['issue', 'change'],
  },
  {
    name: 'assign-agent',
    usage: 'assign-agent <role> <provider>/<model>',
    does: 'gives a role another model, from its next task in this work on',
    on: ['issue', 'change'],
  },
  {
    name: 'unlock',
    usage: 'unlock [path]',
    does: 'takes files from other work that has claimed them, so that this work can start',
    on: ['issue', 'change'],
  },
  {
    name: 'allow',
    usage: 'allow <path> at <sha>',
    does: 'lets a refused result touch a protected file, with exactly the content that was shown',
    on: ['issue', 'change'],
  },
  {
    name: 'budget',
    usage: 'budget +<dollars>',
    does: 'lets the work spend more; work that stopped at its budget goes on',
    on: ['issue', 'change'],
  },
  {
    name: 'retry',
    usage: 'retry [hint]',
    does: 'starts the last work again after it ended without success',
    on: ['issue', 'change'],
  },
  { name: 'help', usage: 'help', does: 'shows this list', on: ['issue', 'change'] },
];
