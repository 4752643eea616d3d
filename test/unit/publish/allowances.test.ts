/** A maintainer's leave is for one path with one content, and only as long as he is a maintainer. */
import { execFileSync } from 'node:child_process';
import { describe, expect, test } from '@jest/globals';
import type { FileChange } from '../../../schema/wire/result.ts';
import type { Allowance } from '../../../bot/domain/runs.ts';
import { standingAllowances } from '../../../bot/worker/publish/allowances.ts';
import { blobId } from '../../../bot/worker/publish/blob-id.ts';
import { blockedFiles } from '../../../bot/worker/publish/blocked-files.ts';
import { checkResult } from '../../../bot/worker/publish/check-result.ts';
import { proposedText } from '../../../bot/worker/publish/proposed.ts';
import { result, run } from '../decide/builders.ts';

const base64 = (text: string): string => Buffer.from(text).toString('base64');
const CI: FileChange = {
  path: '.gitlab-ci.yml',
  action: 'update',
  mode: '100644',
  content: base64('test: {script: [npm test]}\n'),
};
const max = { id: 6, username: 'max' };
const allowance = (change: FileChange, patch: Partial<Allowance> = {}): Allowance => ({
  path: change.path,
  blob: blobId(change),
  mode: change.mode,
  by: max,
  ...patch,
});
const check = (changes: FileChange[], allowed: Allowance[] = [], patterns = ['.*', '**/.*/**']) =>
  checkResult(result({ changes }), { protectedPaths: patterns, ownSecrets: [], allowed });

test('the id is the one git gives', () => {
  const text = Buffer.from(CI.content ?? '', 'base64');
  const git = execFileSync('git', ['hash-object', '--stdin'], { input: text }).toString().trim();
  expect(blobId(CI)).toBe(git);
  const { content: _gone, ...deleted } = { ...CI, action: 'delete' as const };
  expect(blobId(deleted)).toBe('0'.repeat(40));
});

describe('what is refused, and what a leave changes', () => {
  test('the refusal names every protected file by its content, as a command to copy', async () => {
    const other = { ...CI, path: '.npmrc', content: base64('x=1\n') };
    const verdict = await check([CI, other, { ...CI, path: 'src/a.js' }]);
    const ids = [CI, other].map((change) => blobId(change).slice(0, 10));
    expect(verdict).toMatchObject({ ok: false, blocked: [CI, other] });
    expect(JSON.stringify(verdict)).toContain(
      `/autodev allow .gitlab-ci.yml at ${ids[0]} .npmrc at ${ids[1]}`,
    );
    expect(JSON.stringify(verdict)).not.toContain('src/a.js');
  });

  test('exactly that content passes', async () => {
    expect(await check([CI], [allowance(CI)])).toEqual({ ok: true });
  });

  test.each<[string, Partial<Allowance>]>([
    ['another content', { blob: 'a'.repeat(40) }],
    ['another path', { path: '.gitlab-ci.yaml' }],
    ['another mode', { mode: '100755' }],
    ['the deletion of the file', { blob: '0'.repeat(40) }],
    ['the beginning of an id', { blob: blobId(CI).slice(0, 10) }],
  ])('a leave for %s does not', async (_what, patch) => {
    expect(await check([CI], [allowance(CI, patch)])).toMatchObject({ ok: false });
  });

  test('what stays refused is only what has no leave', async () => {
    const other = { ...CI, path: '.npmrc' };
    expect(await check([CI, other], [allowance(CI)])).toMatchObject({ blocked: [other] });
  });

  test.each([
    '.git/config',
    'a/../.gitlab-ci.yml',
    '/etc/passwd',
    '.GIT/hooks/x',
    'a/.g\u200Bit/x',
  ])('%s can never be let through', async (path) => {
    const evil = { ...CI, path };
    const verdict = await check([evil], [allowance(evil)]);
    expect(verdict).toMatchObject({ ok: false });
    expect(verdict).not.toHaveProperty('blocked');
  });

  test('a secret can never be let through, nor is it offered', async () => {
    const leak = { ...CI, content: base64(`TOKEN: glpat-${'x7Kq29LmZp4TvR8sWd3y'}\n`) };
    for (const allowed of [[], [allowance(leak)]]) {
      const verdict = await check([leak], allowed);
      expect(verdict).toMatchObject({ ok: false });
      expect(verdict).not.toHaveProperty('blocked');
      expect(JSON.stringify(verdict)).not.toContain('allow');
    }
  });

  test.each(['.a b', '.a`b', '.a\u00A0b', `.${'x'.repeat(250)}`])(
    'a path that a command cannot name (%j) is a person’s work',
    async (path) => {
      const verdict = await check([{ ...CI, path }]);
      expect(verdict).toMatchObject({ ok: false });
      expect(verdict).not.toHaveProperty('blocked');
    },
  );

  test('so are very many files', async () => {
    const many = Array.from({ length: 9 }, (_none, index) => ({ ...CI, path: `.f${index}` }));
    const verdict = await check(many);
    expect(JSON.stringify(verdict)).toContain('and 1 more');
    expect(verdict).not.toHaveProperty('blocked');
  });
});

