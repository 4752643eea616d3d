import { afterEach, describe, expect, test } from '@jest/globals';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { JobResult } from '../../schema/wire/result.ts';
import {
  ATTEMPT_TOKEN,
  idToken,
  makeRepository,
  makeSpec,
  type Program,
  type Provider,
  removeTree,
  type Reply,
  type Standin,
  startProgram,
  startStandin,
  until,
} from './jobs-standin.ts';

const JOB_TOKEN = 'glcbt-64_canaryjobtoken1234567';
const FILES = {
  'greet.js': 'export const greet = (n) => `Hello ${n}`;\n',
  'README.md': '# App\n',
  'run.sh': '#!/bin/sh\nexit 0\n',
};

let standin: Standin | undefined;
let repo = '';

afterEach(async () => {
  await standin?.close();
  if (repo) removeTree(repo);
  standin = undefined;
  repo = '';
});

interface Setup {
  provider?: Provider;
  limits?: Parameters<typeof makeSpec>[1];
  env?: Record<string, string>;
  before?: (standin: Standin) => void;
}

async function start(script: (n: number, body: any) => Reply, setup: Setup = {}): Promise<Program> {
  const spec = makeSpec(setup.provider ?? 'openai', setup.limits);
  standin = await startStandin(spec, script);
  repo = makeRepository(FILES, JOB_TOKEN);
  setup.before?.(standin);
  return startProgram(['run'], {
    AUTODEV_ID_TOKEN: idToken(standin.url),
    AUTODEV_ATTEMPT: '7',
    CI_PROJECT_DIR: repo,
    CI_JOB_TOKEN: JOB_TOKEN,
    ...setup.env,
  });
}

const finish = (summary = 'Done.'): Reply => ({
  calls: [{ name: 'finish', args: { outcome: 'done', summary } }],
});
const shell = (command: string, more: object = {}): Reply => ({
  calls: [{ name: 'run_command', args: { command, ...more } }],
});
const steps =
  (...replies: Reply[]) =>
  (n: number): Reply =>
    replies[n] ?? finish();

function fileResult(): JobResult {
  return JobResult.parse(JSON.parse(readFileSync(join(repo, 'autodev-result.json'), 'utf8')));
}

function decode(content: string | undefined): string {
  return Buffer.from(content ?? '', 'base64').toString('utf8');
}

describe.each(['openai', 'anthropic'] as const)('a whole task with %s', (provider) => {
  test('edits, runs, finishes; the result is delivered and in the file', async () => {
    const program = await start(
      steps(
        { text: 'Looking.', calls: [{ name: 'read_file', args: { path: 'greet.js' } }] },
        {
          calls: [
            { name: 'edit_file', args: { path: 'greet.js', old_text: 'Hello', new_text: 'Bye' } },
            { name: 'edit_file', args: { path: 'new/bye.js', new_text: 'export {};\n' } },
          ],
        },
        shell('echo checked; rm README.md; chmod +x greet.js; exit 3'),
        finish('It says *Bye*.'),
      ),
      { provider },
    );
    const { code, out, err } = await program.done;
    expect({ code, err }).toEqual({ code: 0, err: '' });
    const result = standin?.results[0];
    expect(result).toEqual(fileResult());
    expect(result).toMatchObject({ outcome: 'finished', summary: 'It says *Bye*.', attempt: 7 });
    expect(result?.changes.map((c) => [c.path, c.action, c.mode, decode(c.content)])).toEqual([
      ['README.md', 'delete', '100644', ''],
      ['greet.js', 'update', '100755', 'export const greet = (n) => `Bye ${n}`;\n'],
      ['new/bye.js', 'create', '100644', 'export {};\n'],
    ]);
    expect(result?.checks).toMatchObject([{ exitCode: 3 }]);
    expect(result?.stats).toMatchObject({ turns: 4, toolCalls: 5 });
    expect(result?.stats.firstRequestMs).toBeGreaterThan(0);
    expect(standin?.requests.every((r) => r.auth === `Bearer ${ATTEMPT_TOKEN}`)).toBe(true);
    expect(standin?.claims).toEqual([{ auth: expect.stringContaining('Bearer ey'), attempt: 7 }]);
    expect(out).toContain('run_command echo checked');
    for (const secret of [ATTEMPT_TOKEN, JOB_TOKEN]) expect(out).not.toContain(secret);
  });
});

