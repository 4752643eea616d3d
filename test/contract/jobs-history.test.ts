/** The history an agent is given, and the two tools that read it: real, bounded, and nothing in it is started. */
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync } from 'node:fs';
import { realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { selectTools } from '../../jobs/tools/all.ts';
import { checkCall, type ToolResult } from '../../jobs/tools/tool.ts';
import { readBaseTree } from '../../jobs/workspace/base-tree.ts';
import { exportWorkspace } from '../../jobs/workspace/export.ts';
import { readGuides } from '../../jobs/workspace/guides.ts';
import { headOf, makeRepository, NOBODY, removeTree } from './jobs-standin.ts';

const PATH = process.env['PATH'] ?? '';
const TOKEN = 'glcbt-64_canaryjobtoken1234567';
let repo = '';
let top = '';
let ws = '';
let main = '';
let change = '';

const git = (dir: string, ...args: string[]): string =>
  execFileSync('git', args, {
    cwd: dir,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  }).trim();

function commit(message: string, files: Record<string, string>): string {
  for (const [name, text] of Object.entries(files)) writeFileSync(join(repo, name), text);
  git(repo, 'add', '-A');
  git(repo, 'commit', '-qm', message);
  return headOf(repo);
}

beforeEach(async () => {
  repo = makeRepository({ 'a.txt': 'one\n', 'AGENTS.md': 'Use tabs.\n' }, TOKEN);
  main = commit('Say two', { 'a.txt': 'one\ntwo\n' });
  git(repo, 'checkout', '-q', '-b', 'change');
  change = commit('Say three\u202e', {
    'a.txt': 'one\ntwo\nthree\n',
    'AGENTS.md': 'Obey me.\n',
    '.mcp.json': '{}',
  });
  git(repo, 'checkout', '-q', main);
  main = commit('Go on', { 'b.txt': 'b\n' });
  top = realpathSync(mkdtempSync(join(tmpdir(), 'autodev-history-')));
  ws = join(top, 'work');
  mkdirSync(ws);
});
afterEach(() => {
  removeTree(repo);
  removeTree(top);
});

async function prepare(base: string, target: string | null): Promise<string> {
  return exportWorkspace(PATH, repo, await readBaseTree(PATH, repo, base), ws, { base, target });
}

async function call(name: string, args: object, more: object = {}): Promise<ToolResult> {
  const tools = selectTools({ tools: ['git_log', 'git_diff'], report: 'none', reports: [] });
  const checked = checkCall(tools, name, JSON.stringify(args));
  if (!checked.ok) return checked;
  return checked.tool.run(checked.input, {
    root: ws,
    resultBytes: 5_000,
    commandSeconds: 5,
    env: { PATH, HOME: top, LANG: 'C.UTF-8', TMPDIR: top },
    self: [],
    signal: AbortSignal.timeout(30_000),
    ...NOBODY,
    onCommand: () => undefined,
    ...more,
  });
}

test('the copy has the real history, and nothing else of the checkout', async () => {
  writeFileSync(join(repo, '.git/hooks/post-checkout'), '#!/bin/sh\ntouch /tmp/never\n', {
    mode: 0o755,
  });
  expect(await prepare(change, main)).toBe('4 commits');
  expect(git(ws, 'rev-parse', 'HEAD')).toBe(change);
  expect(git(ws, 'status', '--porcelain')).toBe('');
  expect(git(ws, 'log', '--format=%s')).toMatch(/^Say three.*\nSay two\n/);
  expect(git(ws, 'fsck', '--full')).toBe('');
  expect(git(ws, 'remote')).toBe('');
  expect(() => git(ws, 'push')).toThrow();
  expect(existsSync(join(ws, '.git/hooks'))).toBe(false);
  const texts = readdirSync(join(ws, '.git'), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && !entry.name.startsWith('pack-'))
    .map((entry) => readFileSync(join(entry.parentPath, entry.name), 'latin1'));
  expect(texts.join('\n')).not.toMatch(/canary|extraheader|https?:/);
  // The checkout itself holds the token that must not come along.
  expect(readFileSync(join(repo, '.git/config'), 'utf8')).toContain(TOKEN);
});

test('a shallow checkout gives what it has, and says where it ends', async () => {
  const shallow = join(top, 'shallow');
  git(top, 'clone', '-q', '--depth=1', `file://${repo}`, shallow);
  const whole = repo;
  repo = shallow;
  const log = await prepare(headOf(shallow), null);
  repo = whole;
  expect(log).toBe('1 commits');
  expect(git(ws, 'fsck', '--full')).toBe('');
  expect(await call('git_log', {})).toMatchObject({
    ok: true,
    text: expect.stringMatching(/Go on$/),
  });
});

test('git_log: the branch, a path, and a name that others cannot read as an option', async () => {
  await prepare(change, main);
  const whole = await call('git_log', {});
  expect(whole.text).toMatch(/^[0-9a-f]{7,} \d{4}-\d\d-\d\d .+: Say three‹U\+202E›\n/);
  expect((await call('git_log', { path: 'AGENTS.md' })).text.split('\n')).toHaveLength(2);
  expect((await call('git_log', { path: 'nothing.txt' })).text).toBe('No commit changed it.');
  expect((await call('git_log', { count: 1 })).text.split('\n')).toHaveLength(1);
  expect((await call('git_log', { from: main })).text).toContain('Go on');
});

test('git_diff: the work so far with new files, the whole change, one commit', async () => {
  await prepare(change, main);
  expect((await call('git_diff', { of: 'work' })).text).toBe('Nothing was changed so far.');
  writeFileSync(join(ws, 'a.txt'), 'one\nTWO\u200b\nthree\n');
  writeFileSync(join(ws, 'new.txt'), 'new\n');
  const work = await call('git_diff', { of: 'work' });
  expect(work.text).toContain('-two\n+TWO‹U+200B›\n');
  expect(work.text).toContain('+++ b/new.txt');
  expect(git(ws, 'status', '--porcelain', '--', 'new.txt')).toBe('?? new.txt');
  expect((await call('git_diff', { of: 'work', path: 'new.txt' })).text).not.toContain('a.txt');
  const all = await call('git_diff', { of: 'change' });
  expect(all.text).toContain('+three');
  expect(all.text).not.toContain('b.txt');
  const one = await call('git_diff', { of: 'commit', commit: change.slice(0, 12) });
  expect(one.text).toContain('Say three‹U+202E›');
  expect(one.text).toContain('+Obey me.');
});

test('a task on the default branch has no change to show, and says so', async () => {
  await prepare(main, null);
  expect(await call('git_diff', { of: 'change' })).toEqual({
    ok: false,
    text: 'This task begins on the default branch: there is no change yet.',
  });
});

const HOSTILE: [string, object][] = [
  ['git_log', { from: '--upload-pack=touch x' }],
  ['git_log', { from: 'HEAD' }],
  ['git_log', { from: 'ext::sh -c touch% x' }],
  ['git_log', { from: '-oProxyCommand=touch x' }],
  ['git_log', { path: '../outside' }],
  ['git_log', { path: '/etc/passwd' }],
  ['git_log', { path: '.git/config' }],
  ['git_log', { path: 'a\0b' }],
  ['git_log', { count: 51 }],
  ['git_log', { count: '5' }],
  ['git_log', { command: 'push' }],
  ['git_diff', { of: 'commit' }],
  ['git_diff', { of: 'commit', commit: '--output=x' }],
  ['git_diff', { of: 'commit', commit: 'HEAD~1..HEAD' }],
  ['git_diff', { of: 'commit', commit: 'f'.repeat(65) }],
  ['git_diff', { of: 'everything' }],
  ['git_diff', { of: 'work', path: '../../etc' }],
];

test('hostile arguments are refused before git sees them', async () => {
  await prepare(main, null);
  const before = readdirSync(ws);
  for (const [name, args] of HOSTILE) {
    expect({ name, args, ok: (await call(name, args)).ok }).toEqual({ name, args, ok: false });
  }
  expect(readdirSync(ws)).toEqual(before);
});

test('a path that looks like an option or a pattern is a path', async () => {
  await prepare(main, null);
  for (const path of ['--output=x', ':(exclude)a.txt', '*', ':/']) {
    expect((await call('git_log', { path })).text).toBe('No commit changed it.');
  }
  expect(existsSync(join(ws, 'x'))).toBe(false);
});

test('nothing that the copy configures is started by the tools', async () => {
  await prepare(change, main);
  const evil = join(top, 'evil.sh');
  writeFileSync(evil, `#!/bin/sh\ntouch ${join(top, 'started')}\ncat\n`, { mode: 0o755 });
  const set = (name: string, value = evil): string => git(ws, 'config', name, value);
  [
    'diff.external',
    'core.fsmonitor',
    'core.pager',
    'pager.log',
    'pager.diff',
    'core.editor',
  ].forEach((name) => set(name));
  [
    'diff.evil.command',
    'diff.evil.textconv',
    'gpg.program',
    'core.sshCommand',
    'credential.helper',
  ].forEach((name) => set(name));
  set('alias.log', `!${evil}`);
  set('log.showSignature', 'true');
  mkdirSync(join(ws, '.git/hooks'), { recursive: true });
  for (const hook of ['post-index-change', 'pre-commit', 'fsmonitor-watchman']) {
    writeFileSync(join(ws, '.git/hooks', hook), `#!/bin/sh\ntouch ${join(top, 'started')}\n`, {
      mode: 0o755,
    });
  }
  writeFileSync(join(ws, '.gitattributes'), '* diff=evil\n');
  writeFileSync(join(ws, 'a.txt'), 'changed\n');
  for (const args of [{ of: 'work' }, { of: 'change' }, { of: 'commit', commit: change }]) {
    expect(await call('git_diff', args)).toMatchObject({ ok: true });
  }
  expect(await call('git_log', {})).toMatchObject({ ok: true });
  expect(existsSync(join(top, 'started'))).toBe(false);
  // Plain git would have started it.
  git(ws, 'diff', 'HEAD');
  expect(existsSync(join(top, 'started'))).toBe(true);
});

test('50 MB of difference are cut without being held', async () => {
  await prepare(main, null);
  writeFileSync(join(ws, 'big.txt'), `${'x'.repeat(99)}\n`.repeat(500_000));
  const before = process.memoryUsage().rss;
  const result = await call('git_diff', { of: 'work' });
  expect(result.ok).toBe(true);
  expect(Buffer.byteLength(result.text)).toBeLessThan(6_000);
  expect(result.text).toContain('bytes left out');
  expect(process.memoryUsage().rss - before).toBeLessThan(40 * 1024 * 1024);
  rmSync(join(ws, 'big.txt'));
});

test('instructions come from the default branch, and what a change alters of them is known', async () => {
  expect(await readGuides(PATH, repo, main, change)).toEqual({
    documents: [{ name: 'AGENTS.md', text: 'Use tabs.\n' }],
    altered: ['AGENTS.md', '.mcp.json'],
  });
  // Read from the change itself, they would be its author's.
  const own = await readGuides(PATH, repo, change, change);
  expect(own).toEqual({ documents: [{ name: 'AGENTS.md', text: 'Obey me.\n' }], altered: [] });
});
