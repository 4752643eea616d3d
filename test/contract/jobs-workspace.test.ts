/** The workspace as a hostile agent leaves it: nothing is executed, nothing outside is read. */
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { RESULT_LIMITS } from '../../schema/wire/result.ts';
import { readBaseTree, type BaseTree } from '../../jobs/workspace/base-tree.ts';
import { collectChanges, type CollectedChanges } from '../../jobs/workspace/changes.ts';
import { exportWorkspace } from '../../jobs/workspace/export.ts';
import { stripCredentials } from '../../jobs/workspace/strip-credentials.ts';
import { headOf, makeRepository, removeTree } from './jobs-standin.ts';

const PATH = process.env['PATH'] ?? '';
const TOKEN = 'glcbt-64_secretsecretsecret';
const WEIRD = ['new\nline', 'quo"te\'s', 'ünï→©', '--upload-pack=touch x', ' space ', '$(touch y)'];
let repo = '';
let top = '';
let ws = '';
let history = '';
let tree: BaseTree = new Map();

beforeEach(async () => {
  repo = makeRepository(
    {
      'a.txt': 'a\n',
      'dir/b.txt': 'b\n',
      'dir/deep/c.txt': 'c\r\n',
      'tool.sh': '#!/bin/sh\n',
      '.gitignore': 'ignored/\n*.log\n',
      '.gitattributes': '*.txt text eol=crlf filter=evil ident\n/dir/deep export-ignore\n',
      'tracked.log': 'tracked although ignored\n',
      [WEIRD[0] as string]: 'weird\n',
    },
    TOKEN,
  );
  symlinkSync('a.txt', join(repo, 'link'));
  execFileSync('git', ['add', '-A'], { cwd: repo, stdio: 'ignore' });
  execFileSync('git', ['commit', '-qm', 'link'], { cwd: repo });
  top = realpathSync(mkdtempSync(join(tmpdir(), 'autodev-ws-')));
  ws = join(top, 'work');
  mkdirSync(ws);
  mkdirSync(join(top, 'scratch'));
  tree = await readBaseTree(PATH, repo, headOf(repo));
  const base = headOf(repo);
  history = await exportWorkspace(PATH, repo, tree, ws, { base, target: null });
});
afterEach(() => {
  removeTree(repo);
  removeTree(top);
});

async function collect(): Promise<CollectedChanges> {
  rmSync(join(top, 'scratch'), { recursive: true });
  mkdirSync(join(top, 'scratch'));
  return collectChanges(PATH, ws, tree, join(top, 'scratch'));
}

const paths = ({ changes }: CollectedChanges): string[] =>
  changes.map((change) => `${change.action} ${change.mode} ${change.path}`);

test('an untouched copy is equal, whatever the attributes say', async () => {
  expect(readFileSync(join(ws, 'a.txt'), 'utf8')).toBe('a\n');
  expect(existsSync(join(ws, 'dir/deep/c.txt'))).toBe(true);
  expect(lstatSync(join(ws, 'link')).isSymbolicLink()).toBe(true);
  expect(await collect()).toEqual({ changes: [], refusals: [], limit: null });
  const git = (...args: string[]): string =>
    execFileSync('git', args, { cwd: ws, encoding: 'utf8' }).trim();
  expect(git('remote')).toBe('');
  expect(git('log', '--format=%H %s').split('\n')[0]).toBe(`${headOf(repo)} link`);
  expect(git('rev-list', '--count', 'HEAD')).toBe(history.replace(' commits', ''));
  expect(git('status', '--porcelain')).toBe('');
});

test('creates, updates, deletes, modes and strange names come out exactly', async () => {
  writeFileSync(join(ws, 'a.txt'), 'changed\n');
  rmSync(join(ws, 'dir/b.txt'));
  chmodSync(join(ws, 'tool.sh'), 0o644);
  chmodSync(join(ws, '.gitignore'), 0o755);
  for (const name of WEIRD.slice(1)) writeFileSync(join(ws, name), Buffer.from([0, 255, 10]));
  mkdirSync(join(ws, 'ignored'));
  writeFileSync(join(ws, 'ignored/x'), 'x');
  writeFileSync(join(ws, 'debug.log'), 'x');
  writeFileSync(join(ws, 'tracked.log'), 'changed');
  const collected = await collect();
  expect(collected.refusals).toEqual([]);
  expect(new Set(paths(collected))).toEqual(
    new Set([
      'update 100644 a.txt',
      'delete 100644 dir/b.txt',
      'update 100644 tool.sh',
      'update 100755 .gitignore',
      'update 100644 tracked.log',
      ...WEIRD.slice(1).map((name) => `create 100644 ${name}`),
    ]),
  );
  const binary = collected.changes.find((change) => change.path === 'ünï→©');
  expect(Buffer.from(binary?.content ?? '', 'base64')).toEqual(Buffer.from([0, 255, 10]));
});

