/**
 * A full round of a person's work with GitLab's command line, `glab`, and git, against the GitLab at ROUND_URL:
 *   node glab-round.ts <glab>
 * Reads ROUND_URL, ROUND_PROJECT (full path) and the tokens ROUND_SAM (Developer) and ROUND_DANA (Maintainer);
 * prints what it saw as one line of JSON. A command that ends in another way than expected ends it.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { until } from '../until.ts';

const [glab = ''] = process.argv.slice(2);
const { ROUND_URL = '', ROUND_PROJECT = '', ROUND_SAM = '', ROUND_DANA = '' } = process.env;
const { host, hostname } = new URL(ROUND_URL);
const WAIT_MS = 30_000;
const clone = path.resolve('clone');
const config = path.resolve('glab');
mkdirSync(config);

/** Whose token `glab` sends from now on; its hosts are known by name, without a port. */
function signIn(token: string): void {
  const lines = [
    ...['check_update: false', 'hosts:', `  ${hostname}:`, '    api_protocol: http'],
    ...['    git_protocol: http', `    api_host: ${host}`, `    token: ${token}`, ''],
  ];
  writeFileSync(path.join(config, 'config.yml'), lines.join('\n'), { mode: 0o600 });
}

/** What a command of `glab` prints, and how it ends. */
function run(...args: string[]): { status: number | null; text: string } {
  const env = { ...process.env, GLAB_CONFIG_DIR: config, GITLAB_HOST: hostname };
  const { status, stdout, stderr } = spawnSync(glab, args, {
    cwd: clone,
    env: { ...env, NO_PROMPT: '1', NO_COLOR: '1', CI: 'true' },
    encoding: 'utf8',
  });
  return { status, text: `${stdout}${stderr}` };
}

function ok(...args: string[]): string {
  const { status, text } = run(...args);
  if (status !== 0) throw new Error(`glab ${args.join(' ')} ended with ${status}: ${text}`);
  return text;
}

/** The status that GitLab refuses a command with. */
function refused(...args: string[]): number {
  const { status, text } = run(...args);
  if (status === 0) throw new Error(`glab ${args.join(' ')} went through: ${text}`);
  return Number(/: (\d{3}) \{/.exec(text)?.[1]);
}

/** What one line `name: value` of a command's output says. */
const field = (text: string, name: string): string =>
  new RegExp(`^${name}:\\s*(.*)$`, 'm').exec(text)?.[1] ?? '';

const git = (...args: string[]): string =>
  execFileSync('git', args, { cwd: clone, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });

async function round(): Promise<object> {
  mkdirSync(clone);
  git('clone', '-q', `http://oauth2:${ROUND_SAM}@${host}/${ROUND_PROJECT}.git`, '.');
  signIn(ROUND_SAM);
  const user = /as (\w+)/.exec(ok('auth', 'status'))?.[1];
  for (const name of ['area::07', 'area::08']) ok('label', 'create', '-n', name, '-c', '#336699');
  const created = ok(
    'issue',
    'create',
    '-t',
    'Count words',
    '-d',
    'A table.',
    '-l',
    'area::07',
    '-y',
  );
  ok('issue', 'note', '1', '-m', 'I take it.');
  ok('issue', 'update', '1', '-l', 'area::08');
  const issue = ok('issue', 'view', '1', '-c');
  const found = ok('issue', 'list', '-l', 'area::08');

  git('checkout', '-q', '-b', 'words');
  writeFileSync(path.join(clone, 'words.txt'), 'one\ntwo\n');
  git('add', '.');
  const author = ['-c', 'user.name=Sam', '-c', 'user.email=sam@example.com'];
  git(...author, 'commit', '-q', '-m', 'Count words');
  git('push', '-q', 'origin', 'words');
  const sha = git('rev-parse', 'HEAD').trim();
  ok('mr', 'create', '-t', 'Count words', '-d', 'Closes #1', '-b', 'main', '-l', 'area::07', '-y');
  ok('mr', 'note', '1', '-m', 'Why two?');
  await until(() => /\(success\).*words/.test(ok('ci', 'list')), WAIT_MS, 'a pipeline that ended');
  const status = ok('ci', 'status', '-b', 'words');
  const log = ok('ci', 'trace', '30001');
  const diff = ok('mr', 'diff', '1');

  signIn(ROUND_DANA);
  const seen = {
    user,
    url: new URL(/^http.*$/m.exec(created)?.[0] ?? '').pathname,
    labels: field(issue, 'labels').split(', '),
    comments: Number(field(issue, 'comments')),
    found: [...found.matchAll(/^#(\d+)/gm)].map(([, iid]) => Number(iid)),
    pipeline: [field(status, 'Pipeline State'), field(status, 'SHA') === sha],
    log: log.slice(log.indexOf('$ echo')),
    diff: diff.slice(diff.indexOf('@@')),
    stale: refused('mr', 'approve', '1', '-s', '0'.repeat(40)),
    approved: /✓ Approved/.test(ok('mr', 'approve', '1', '-s', sha)),
    late: refused('mr', 'merge', '1', '-y', '--sha', '0'.repeat(40)),
  };
  ok('mr', 'merge', '1', '-y', '-d', '--when-pipeline-succeeds=false', '--sha', sha);
  await until(() => field(ok('mr', 'view', '1'), 'state') === 'merged', WAIT_MS, 'the merge');
  await until(
    () => field(ok('issue', 'view', '1'), 'state') === 'closed',
    WAIT_MS,
    'the end of the issue',
  );
  return {
    ...seen,
    merged: ok('mr', 'list', '-M').includes('!1'),
    absent: refused('issue', 'view', '999'),
  };
}

console.log(JSON.stringify(await round()));