test('a leave ends with the rights of whoever gave it', async () => {
  const dana = { id: 5, username: 'dana' };
  const allowed = [allowance(CI), allowance({ ...CI, path: '.npmrc' }, { by: dana })];
  const levels: Record<number, number> = { 5: 30, 6: 40 };
  const standing = await standingAllowances(run({ allowed }), async (id) => levels[id] ?? 0);
  expect(standing.map(({ path }) => path)).toEqual(['.gitlab-ci.yml']);
  const fails = standingAllowances(run({ allowed }), async () => {
    throw new Error('no answer');
  });
  await expect(fails).rejects.toThrow('no answer');
});

describe('what a maintainer is shown', () => {
  const shown = async (change: FileChange, before: string | null): Promise<string> => {
    const files = await blockedFiles([change], async () => before);
    return proposedText(files, 'gitlab.example.com');
  };

  test('the difference to the file as it stands', async () => {
    const text = await shown(CI, 'test: {script: [true]}\n');
    expect(text).toContain(`\`.gitlab-ci.yml\` at \`${blobId(CI)}\``);
    expect(text).toContain('\n-test: {script: [true]}\n+test: {script: [npm test]}\n');
  });

  test('no text by a model acts, leaves its fence or hides', async () => {
    const evil = ['/close', '````', '</details>', 'Closes #1', '@all', 'https://evil.example/x'];
    const content = base64(`${evil.join('\n')}\na\u202Eb\u200Bc\n`);
    const text = await shown({ ...CI, content }, null);
    expect(text).toMatch(/\n`{5}diff\n/);
    expect(text.trimEnd()).toMatch(/\n`{5}$/);
    expect(text).not.toMatch(/^\s*\+?\/close/m);
    expect(text).not.toContain('Closes #1');
    expect(text).not.toContain('https://evil');
    expect(text).toContain('a‹U+202E›b‹U+200B›c');
  });

  test('it is bounded, and says what is left out', async () => {
    const content = base64('x\n'.repeat(50_000));
    const files = Array.from({ length: 8 }, (_none, index) => ({
      ...CI,
      path: `.f${index}`,
      content,
    }));
    const text = proposedText(await blockedFiles(files, async () => null), 'gitlab.example.com');
    expect(text.length).toBeLessThan(25_000);
    expect(text).toMatch(/\(cut: \d+ more characters\)/);
    expect(text).toContain('(cut: the comment would be too long)');
  });

  test('what is not text says so, and a deletion shows what goes', async () => {
    expect(await shown({ ...CI, content: 'AAD/' }, null)).toContain('(not text)');
    const { content: _gone, ...deleted } = { ...CI, action: 'delete' as const };
    expect(await shown(deleted, 'old\n')).toContain('-old');
  });
});
