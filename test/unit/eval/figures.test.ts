import { expect, test } from '@jest/globals';
import { table, totalsOf, type TryFigures } from '../../../eval/figures.ts';

const row = (more: Partial<TryFigures>): TryFigures => ({
  name: 'task',
  type: 'implement_fix',
  agent: 'builder',
  run: 1,
  engine: 'builtin',
  model: 'openai/m',
  ran: true,
  solved: true,
  verdict: 'finished',
  why: '',
  checks: { passed: 4, of: 4, failed: [] },
  isolation: 'bubblewrap',
  costUsd: 0.1,
  calls: 3,
  inputTokens: 1_000,
  cachedInputTokens: 600,
  outputTokens: 50,
  cacheShare: 0.6,
  turns: 3,
  seconds: 1.5,
  ...more,
});

const TRIES = [
  row({ name: 'a' }),
  row({ name: 'b', solved: false, why: 'failed: x', costUsd: 0.2, inputTokens: 3_000, turns: 9 }),
  row({
    name: 'c',
    ran: false,
    solved: false,
    verdict: 'not run',
    why: 'stopped',
    costUsd: 0,
    calls: 0,
  }),
];

test('totals are sums, and the cache share is one of all tokens', () => {
  expect(totalsOf(TRIES)).toEqual({
    tries: 3,
    ran: 2,
    solved: 1,
    costUsd: 0.3,
    calls: 6,
    inputTokens: 5_000,
    cachedInputTokens: 1_800,
    outputTokens: 150,
    cacheShare: 0.36,
    turns: 15,
    seconds: 4.5,
  });
  expect(totalsOf([]).cacheShare).toBeNull();
});

test('the table has a row per try, the totals, and why something was not solved', () => {
  const machine = { os: 'x', cpu: 'x', cores: 1, memoryGb: 1, node: 'x' };
  const common = { machine, startedAt: 'x', runsPerTask: 1, maxUsd: 1 };
  const text = table({ ...common, answers: 'live', tasks: TRIES, totals: totalsOf(TRIES) });
  expect(text.split('\n')).toEqual([
    'task  result      checks     cost  tokens in  cached  out  turns    s',
    'a     solved         4/4  $0.1000       1000    60 %   50      3  1.5',
    'b     not solved     4/4  $0.2000       3000    60 %   50      9  1.5',
    'c     not run        4/4  $0.0000       1000    60 %   50      3  1.5',
    'all   1 of 3              $0.3000       5000    36 %  150     15  4.5',
    '',
    'b: failed: x',
    'c: stopped',
    '',
    'models: openai/m on builtin',
    'isolation: bubblewrap',
  ]);
  const scripted = table({ ...common, answers: 'scripted', tasks: [], totals: totalsOf([]) });
  expect(scripted).toContain('answers are scripted, nothing was paid');
});
