/** What people with rights say of findings in their threads, and what the threads are told. */
import { describe, expect, test } from '@jest/globals';
import { withOpinions } from '../../../bot/decide/opinions.ts';
import { holds, tellOf, threadLine } from '../../../bot/decide/threads.ts';
import type { FindingThread, KnownFinding } from '../../../bot/domain/findings.ts';
import { HEAD, known, NOW, SHA } from './builders.ts';

const lee = { id: 7, username: 'lee' };
const thread = (patch: Partial<FindingThread> = {}): FindingThread => ({
  id: 'thread',
  resolved: false,
  resolvedBy: null,
  thumbsDown: null,
  ...patch,
});
const dismissal = (how: 'thumbs_down' | 'resolved' | 'reply') => ({ how, by: lee, reason: '' });
const SAME = 'a\n'.repeat(40);
const down = (at: string) => ({ by: lee, at: new Date(at) });

function after(row: Partial<KnownFinding>, patch: Partial<FindingThread>, now = SAME) {
  const files = [
    { sha: SHA, path: 'src/cli.js', text: SAME },
    { sha: HEAD, path: 'src/cli.js', text: now },
  ];
  const [one] = withOpinions([known(row)], { threads: [thread(patch)], files }, HEAD, NOW);
  return one;
}

describe('a finding', () => {
  test.each<[string, Partial<KnownFinding>, Partial<FindingThread>, string, unknown]>([
    ['nobody said anything of', {}, {}, 'open', null],
    ['with a 👎', {}, { thumbsDown: down('2026-01-01') }, 'dismissed', dismissal('thumbs_down')],
    [
      'that a person resolved',
      {},
      { resolved: true, resolvedBy: lee },
      'dismissed',
      dismissal('resolved'),
    ],
    ['that somebody without rights resolved', {}, { resolved: true }, 'open', null],
    [
      'that was resolved before it was opened anew by the bot',
      { threadResolved: true },
      { resolved: true, resolvedBy: lee },
      'open',
      null,
    ],
    [
      'that was fixed and opened again by a person',
      { state: 'fixed', threadResolved: true },
      {},
      'open',
      null,
    ],
    [
      'that was dismissed and opened again by a person',
      { state: 'dismissed', dismissal: dismissal('reply'), threadResolved: true },
      {},
      'open',
      null,
    ],
    [
      'whose 👎 was taken back',
      { state: 'dismissed', dismissal: dismissal('thumbs_down'), threadResolved: true },
      { resolved: true },
      'open',
      null,
    ],
    [
      'dismissed by word, without a 👎',
      { state: 'dismissed', dismissal: dismissal('reply'), threadResolved: true },
      { resolved: true },
      'dismissed',
      dismissal('reply'),
    ],
    [
      'opened again after a 👎 that still stands',
      { revivedAt: new Date('2026-01-02') },
      { thumbsDown: down('2026-01-01') },
      'open',
      null,
    ],
    [
      'opened again, with a 👎 since then',
      { revivedAt: new Date('2026-01-02') },
      { thumbsDown: down('2026-01-03') },
      'dismissed',
      dismissal('thumbs_down'),
    ],
  ])('%s', (_what, row, patch, state, said) => {
    expect(after(row, patch)).toMatchObject({ state, dismissal: said });
  });

  test('that a person resolved after its lines changed is for the look to judge', () => {
    const changed = 'b\n'.repeat(40);
    expect(after({}, { resolved: true, resolvedBy: lee }, changed)).toMatchObject({
      state: 'open',
    });
    expect(after({}, { thumbsDown: down('2026-01-01') }, changed)).toMatchObject({
      state: 'dismissed',
    });
  });

  test('whose thread is gone stays as it is', () => {
    const row = known({ state: 'fixed', threadResolved: true });
    expect(withOpinions([row], { threads: [], files: [] }, HEAD, NOW)).toEqual([row]);
  });

  test('that comes back remembers since when', () => {
    expect(after({ state: 'fixed', threadResolved: true }, {})).toMatchObject({ revivedAt: NOW });
  });
});

describe('a thread is told', () => {
  const open = { resolved: false, byBot: false };
  const at = HEAD.slice(0, 8);
  test.each<[string, Partial<KnownFinding>, typeof open, string, object]>([
    [
      'where it was fixed',
      { state: 'fixed', lastSha: HEAD },
      open,
      '',
      { line: `Fixed in ${at}.`, resolve: true },
    ],
    [
      'nothing twice',
      { state: 'fixed' },
      { resolved: true, byBot: true },
      '',
      { line: null, resolve: false },
    ],
    [
      'that its file is gone',
      { state: 'outdated', lastSha: HEAD },
      open,
      '',
      { line: `Its file is gone at ${at}.`, resolve: true },
    ],
    [
      'nothing when dismissed, and resolved',
      { state: 'dismissed' },
      open,
      '',
      { line: null, resolve: true },
    ],
    [
      'why it is still there',
      { lastSha: HEAD },
      open,
      'as it was',
      { line: `Still there at ${at}: as it was`, standing: true, resolve: false },
    ],
    ['nothing where nobody looked', {}, open, 'x', { line: null }],
    [
      'nothing at the head it was raised at',
      { firstSha: HEAD, lastSha: HEAD },
      open,
      'x',
      { line: null },
    ],
    [
      'that it came back',
      { lastSha: HEAD },
      { resolved: true, byBot: true },
      '',
      { line: `There again at ${at}.`, reopen: true },
    ],
    [
      'nothing against a person who resolved it',
      { lastSha: HEAD },
      { resolved: true, byBot: false },
      '',
      { line: null, reopen: false },
    ],
  ])('%s', (_what, row, standing, why, expected) => {
    expect(tellOf(known(row), standing, HEAD, why)).toMatchObject(expected);
  });

  test('and is known by its last line alone', () => {
    const line = threadLine({ fingerprint: 'abc', by: 'reviewer' });
    expect(holds(`text\n\n${line}\n`, 'abc')).toBe(true);
    expect(holds(`text\n\n${line}\n`, 'ab')).toBe(false);
    expect(holds(`${line}\n\nmore words`, 'abc')).toBe(false);
  });
});
