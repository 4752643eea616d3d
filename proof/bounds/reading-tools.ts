/**
 * B1, B12, B13, D2 and D3 at the tools that read: git history in a copy whose settings are hostile, addresses for the
 * browser, and threads that fewer people may read than what the run writes.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { audienceCovers } from '../../bot/domain/thread-text.ts';
import { isAllowed } from '../../jobs/tools/browser/page.ts';
import { selectTools } from '../../jobs/tools/all.ts';
import { checkCall } from '../../jobs/tools/tool.ts';
import { headOf, makeRepository, NOBODY } from '../../test/contract/jobs-standin.ts';
import { broken, held, type Played, type Proof } from '../proof.ts';
import type { Random } from '../random.ts';
import { temporary } from '../temporary.ts';

interface Place {
  root: string;
  outside: string;
  marker: string;
  head: string;
}

let place: Place | null = null;

/** A copy in which an agent set everything of git that could start something. */
function open(): Place {
  if (place !== null) return place;
  const outside = temporary();
  const marker = path.join(outside, 'marker');
  writeFileSync(path.join(outside, 'secret.txt'), 'SECRET\n');
  const root = makeRepository({ 'a.txt': 'one\n', 'src/b.txt': 'b\n' }, 'x');
  const git = (...args: string[]): void => void execFileSync('git', ['-C', root, ...args]);
  const run = `sh -c "touch ${marker}"`;
  for (const key of [
    ...['core.fsmonitor', 'core.pager', 'core.sshCommand', 'diff.external', 'gpg.program'],
    ...['filter.x.clean', 'filter.x.smudge', 'diff.x.textconv', 'diff.x.command', 'alias.log'],
  ]) {
    git('config', key, run);
  }
  git('config', 'log.showSignature', 'true');
  writeFileSync(path.join(root, '.gitattributes'), '* diff=x filter=x\n');
  // As the job leaves it: without filters (jobs/workspace/history.ts).
  mkdirSync(path.join(root, '.git/info'), { recursive: true });
  writeFileSync(path.join(root, '.git/info/attributes'), '* !filter\n');
  mkdirSync(path.join(root, '.git/hooks'), { recursive: true });
  writeFileSync(path.join(root, '.git/hooks/post-index-change'), `#!/bin/sh\n${run}\n`, {
    mode: 0o755,
  });
  symlinkSync(outside, path.join(root, 'out'));
  writeFileSync(path.join(root, 'a.txt'), 'two\n');
  git('update-ref', 'refs/autodev/base', 'HEAD');
  place = { root, outside, marker, head: headOf(root) };
  return place;
}

const REFS = [
  ...['--output=OUT', '-oProxyCommand=x', '--upload-pack=touch', '--ext-diff', '--textconv', '--'],
  ...['HEAD', 'main..', ':/first', '@{-1}', 'HEAD:a.txt', '--no-index', '-p', '--all', '--stdin'],
  ...['refs/autodev/base', '$(touch OUT)', 'ext::sh -c x', '\n', '', 'HEAD --output=OUT'],
];
const PATHS = [
  ...['.', 'a.txt', 'src', '../', 'OUTSIDE/secret.txt', 'out/secret.txt', '--output=OUT'],
  ...['.git/config', ':(top)', ':!a.txt', '*', '/etc/passwd', '--', '-p', 'a.txt\0'],
];

async function history(random: Random): Promise<Played> {
  const at = open();
  const { root, outside, marker } = at;
  const fill = (text: string): string =>
    text.replaceAll('OUTSIDE', outside).replaceAll('OUT', path.join(outside, 'written'));
  const commit = random.chance(0.3) ? at.head : fill(random.pick(REFS));
  const where = random.chance(0.6) ? fill(random.pick(PATHS)) : null;
  const [name, args] = random.chance(0.5)
    ? ['git_log', { from: random.chance(0.7) ? commit : null, path: where }]
    : ['git_diff', { of: random.pick(['work', 'commit', 'change']), commit, path: where }];
  const about = `${name} ${JSON.stringify(args)}`;
  const tools = selectTools({ tools: ['git_log', 'git_diff'], report: 'none', reports: [] });
  const checked = checkCall(tools, name as string, JSON.stringify(args));
  if (checked.ok) {
    if (commit !== at.head && 'commit' in (args as object)) {
      return broken(about, 'it takes more than the name of a commit');
    }
    const env = { PATH: process.env['PATH'] ?? '', HOME: outside, TMPDIR: temporary() };
    const result = await checked.tool.run(checked.input, {
      ...{ root, resultBytes: 20_000, commandSeconds: 5, env, self: [], ...NOBODY },
      ...{ signal: AbortSignal.timeout(30_000), onCommand: () => undefined },
    });
    if (result.text.includes('SECRET')) return broken(about, 'it read outside');
  }
  if (existsSync(marker)) return broken(about, 'something that git’s settings name was run');
  return existsSync(path.join(outside, 'written')) ? broken(about, 'it wrote') : held(about);
}