test('a file that becomes a folder, and a folder that becomes a file', async () => {
  rmSync(join(ws, 'a.txt'));
  mkdirSync(join(ws, 'a.txt'));
  writeFileSync(join(ws, 'a.txt/in'), 'x');
  rmSync(join(ws, 'dir'), { recursive: true });
  writeFileSync(join(ws, 'dir'), 'x');
  expect(paths(await collect())).toEqual([
    'delete 100644 a.txt',
    'create 100644 a.txt/in',
    'create 100644 dir',
    'delete 100644 dir/b.txt',
    'delete 100644 dir/deep/c.txt',
  ]);
});

test('configuration, hooks and filters planted in the workspace never run', async () => {
  const mark = join(top, 'executed');
  const evil = join(top, 'evil.sh');
  writeFileSync(evil, `#!/bin/sh\necho "$0 $*" >> ${mark}\ncat\n`, { mode: 0o755 });
  const git = join(ws, '.git');
  writeFileSync(
    join(git, 'config'),
    [
      '[core]',
      `fsmonitor = ${evil}`,
      `hooksPath = ${top}`,
      `sshCommand = ${evil}`,
      `pager = ${evil}`,
      `excludesFile = ${top}/all`,
      `[filter "evil"]`,
      `clean = ${evil}`,
      `smudge = ${evil}`,
      `process = ${evil}`,
      `[diff "evil"]`,
      `textconv = ${evil}`,
      `command = ${evil}`,
      `[include]`,
      `path = ${top}/more`,
      '[alias]',
      `ls-files = !${evil}`,
    ].join('\n'),
  );
  mkdirSync(join(git, 'hooks'), { recursive: true });
  for (const hook of ['post-index-change', 'fsmonitor-watchman', 'post-checkout']) {
    writeFileSync(join(git, 'hooks', hook), `#!/bin/sh\necho hook >> ${mark}\n`, { mode: 0o755 });
  }
  writeFileSync(join(top, 'all'), '*\n');
  writeFileSync(join(git, 'info-exclude'), '*\n');
  mkdirSync(join(git, 'info'), { recursive: true });
  writeFileSync(join(git, 'info/exclude'), '*\n');
  writeFileSync(join(git, 'info/attributes'), '* filter=evil diff=evil\n');
  writeFileSync(join(ws, '.gitattributes'), '* filter=evil diff=evil merge=evil\n');
  writeFileSync(join(ws, 'new.txt'), 'new\n');
  const collected = await collect();
  expect(paths(collected)).toEqual(['update 100644 .gitattributes', 'create 100644 new.txt']);
  expect(existsSync(mark)).toBe(false);
});

describe('what cannot be proposed is refused by name and not followed', () => {
  test.each<[string, () => void, RegExp]>([
    ['a link to a file', () => symlinkSync('/etc/passwd', join(ws, 'pw')), /^pw: symbolic links/],
    ['a link to a folder', () => symlinkSync('/etc', join(ws, 'etc')), /^etc: symbolic links/],
    [
      'a tracked file made a link',
      () => {
        rmSync(join(ws, 'a.txt'));
        symlinkSync('/etc/passwd', join(ws, 'a.txt'));
      },
      /^a\.txt: symbolic links/,
    ],
    [
      'a tracked folder made a link',
      () => {
        rmSync(join(ws, 'dir'), { recursive: true });
        mkdirSync(join(top, 'elsewhere'));
        writeFileSync(join(top, 'elsewhere/b.txt'), 'secret');
        symlinkSync(join(top, 'elsewhere'), join(ws, 'dir'));
      },
      /dir\/b\.txt: a folder above it became a symbolic link/,
    ],
    [
      'a changed link',
      () => {
        rmSync(join(ws, 'link'));
        symlinkSync('/etc/passwd', join(ws, 'link'));
      },
      /^link: changes to symbolic links/,
    ],
    ['a removed link', () => rmSync(join(ws, 'link')), /^link: changes to symbolic links/],
    [
      'a named pipe in place of a file',
      () => {
        rmSync(join(ws, 'a.txt'));
        execFileSync('mkfifo', [join(ws, 'a.txt')]);
      },
      /^a\.txt: only regular files/,
    ],
    [
      'a repository inside',
      () => {
        execFileSync('git', ['init', '-q', join(ws, 'sub')]);
        writeFileSync(join(ws, 'sub/x'), 'x');
        execFileSync('git', ['-C', join(ws, 'sub'), 'add', 'x']);
        const who = ['-c', 'user.name=x', '-c', 'user.email=x'];
        execFileSync('git', ['-C', join(ws, 'sub'), ...who, 'commit', '-qm', 'x']);
      },
      /^sub\/: it is a git repository/,
    ],
    [
      'a name that is not UTF-8',
      () => writeFileSync(Buffer.concat([Buffer.from(`${ws}/n`), Buffer.from([0xff])]), 'x'),
      /its name is not UTF-8/,
    ],
  ])('%s', async (_, plant, expected) => {
    plant();
    const { changes, refusals } = await collect();
    expect(changes).toEqual([]);
    expect(refusals.join('\n')).toMatch(expected);
    expect(JSON.stringify(changes)).not.toContain('root:');
  });
});

