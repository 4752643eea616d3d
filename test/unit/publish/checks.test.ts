import { generateKeyPairSync } from 'node:crypto';
import { describe, expect, test } from '@jest/globals';
import type { FileChange } from '../../../schema/wire/result.ts';
import { loadSettings } from '../../../bot/config/settings.ts';
import { checkResult } from '../../../bot/worker/publish/check-result.ts';
import { checkPaths } from '../../../bot/worker/publish/path-policy.ts';
import { findSecret } from '../../../bot/worker/publish/secret-scan.ts';
import { result } from '../decide/builders.ts';

const PATTERNS = loadSettings('config/settings.yaml').protectedPaths;
const { privateKey } = generateKeyPairSync('rsa', {
  modulusLength: 2048,
  publicKeyEncoding: { type: 'pkcs1', format: 'pem' },
  privateKeyEncoding: { type: 'pkcs1', format: 'pem' },
});
const base64 = (text: string): string => Buffer.from(text).toString('base64');
const change = (path: string, patch: Partial<FileChange> = {}): FileChange => ({
  path,
  action: 'update',
  mode: '100644',
  content: base64('text'),
  ...patch,
});

describe('paths', () => {
  test.each([
    '.gitlab-ci.yml',
    '.GitLab-CI.yml',
    '.gitlab/ci/build.yml',
    '.github/workflows/ci.yml',
    '.autodev.yml',
    'CODEOWNERS',
    'docs/CODEOWNERS',
    '.gitlab/CODEOWNERS',
    'AGENTS.md',
    'pkg/CLAUDE.md',
    '.claude/settings.json',
    '.cursor/rules',
    '.mcp.json',
    '.gemini/settings.json',
    '.gitmodules',
    '.gitattributes',
    'sub/.gitattributes',
    '.husky/pre-commit',
    '.npmrc',
    'packages/a/.npmrc',
    '.env',
    '.vscode/tasks.json',
    '.devcontainer/devcontainer.json',
    'package-lock.json',
    'web/yarn.lock',
    'Cargo.lock',
    'go.sum',
    'bunfig.toml',
    'a/.b/c/d',
  ])('%s is protected', (path) => {
    for (const action of ['create', 'update', 'delete'] as const) {
      expect(checkPaths([change(path, { action })], PATTERNS)).toMatchObject({
        ok: false,
        protected: true,
      });
    }
  });

  test.each([
    '../evil',
    'a/../b',
    '/etc/passwd',
    'a//b',
    './a',
    'a/.',
    'a\\b',
    'C:/x',
    'a/.git/hooks/x',
    '.git/config',
    'a/.GIT/config',
    'a/.git./config',
    'a/.git /config',
    'git~1/config',
    'a/GIT~2/x',
    'a/.g\u200Cit/config',
    'a\nb',
    'a\u0000b',
    'a\u202Eb',
    `a/${'x'.repeat(256)}`,
  ])('%j is refused', (path) => {
    expect(checkPaths([change(path)], PATTERNS)).toMatchObject({ ok: false });
  });

  test.each([
    'src/cli.js',
    'README.md',
    'docs/a b.md',
    'a/-n',
    '--upload-pack=x',
    'src/ünïcode.ts',
  ])('%s is fine', (path) => {
    expect(checkPaths([change(path)], PATTERNS)).toEqual({ ok: true });
  });

  test('the same file twice is refused, in whatever case', () => {
    expect(checkPaths([change('a.ts'), change('A.ts')], [])).toMatchObject({ ok: false });
  });
});

describe('secrets', () => {
  const own = 'glpat-own0secret0value0';
  const inFile = (text: string): Promise<unknown> =>
    findSecret([change('a.txt', { content: base64(text) })], [own]);

  test.each([
    ['as it stands', own],
    ['in base64', Buffer.from(own).toString('base64')],
    ['in base64 behind one byte', Buffer.from(`x${own}y`).toString('base64')],
    ['in base64 behind two bytes', Buffer.from(`xx${own}yy`).toString('base64')],
    ['in hex', Buffer.from(own).toString('hex')],
    ['reversed', [...own].toReversed().join('')],
  ])('the bot’s own secret is found %s', async (_how, text) => {
    await expect(inFile(`a ${text} b`)).resolves.toMatchObject({ path: 'a.txt' });
  });

  test('it is found in a file name', async () => {
    await expect(findSecret([change(`x/${own}.txt`)], [own])).resolves.not.toBeNull();
  });

  test.each([
    ['a GitLab token', `token: ${'glpat'}-${'abcdefghij1234567890'}`],
    ['a GitHub token', `ghp_${'a1B2c3D4e5'.repeat(3)}abcdef`],
    ['a private key', privateKey],
    ['a Slack token', `xoxb-${'123456789012'}-${'123456789012'}-${'a1B2c3D4e5F6g7H8i9J0k1L2'}`],
  ])('%s is found by its kind', async (_kind, text) => {
    await expect(inFile(text)).resolves.toMatchObject({ path: 'a.txt' });
  });

  test('ordinary text is no secret', async () => {
    await expect(inFile('const token = process.env.TOKEN;\n')).resolves.toBeNull();
  });
});

describe('the whole check', () => {
  const rules = { protectedPaths: PATTERNS, ownSecrets: ['glpat-own0secret0value0'], allowed: [] };

  test('a good result passes', async () => {
    await expect(checkResult(result(), rules)).resolves.toEqual({ ok: true });
  });

  test('a refusal names file, reason and next step', async () => {
    const verdict = await checkResult(result({ changes: [change('.gitlab-ci.yml')] }), rules);
    expect(verdict).toMatchObject({ ok: false });
    expect(JSON.stringify(verdict)).toContain('.gitlab-ci.yml');
    expect(JSON.stringify(verdict)).toContain('/autodev retry');
  });

  test('a refusal never repeats the secret', async () => {
    const changes = [change('a.txt', { content: base64(rules.ownSecrets[0] ?? '') })];
    const verdict = await checkResult(result({ changes }), rules);
    expect(verdict).toMatchObject({ ok: false });
    expect(JSON.stringify(verdict)).not.toContain(rules.ownSecrets[0]);
  });

  test.each([
    ['delete', base64('x')],
    ['create', undefined],
  ] as const)('a %s that does not fit its content is refused', async (action, content) => {
    const { content: _dropped, ...bare } = change('a.txt', { action });
    const odd = content === undefined ? bare : { ...bare, content };
    await expect(checkResult(result({ changes: [odd] }), rules)).resolves.toMatchObject({
      ok: false,
    });
  });
});
