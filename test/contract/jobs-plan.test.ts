import { afterEach, expect, test } from '@jest/globals';
import { existsSync, mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  idToken,
  makeSpec,
  removeTree,
  type Standin,
  startProgram,
  startStandin,
} from './jobs-standin.ts';

let standin: Standin | undefined;
let dir = '';
afterEach(async () => {
  await standin?.close();
  removeTree(dir);
});

async function plan(answers: Standin['plan'], env: Record<string, string> = {}) {
  standin = await startStandin(makeSpec('openai'), () => ({}));
  standin.plan.push(...answers);
  dir = mkdtempSync(join(tmpdir(), 'autodev-plan-'));
  const out = join(dir, 'child.yml');
  const token = idToken(standin.url);
  const program = startProgram(['plan', '--out', out], { AUTODEV_ID_TOKEN: token, ...env });
  const ended = await program.done;
  expect(ended.out + ended.err).not.toContain(token);
  return { ...ended, yaml: existsSync(out) ? readFileSync(out, 'utf8') : null };
}

test('the plan is written as the bot sent it, found by the audience of the token', async () => {
  const yaml = 'autodev-agent:\n  script: [autodev-job run]\n';
  expect(await plan([{ status: 200, body: yaml }])).toMatchObject({ code: 0, yaml, err: '' });
});

test('a bot that restarts is waited for', async () => {
  const { code, out } = await plan([
    { status: 503, body: '' },
    { status: 502, body: '<html>' },
    { status: 200, body: 'a: 1\n' },
  ]);
  expect(code).toBe(0);
  expect(out.match(/trying again/g)).toHaveLength(2);
});

const refusal = JSON.stringify({
  error: { code: 'unknown_project', message: 'the project is not connected', fix: 'Run it' },
});

test.each<[string, Standin['plan'], Record<string, string>, RegExp]>([
  [
    'a refusal',
    [{ status: 404, body: refusal }],
    {},
    /gave no plan \(404 unknown_project\): the project is not connected\. Run it/,
  ],
  ['a proxy in the way', [{ status: 403, body: '<html>' }], {}, /gave no plan.*answered 403/],
  ['an empty plan', [{ status: 200, body: '\n' }], {}, /The plan is empty/],
  ['no token', [], { AUTODEV_ID_TOKEN: '' }, /AUTODEV_ID_TOKEN is not set.*ci-templates/],
  ['a broken token', [], { AUTODEV_ID_TOKEN: 'x' }, /cannot be read/],
  ['a wrong server', [], { AUTODEV_SERVER: 'bot' }, /"bot" is not an http\(s\) URL/],
])('%s: one line with what, why and fix, exit 1, no file', async (_, answers, env, expected) => {
  const { code, err, yaml } = await plan(answers, env);
  expect({ code, yaml }).toEqual({ code: 1, yaml: null });
  expect(err).toMatch(expected);
  expect(err.trim().split('\n')).toHaveLength(1);
});

test('wrong usage exits 2', async () => {
  dir = mkdtempSync(join(tmpdir(), 'autodev-plan-'));
  for (const args of [['plan'], ['plan', 'x'], ['approve']]) {
    expect((await startProgram(args, {}).done).code).toBe(2);
  }
});