test('every request repeats the one before it, byte for byte, as its prefix', async () => {
  for (const provider of ['openai', 'anthropic'] as const) {
    const program = await start(
      steps(shell('echo one'), { text: 'Next.', ...shell('echo two') }, shell('echo three')),
      { provider },
    );
    expect((await program.done).code).toBe(0);
    const bodies = standin?.requests.map((r) => r.body) ?? [];
    const list = (body: any): unknown[] => body.input ?? body.messages;
    expect(bodies).toHaveLength(4);
    for (const [i, body] of bodies.slice(1).entries()) {
      const before = bodies[i];
      expect(JSON.stringify([body.tools, body.instructions, body.system])).toBe(
        JSON.stringify([before.tools, before.instructions, before.system]),
      );
      const prefix = list(before).map((item) => JSON.stringify(item));
      expect(
        list(body)
          .slice(0, prefix.length)
          .map((item) => JSON.stringify(item)),
      ).toEqual(prefix);
    }
    await standin?.close();
    removeTree(repo);
  }
});

test('messages of people reach the next turn', async () => {
  const program = await start(
    (n, body) => {
      if (JSON.stringify(body).includes('please use semicolons')) return finish('Seen.');
      return n < 15 ? shell(`sleep 0.3; echo ${n}`) : finish('Never seen.');
    },
    {
      before: (s) =>
        s.nextHeartbeat.push({}, {}, {}, {}, {}, {}, { messages: ['please use semicolons'] }),
    },
  );
  expect((await program.done).code).toBe(0);
  expect(standin?.results[0]?.summary).toBe('Seen.');
  expect(standin?.heartbeats.some((h) => h.doing.startsWith('run_command sleep'))).toBe(true);
});

test('cancel by heartbeat kills the commands and delivers a cancelled result', async () => {
  const program = await start(steps(shell('sleep 300 & echo $! > "$TMPDIR/../pid"; sleep 300')));
  await until(() => program.out().includes('run_command sleep'), 'the command');
  standin?.nextHeartbeat.push({ cancel: true });
  expect((await program.done).code).toBe(0);
  expect(standin?.results[0]).toMatchObject({ outcome: 'cancelled', changes: [] });
});

test.each([401, 409])('a heartbeat answered with %i ends the attempt', async (status) => {
  const program = await start(steps(shell('sleep 300')), {
    before: (s) => {
      s.nextHeartbeat.push({}, { status });
      s.resultStatus.push(409);
    },
  });
  const { code, out } = await program.done;
  expect(code).toBe(1);
  expect(out).toContain('too late');
  expect(fileResult().outcome).toBe('cancelled');
});

test('heartbeats and results survive a bot that is away for a while', async () => {
  const program = await start(steps(shell('sleep 0.6')), {
    before: (s) => {
      s.nextHeartbeat.push({ status: 503 }, { status: 502 });
      s.resultStatus.push(503, 500);
    },
  });
  const { code, out } = await program.done;
  expect(code).toBe(0);
  expect(out).toContain('the bot answers again');
  expect(standin?.results).toHaveLength(1);
});

test('kill -9 of the agent still gives a result', async () => {
  const program = await start(steps(shell('touch x; kill -9 $PPID; sleep 300')));
  expect((await program.done).code).toBe(0);
  const result = fileResult();
  expect(result).toMatchObject({ outcome: 'crashed', changes: [] });
  expect(result.cause).toContain('SIGKILL');
  expect(standin?.results).toEqual([result]);
});