/** Addresses; the ones that may be opened are spelled out. */
const OPEN = ['http://localhost:3000/', 'http://127.0.0.1/x', 'http://[::1]:80/', 'about:blank'];
const CLOSED = [
  ...['http://example.com/', 'https://evil.example:443/', 'http://localhost.evil.example/'],
  ...['http://localhost@evil.example/', 'http://127.0.0.1.nip.io/', 'http://169.254.169.254/'],
  ...['http://0.0.0.0/', 'http://10.0.0.1/', 'http://[::ffff:10.0.0.1]/', 'http://192.168.0.1/'],
  ...['http://2852039166/', 'http://0xA9FEA9FE/', 'http://[fd00::1]/', 'http://metadata/'],
  ...['ftp://localhost/', 'ws://localhost/', 'view-source:http://localhost', 'chrome://version'],
  ...[
    'javascript:alert(1)',
    'file:///etc/passwd',
    'file://evil.example/x',
    'file:///proc/self/environ',
  ],
  ...['devtools://x', 'filesystem:http://localhost/x', '', 'http://', '//evil.example'],
];

async function address(index: number): Promise<Played> {
  const { root, outside } = open();
  const own: [string, boolean][] = [
    [`file://${root}/a.txt`, true],
    [`file://${root}/out/secret.txt`, false],
    [`file://${root}/../x`, false],
    [`file://${outside}/secret.txt`, false],
    [`file://${root}`, false],
  ];
  const all = [
    ...OPEN.map((url): [string, boolean] => [url, true]),
    ...CLOSED.map((url): [string, boolean] => [url, false]),
    ...own,
  ];
  const [url, may] = all[index % all.length] ?? ['', false];
  const is = await isAllowed(url, root);
  if (is === may) return held(url);
  return broken(url, may ? 'it is refused' : 'it may be opened');
}

const WIDTHS = ['disabled', 'private', 'enabled', 'public', '', 'new'];

/** By the sets of people: whoever may write to a place must be among those who may read the source. */
function audience(random: Random): Played {
  const [issues, changes, code] = [WIDTHS, WIDTHS, WIDTHS].map((from) => random.pick(from));
  const access = { issues: issues ?? '', changes: changes ?? '', code: code ?? '' };
  const type = random.pick(['issue', 'change'] as const);
  const about = `${type} where ${JSON.stringify(access)}`;
  const all = new Set(['enabled', 'public']);
  const source = type === 'issue' ? access.issues : access.changes;
  const closed = !all.has(source) && source !== 'private';
  const wider = Object.values(access).some((one) => one !== 'private' && one !== 'disabled');
  const may = !closed && (all.has(source) || !wider);
  const is = audienceCovers(type, access);
  return is === may ? held(about) : broken(about, is ? 'it is read' : 'it is not read');
}

function play(index: number, random: Random): Promise<Played> | Played {
  switch (index % 3) {
    case 0:
      return history(random);
    case 1:
      return address((index - 1) / 3);
    default:
      return audience(random);
  }
}

const GIT = 'jobs/tools/git-read.ts';

export const readingTools: Proof = {
  id: 'B1 B12 B13 D2 D3',
  name: 'Tools that read take no option, start nothing of git’s settings, open no other host, widen no audience',
  layer: 'functions',
  runs: { ci: 240, full: 6_000 },
  mutantRuns: 1_000,
  play,
  mutants: [
    {
      name: 'commits by their names alone',
      file: GIT,
      from: ".regex(/^[0-9a-f]{7,64}$/, 'must be the hexadecimal name of a commit, e.g. from git_log')",
      to: '.min(0)',
    },
    {
      name: 'nothing of git’s settings is started',
      file: 'jobs/workspace/git.ts',
      from: "  'core.fsmonitor=false',\n",
      to: '',
    },
    {
      name: 'converters of files are not started',
      file: GIT,
      from: "  '--no-ext-diff',\n  '--no-textconv',\n",
      to: '',
    },
    {
      name: 'addresses of this machine',
      file: 'jobs/tools/browser/page.ts',
      from: "return ['localhost', '127.0.0.1', '[::1]'].includes(parsed.hostname);",
      to: 'return /localhost|127/.test(url);',
    },
    {
      name: 'files below the repository',
      file: 'jobs/tools/browser/page.ts',
      from: "const real = await realpath(file).catch(() => '');",
      to: 'const real = file; void realpath;',
    },
    {
      name: 'whoever reads the result may read the thread',
      file: 'bot/domain/thread-text.ts',
      from: 'return input > 0 && input >= Math.max(...outputs);',
      to: 'return input > 0 || outputs.length === 0;',
    },
  ],
};