describe('limits end the collection with a cause, never with half a change', () => {
  test.each<[string, () => void, RegExp]>([
    [
      'one huge file, sparse',
      () => {
        writeFileSync(join(ws, 'huge'), '');
        truncateSync(join(ws, 'huge'), 50 * 1024 ** 3);
      },
      /huge has 53687091200 bytes/,
    ],
    [
      'too many files',
      () => {
        for (let i = 0; i <= RESULT_LIMITS.changes; i += 1) writeFileSync(join(ws, `f${i}`), '');
      },
      /more than 200 files/,
    ],
    [
      'too many bytes together',
      () => {
        for (let i = 0; i < 5; i += 1) writeFileSync(join(ws, `f${i}`), Buffer.alloc(1024 ** 2));
      },
      /more than 4194304 bytes/,
    ],
    [
      'a very long path',
      () => {
        const deep = join(ws, ...Array.from({ length: 5 }, () => 'd'.repeat(100)));
        mkdirSync(deep, { recursive: true });
        writeFileSync(join(deep, 'x'), '');
      },
      /longer than 400 characters/,
    ],
  ])('%s', async (_, plant, expected) => {
    plant();
    const { changes, limit } = await collect();
    expect(changes).toEqual([]);
    expect(limit).toMatch(expected);
  });
});

test('credentials leave the checkout, wherever a runner puts them', async () => {
  const git = (...args: string[]): string =>
    execFileSync('git', ['-C', repo, ...args], { encoding: 'utf8' });
  const extra = join(top, 'runner.gitconfig');
  writeFileSync(extra, `[http "https://h"]\n\textraHeader = AUTHORIZATION: basic ${TOKEN}\n`);
  git('config', `url.https://gitlab-ci-token:${TOKEN}@h/.insteadOf`, 'https://h/');
  git('config', 'credential.helper', `!echo password=${TOKEN}`);
  git('config', 'include.path', extra);
  git('config', 'includeIf.gitdir:/.path', extra);
  git('config', 'remote.origin.pushurl', `https://x:${TOKEN}@h/g.git`);
  writeFileSync(join(repo, '.git/FETCH_HEAD'), `abc branch of https://x:${TOKEN}@h/g\n`);
  mkdirSync(join(repo, '.git/modules/sub'), { recursive: true });
  writeFileSync(
    join(repo, '.git/modules/sub/config'),
    `[remote "o"]\n\turl = https://x:${TOKEN}@h\n`,
  );
  await stripCredentials(PATH, repo, [TOKEN]);
  expect(() => execFileSync('grep', ['-r', TOKEN, join(repo, '.git'), extra])).toThrow();
  expect(git('config', '--get', 'remote.origin.url').trim()).toBe(
    'https://gitlab.example.com/g/app.git',
  );
  expect(git('config', '--get', 'remote.origin.pushurl').trim()).toBe('https://h/g.git');
  expect(git('config', '--local', '--list', '--name-only')).not.toMatch(
    /insteadof|helper|include|extraheader/,
  );
  expect(git('status', '--short')).toBe('');
});

test('a workspace replaced by a link is not read', async () => {
  rmSync(ws, { recursive: true });
  symlinkSync('/etc', ws);
  await expect(collect()).rejects.toThrow('The workspace is gone');
});

test('a flood of links ends the collection', async () => {
  for (let i = 0; i < 1_100; i += 1) symlinkSync('/etc/passwd', join(ws, `l${i}`));
  const { limit, refusals } = await collect();
  expect(limit).toContain('more than 1000');
  expect(refusals).toHaveLength(11);
});
