/** What a look makes of known findings: who says so, and what code decides where nobody does. */
import { describe, expect, test } from '@jest/globals';
import type { Finding, Verified } from '../../../schema/wire/finding.ts';
import { judgeLooks } from '../../../bot/decide/relook.ts';
import { codeOf } from '../../../bot/domain/finding-identity.ts';
import type { KnownFinding, ReviewFacts } from '../../../bot/domain/findings.ts';
import type { Run } from '../../../bot/domain/runs.ts';
import { finding, HEAD, known, looks, NOW, run, SHA, codeChange } from './builders.ts';

const PATH = 'src/cli.js';
const BEFORE = Array.from({ length: 60 }, (_, at) => `line ${at + 1}\n`).join('');

interface Scene {
  known?: KnownFinding[];
  raised?: Finding[];
  verified?: Verified[];
  /** The file at the head; null: it is gone. */
  now?: string | null;
  facts?: Partial<ReviewFacts>;
  limits?: { minConfidence: number; maxFindings: number };
  roles?: string[];
}

function judge(scene: Scene): ReturnType<typeof judgeLooks> {
  const { known: rows = [], raised = [], verified, now = BEFORE, facts = {}, limits } = scene;
  const tasks = looks(0, { review: raised })
    .filter(({ agent }) => scene.roles?.includes(agent) ?? true)
    .map((task) => ({
      ...task,
      attempts: task.attempts.map((attempt) => {
        const { result } = attempt;
        const report = result?.report;
        if (!result || report?.kind !== 'review' || verified === undefined) return attempt;
        return { ...attempt, result: { ...result, report: { ...report, verified } } };
      }),
    }));
  const usual = run({ tasks, findings: rows, changes: { spec: null, code: codeChange } });
  const on: Run = {
    ...usual,
    context: { ...usual.context, ...(limits ? { review: limits } : {}) },
  };
  const files = [
    { sha: SHA, path: PATH, text: BEFORE },
    { sha: HEAD, path: PATH, text: now },
  ];
  return judgeLooks(on, { threads: [], files, elsewhere: [], ...facts }, NOW);
}

const states = (scene: Scene): string[] => judge(scene).findings.map(({ state }) => state);
const at = (line: number, patch: Partial<KnownFinding> = {}): KnownFinding =>
  known({ line, code: codeOf(BEFORE, { line }), ...patch });
const TOUCHED = BEFORE.replace('line 31\n', 'line thirty-one\n');
const MOVED = `new\nnew\n${BEFORE}`;

describe('a finding that nobody raised again', () => {
  test.each<[string, Scene, string[]]>([
    ['is still open when its lines did not change', {}, ['open']],
    ['is still open where they moved', { now: MOVED }, ['open']],
    ['is fixed when they changed', { now: TOUCHED }, ['fixed']],
    ['is open when the look says so', { now: TOUCHED, verified: [said(false)] }, ['open']],
    ['is fixed when the look says so', { verified: [said(true)] }, ['fixed']],
    ['is outdated when its file is gone', { now: null, verified: [said(true)] }, ['outdated']],
    ['is as it was for other roles', { now: TOUCHED, roles: ['tester'] }, ['open']],
  ])('%s', (_what, scene, expected) => {
    expect(states({ known: [at(31)], ...scene })).toEqual(expected);
  });

  test('is not fixed without a push, whatever the look says', () => {
    const rows = [at(31, { lastSha: HEAD })];
    expect(states({ known: rows, verified: [said(true)] })).toEqual(['open']);
  });

  test('is open where its file could not be read', () => {
    const rows = [at(31, { path: 'other.js' })];
    expect(states({ known: rows })).toEqual(['open']);
    expect(states({ known: rows, verified: [said(true)] })).toEqual(['fixed']);
  });

  test('is found by its code where the old commit is gone', () => {
    const facts = { files: [{ sha: HEAD, path: PATH, text: MOVED }] };
    expect(judge({ known: [at(31)], facts }).findings[0]).toMatchObject({
      state: 'open',
      line: 33,
    });
  });

  test('is judged at the head, with the line it moved to and what was said', () => {
    const verified = [{ id: 5, fixed: false, why: 'The loop is as it was.' }];
    expect(judge({ known: [at(31)], now: MOVED, verified }).findings[0]).toMatchObject({
      line: 33,
      lastSha: HEAD,
      firstSha: SHA,
      why: 'The loop is as it was.',
      code: codeOf(MOVED, { line: 33 }),
    });
  });

  test('with a range is touched by a line put into it', () => {
    const rows = [at(30, { endLine: 32 })];
    const now = BEFORE.replace('line 31\n', 'line 31\nand more\n');
    expect(states({ known: rows, now })).toEqual(['fixed']);
    expect(judge({ known: rows, now: MOVED }).findings[0]).toMatchObject({ line: 32, endLine: 34 });
  });
});

