import { expect, test } from '@jest/globals';
import { buildResult, type ResultParts } from '../../../jobs/result.ts';
import type { FileChange } from '../../../schema/wire/result.ts';

const change: FileChange = { path: 'a', action: 'delete', mode: '100644' };
const parts = (more: Partial<ResultParts>): ResultParts => ({
  attempt: 4,
  outcome: 'finished',
  cause: 'Done',
  summary: 'All good',
  baseSha: 'a'.repeat(40),
  checks: [],
  scans: [],
  coverage: null,
  engine: null,
  stats: { turns: 1, toolCalls: 1, seconds: 1, firstRequestMs: 1, model: 'm' },
  collected: { changes: [change], refusals: [], limit: null },
  ...more,
});
const plain = (text: string): string => text;

test.each<[Partial<ResultParts>, string, number, RegExp]>([
  [{}, 'finished', 1, /^Done$/],
  [{ outcome: 'limit' }, 'limit', 1, /^Done$/],
  [{ outcome: 'budget' }, 'budget', 1, /^Done$/],
  [{ outcome: 'crashed' }, 'crashed', 0, /^Done$/],
  [{ outcome: 'cancelled' }, 'cancelled', 0, /^Done$/],
  [{ outcome: 'unable' }, 'unable', 0, /^Done$/],
  [
    { collected: { changes: [], refusals: [], limit: 'too big' } },
    'limit',
    0,
    /No change was taken: too big/,
  ],
  [
    { outcome: 'budget', collected: { changes: [], refusals: [], limit: 'too big' } },
    'budget',
    0,
    /too big/,
  ],
  [
    { collected: { changes: [change], refusals: ['x: a link', 'y: a pipe'], limit: null } },
    'needs_human',
    1,
    /^Done\. Not taken: x: a link; y: a pipe$/,
  ],
])('%j → %s with %i changes', (more, outcome, count, cause) => {
  const result = buildResult(parts(more), plain);
  expect(result.outcome).toBe(outcome);
  expect(result.changes).toHaveLength(count);
  expect(result.cause).toMatch(cause);
});

test('whatever is missing or too long, the result fits its schema', () => {
  const check = { command: 'c'.repeat(900), exitCode: 0, seconds: 1 };
  const result = buildResult(
    parts({
      attempt: undefined,
      baseSha: undefined,
      summary: 's'.repeat(1e6),
      comment: 'c'.repeat(1e6),
      cause: 'x'.repeat(1e6),
      checks: Array.from({ length: 80 }, (_, i) => ({ ...check, exitCode: i })),
    }),
    plain,
  );
  expect(result).toMatchObject({ attempt: 1, baseSha: '0'.repeat(40) });
  expect(result.checks).toHaveLength(50);
  expect(result.checks.at(-1)?.exitCode).toBe(79);
});

test('secrets leave every text', () => {
  const result = buildResult(
    parts({
      cause: 'a T0KEN',
      summary: 'b T0KEN',
      comment: 'c T0KEN',
      report: {
        kind: 'review',
        score: 50,
        findings: [
          {
            path: 'a.js',
            line: 1,
            severity: 'low',
            category: 'style',
            title: 'd T0KEN',
            body: 'e T0KEN',
            suggestion: 'f T0KEN',
            confidence: 1,
          },
        ],
      },
      checks: [{ command: 'echo T0KEN', exitCode: 0, seconds: 1 }],
    }),
    (text) => text.replaceAll('T0KEN', '[hidden]'),
  );
  expect(JSON.stringify(result)).not.toContain('T0KEN');
  const finding = { title: 'd [hidden]', body: 'e [hidden]', suggestion: 'f [hidden]', line: 1 };
  expect(result.report).toMatchObject({ kind: 'review', score: 50, findings: [finding] });
});

test('a secret that is a fixed word or an id of ours does not break the result', () => {
  const id = '0123456789abcdef';
  const finding = {
    ...{ id, kind: 'secret' as const, rule: 'key', severity: 'critical' as const },
    ...{ title: 'Secret in a file', text: `It is ${id}.`, path: 'a', line: 1, endLine: 1 },
    identifiers: [{ type: 'ghsa' as const, value: 'GHSA-35jh-r3h4-6jhm' }],
  };
  const scans = [
    {
      ...{ scanner: 'gitleaks' as const, version: '1', state: 'done' as const, why: '' },
      ...{ seconds: 1, findings: [finding], omitted: 0, dependencies: [] },
    },
  ];
  const hides = (secret: string) => (text: string) => text.replaceAll(secret, '[hidden]');
  const ids = buildResult(parts({ scans }), hides(id));
  expect(ids.scans?.[0]?.findings[0]).toMatchObject({ id, text: 'It is [hidden].' });
  expect(buildResult(parts({ scans }), hides('GHSA-35jh-r3h4-6jhm')).scans).toEqual(scans);
  const review = { kind: 'review' as const, score: 1, findings: [] };
  expect(buildResult(parts({ report: review }), hides('review')).report).toEqual(review);
  // Where a word of the schema is hidden all the same, the attempt ends with the reason.
  const triage = {
    ...{ kind: 'triage' as const, type: 'bug' as const, size: 'medium' as const, priority: 1 },
    ...{ missing: [], duplicates: [] },
  };
  const broken = buildResult(parts({ report: triage }), hides('medium'));
  expect(broken).toMatchObject({ outcome: 'crashed', changes: [] });
  expect(broken.report).toBeUndefined();
});
