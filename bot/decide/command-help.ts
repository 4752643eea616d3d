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
    name: 'retry',
    usage: 'retry [hint]',
    does: 'starts the last work again after it ended without success',
    on: ['issue', 'change'],
  },
  { name: 'help', usage: 'help', does: 'shows this list', on: ['issue', 'change'] },
];