describe('a finding that is raised again', () => {
  test.each<[string, Scene]>([
    ['in other words', { raised: [finding({ title: 'Ignores top' })] }],
    ['where it moved to', { raised: [finding({ line: 33 })], now: MOVED }],
    ['elsewhere, from where it was changed', { raised: [finding({ line: 55 })], now: TOUCHED }],
  ])('%s is the same, and open', (_what, scene) => {
    const { findings } = judge({ known: [at(31)], ...scene });
    expect(findings).toHaveLength(1);
    expect(findings[0]).toMatchObject({ id: 5, state: 'open', title: '--top is ignored' });
  });

  test('by the same words elsewhere is another one while the first stands untouched', () => {
    expect(states({ known: [at(31)], raised: [finding({ line: 55 })] })).toEqual(['open', 'open']);
  });

  test('after it was fixed is open again', () => {
    const rows = [at(31, { state: 'fixed' })];
    expect(states({ known: rows, raised: [finding()] })).toEqual(['open']);
    // Another problem in the same place is a new one.
    const other = finding({ title: 'Leaks the file handle' });
    expect(states({ known: rows, raised: [other] })).toEqual(['fixed', 'open']);
  });

  test('beside word of the first by its number is a new one', () => {
    const raised = [finding({ title: 'Leaks the file handle' })];
    expect(states({ known: [at(31)], raised, verified: [said(false)] })).toEqual(['open', 'open']);
    expect(states({ known: [at(31)], raised })).toEqual(['open']);
  });

  test('by another role needs words that are alike', () => {
    const rows = [at(31, { by: 'security' })];
    const raised = [finding({ title: 'Leaks the file handle' })];
    expect(states({ known: rows, raised })).toEqual(['open', 'open']);
    expect(states({ known: rows, raised: [finding()] })).toEqual(['open']);
  });
});

describe('what people do not want', () => {
  const dismissal = { how: 'thumbs_down', by: { id: 7, username: 'lee' }, reason: '' } as const;
  const unwanted = at(31, { state: 'dismissed', dismissal });

  test.each<[string, Scene]>([
    ['in the same words', { raised: [finding()] }],
    ['in other words', { raised: [finding({ title: 'Ignores top' })] }],
    ['where the code changed', { raised: [finding()], now: TOUCHED }],
  ])('is not raised again on the change, %s', (_what, scene) => {
    expect(states({ known: [unwanted], ...scene })).toEqual(['dismissed']);
  });

  test('is not raised on later changes while the code is the same', () => {
    const raised = [finding({ title: 'The option top is ignored' })];
    const facts = { elsewhere: [unwanted] };
    expect(judge({ raised, facts }).findings).toMatchObject([
      { state: 'dismissed', dismissal: { how: 'earlier', by: { id: 7 } } },
    ]);
    expect(states({ raised, facts, now: TOUCHED })).toEqual(['open']);
    const other = { ...unwanted, path: 'src/other.js' };
    expect(states({ raised, facts: { elsewhere: [other] } })).toEqual(['open']);
  });
});

describe('how much is raised', () => {
  const many = Array.from({ length: 6 }, (_, index) =>
    finding({
      line: 1 + index * 10,
      title: `Problem number ${'abcdef'[index]}${index}`,
      severity: index === 5 ? 'critical' : 'low',
      confidence: index === 0 ? 0.4 : 0.9,
    }),
  );

  test('is what is sure enough and most severe; the rest is counted', () => {
    const limits = { minConfidence: 0.5, maxFindings: 3 };
    const { findings, leftOut } = judge({ raised: many, limits });
    expect(findings.map(({ severity }) => severity)).toEqual(['critical', 'low', 'low']);
    expect(leftOut).toBe(3);
    expect(judge({ raised: many, limits: { minConfidence: 0, maxFindings: 9 } })).toMatchObject({
      leftOut: 0,
    });
  });

  test('counts what is open already; what is known stays whatever its confidence', () => {
    const rows = [at(31)];
    const limits = { minConfidence: 0.5, maxFindings: 2 };
    const raised = [finding({ confidence: 0.1 }), ...many];
    const { findings, leftOut } = judge({ known: rows, raised, limits });
    expect(findings.map(({ state }) => state)).toEqual(['open', 'open']);
    expect(leftOut).toBe(5);
  });

  test('is one finding where two looks say the same', () => {
    const raised = [finding(), finding({ title: '--top gets ignored', line: 32 })];
    expect(states({ raised })).toEqual(['open']);
  });
});

function said(fixed: boolean): Verified {
  return { id: 5, fixed, why: fixed ? 'mended' : 'not mended' };
}
