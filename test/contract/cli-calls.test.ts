/** The commands as people call them: exit codes, help, and errors of what, why and what to do. */
import { spawn } from 'node:child_process';
import { describe, expect, test } from '@jest/globals';
import { join } from 'node:path';
import { runCli } from '../support/run-cli.ts';

const VARIABLES = ['AUTODEV_GITLAB_URL', 'AUTODEV_GITLAB_TOKEN', 'AUTODEV_WEBHOOK_SECRET'];
const ENV = {
  AUTODEV_GITLAB_URL: 'https://gitlab.example.com',
  AUTODEV_GITLAB_TOKEN: 'glpat-x',
  AUTODEV_WEBHOOK_SECRET: 'a-root-secret-of-the-tests',
};

describe('without configuration every problem is named at once', () => {
  test.each([['doctor'], ['connect', 'a/b'], ['serve']])('%s', async (...args) => {
    const { code, stdout, stderr } = await runCli(args, {});
    expect(code).toBe(2);
    for (const variable of VARIABLES) {
      expect(stdout + stderr).toMatch(new RegExp(`${variable} is not set\\n +fix: `));
    }
  });

  test('doctor says it as JSON, too', async () => {
    const { code, stdout } = await runCli(['doctor', '--json'], { PORT: 'x' });
    expect(code).toBe(2);
    const { ok, checks } = JSON.parse(stdout) as { ok: boolean; checks: { detail: string }[] };
    expect(ok).toBe(false);
    expect(checks.map((check) => check.detail)).toEqual(
      expect.arrayContaining([...VARIABLES.map((name) => `${name} is not set`), 'PORT is "x"']),
    );
  });
});

describe('a wrong call ends with 2 and does nothing', () => {
  test.each<[args: string[], says: RegExp]>([
    [['dokter'], /unknown command 'dokter'[^]*autodev --help/],
    [['connect', 'cart', '--dry-run'], /"cart" does not name a project[^]*fix: /],
    [['connect', 'a/b', '--json'], /nobody is asked[^]*--yes or --dry-run/],
    [['connect', 'a/b', '--template', 'project'], /--template-project group\/project/],
    [['connect', 'a/b', '--template-ref', 'v1'], /go with --template project/],
    [['replay'], /needs the id of one delivery, or --list[^]*fix: /],
    [['replay', '--list', '--limit', '0'], /from 1 to 500/],
    [['explain', 'a/b'], /does not name an issue or a merge request[^]*fix: /],
    [['explain', 'https://elsewhere.example.com/a/b/-/issues/1'], /nor a URL of https:\/\/gitlab/],
  ])('%j', async (args, says) => {
    const { code, stdout, stderr } = await runCli(args, ENV);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toMatch(says);
    expect(stderr).not.toMatch(/\n\s+at /);
  });
});

test.each(['doctor', 'connect', 'replay', 'explain'])('%s --help has an example', async (name) => {
  const { code, stdout } = await runCli([name, '--help'], {});
  expect(code).toBe(0);
  expect(stdout).toMatch(new RegExp(`Example:\n  autodev ${name} `));
});

test.each([
  ['connect', 'a/b', '--yes'],
  ['explain', 'a/b#1'],
])('a database that cannot be reached is named by %s, without its password', async (...args) => {
  const env = { ...ENV, DATABASE_URL: 'postgres://u:secret-pw@127.0.0.1:1/autodev' };
  const { code, stderr } = await runCli(args, env);
  expect(code).toBe(1);
  expect(stderr).toMatch(/cannot open the database\.\n +why: [^\n]+\n +fix: [^\n]*DATABASE_URL/);
  expect(stderr).not.toContain('secret-pw');
});

test('piped output has no colours, and a closed pipe is no crash', async () => {
  const { stdout } = await runCli(['doctor'], { TERM: 'xterm-256color' });
  expect(stdout).toMatch(/^✗ configuration/);
  expect(stdout).not.toContain('\x1b');
  const main = join(import.meta.dirname, '../../bot/cli/main.ts');
  const child = spawn(process.execPath, [main, '--help'], { stdio: ['ignore', 'pipe', 'pipe'] });
  child.stdout.destroy();
  const code = await new Promise((resolve) => child.once('close', resolve));
  expect(code).toBe(0);
});
