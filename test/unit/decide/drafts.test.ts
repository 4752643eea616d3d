/** Which issues a report asks for: how many at most, each once, and none that nobody is sure of. */
import { expect, test } from '@jest/globals';
import { ISSUES_PER_RESULT, issuesAsked } from '../../../bot/decide/drafts.ts';
import type { Report } from '../../../schema/wire/report.ts';
import { SAMPLE_REPORTS } from '../../support/sample-reports.ts';

const [issue] = SAMPLE_REPORTS.issues.issues;
const [bug] = SAMPLE_REPORTS.bug_hunt.bugs;
if (!issue || !bug) throw new Error('the samples hold an issue and a bug');

const issues = (...patches: Partial<typeof issue>[]): Report => ({
  kind: 'issues',
  issues: patches.map((patch) => ({ ...issue, ...patch })),
});
const bugs = (...patches: Partial<typeof bug>[]): Report => ({
  ...SAMPLE_REPORTS.bug_hunt,
  bugs: patches.map((patch) => ({ ...bug, ...patch })),
});
const titles = (report: Report): string[] => issuesAsked(report).made.map(({ title }) => title);

test.each(Object.values(SAMPLE_REPORTS))('a report of kind $kind', (report) => {
  const raises = ['epic_draft', 'stories', 'issues', 'bug_hunt'].includes(report.kind);
  expect(issuesAsked(report).made).toHaveLength(raises ? 1 : 0);
});

test('no report asks for nothing', () => {
  expect(issuesAsked(undefined)).toEqual({ made: [], tooMany: 0, unsure: 0 });
});

test('more than the limit are counted and not made', () => {
  const many = issues(...Array.from({ length: 12 }, (_none, at) => ({ title: `Part ${at}` })));
  const asked = issuesAsked(many);
  expect(asked.made).toHaveLength(ISSUES_PER_RESULT);
  expect(asked.tooMany).toBe(12 - ISSUES_PER_RESULT);
});

test('the same asked for twice is one issue, however it is written', () => {
  const twice = issues({ title: 'Add the option' }, { title: '  add  THE option!' });
  expect(issuesAsked(twice)).toMatchObject({ made: [{ title: 'Add the option' }], tooMany: 0 });
});

test('only what stands before it is named as coming before', () => {
  const asked = issuesAsked(
    issues(
      { title: 'A', dependsOn: [1, 0] },
      { title: 'B', dependsOn: [0, 0, 7] },
      { title: 'a', dependsOn: [] },
      { title: 'C', dependsOn: [2, 1] },
    ),
  );
  expect(asked.made.map(({ title, after }) => [title, after])).toEqual([
    ['A', []],
    ['B', [0]],
    // Its dependency is the third, which is the first once more.
    ['C', [0, 1]],
  ]);
});

test('the worst bugs come first, and doubts are counted and not made', () => {
  const report = bugs(
    { title: 'Doubt', confidence: 0.59, severity: 'critical' },
    { title: 'Low', severity: 'low' },
    { title: 'Critical', severity: 'critical', confidence: 0.6 },
  );
  expect(titles(report)).toEqual(['Critical', 'Low']);
  expect(issuesAsked(report).unsure).toBe(1);
});

test('a bug is the same when its line moved, and another in another file', () => {
  const same = (patch: Partial<typeof bug>): string | undefined =>
    issuesAsked(bugs(patch)).made[0]?.same;
  expect(same({ line: 99 })).toBe(same({}));
  expect(same({ path: 'src/b.js' })).not.toBe(same({}));
});