test('SIGTERM from the runner gives a result file and ends everything', async () => {
  const program = await start(steps(shell('sleep 300')));
  await until(() => program.out().includes('run_command sleep'), 'the command');
  program.child.kill('SIGTERM');
  expect((await program.done).code).toBe(0);
  expect(fileResult()).toMatchObject({ outcome: 'cancelled', changes: [] });
  expect(fileResult().cause).toContain('SIGTERM');
});

test('a refused claim leaves a result file and says what to do', async () => {
  const program = await start(steps(), { before: (s) => (s.claimStatus = 409) });
  const { code, out } = await program.done;
  expect(code).toBe(1);
  expect(out).toContain('The bot refused the claim (409): not yours. Do something else');
  expect(fileResult()).toMatchObject({ outcome: 'crashed', attempt: 7 });
});

test('no daemon of a command outlives the job', async () => {
  const escape =
    'setsid bash -c "sleep 301 & disown" >/dev/null 2>&1 & (setsid sleep 302 >/dev/null 2>&1 &) ; echo ok';
  const program = await start(steps(shell(escape), finish()));
  expect((await program.done).code).toBe(0);
  const left = running(/^sleep\0?30[12]/);
  expect(left).toEqual([]);
});

function running(pattern: RegExp): string[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map((name) => {
      try {
        return readFileSync(`/proc/${name}/cmdline`, 'utf8');
      } catch {
        return '';
      }
    })
    .filter((line) => pattern.test(line));
}

test('planted secrets reach neither the agent nor its commands', async () => {
  const canaries = Object.fromEntries(
    [
      ...['OPENAI_API_KEY', 'ANTHROPIC_API_KEY', 'CI_REPOSITORY_URL', 'CI_DEPLOY_PASSWORD'],
      ...['AWS_SECRET_ACCESS_KEY', 'NPM_TOKEN', 'SSH_AUTH_SOCK', 'GITLAB_TOKEN', 'PLAIN_VALUE'],
      ...Array.from({ length: 20 }, (_, i) => `CANARY_${i}`),
    ].map((name) => [name, `canary-${name.toLowerCase()}-${'x'.repeat(8)}`]),
  );
  const dump = [
    'env -0 | tr "\\0" "\\n"; echo ---',
    'tr "\\0" "\\n" < /proc/self/environ; echo ---',
    'tr "\\0" "\\n" < /proc/$PPID/environ; echo ---',
    'cat .git/config; git config --show-origin -l; cat -A .git/HEAD; git remote -v; git push 2>&1',
    'grep -rc glcbt .git | grep -v ":0"; ls -la ~',
  ].join('; ');
  const program = await start(steps(shell(dump), finish()), { env: canaries });
  const { code, out } = await program.done;
  expect(code).toBe(0);
  const seen = JSON.stringify(standin?.requests.map((r) => r.body));
  expect(seen).toContain('CI=true');
  expect(seen).toContain('No configured push destination');
  const secrets = [
    ...Object.values(canaries),
    JOB_TOKEN,
    ATTEMPT_TOKEN,
    idToken(standin?.url ?? ''),
  ];
  for (const secret of secrets) {
    expect(seen).not.toContain(secret);
    expect(out).not.toContain(secret);
  }
  const names = [...seen.matchAll(/(?:^|\\n)([A-Z_][A-Z0-9_]*)=/g)].map((m) => m[1]);
  const allowed = ['PATH', 'HOME', 'LANG', 'TMPDIR', 'CI', 'PWD', 'SHLVL', 'OLDPWD', '_'];
  expect([...new Set(names)].filter((name) => !allowed.includes(name ?? ''))).toEqual([]);
  const config = readFileSync(join(repo, '.git/config'), 'utf8');
  expect(config).toContain('https://gitlab.example.com/g/app.git');
  expect(config).not.toMatch(/glcbt|extraheader/);
});
