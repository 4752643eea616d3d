/** `autodev-job run` from claim to delivered result, as a real process. */
import { describe, expect, test } from '@jest/globals';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { finish, JOB_TOKEN, shell, steps, useJob } from './jobs-case.ts';
import { ATTEMPT_TOKEN, idToken, type ModelBody } from './jobs-standin.ts';

const job = useJob();

function decode(content: string | undefined): string {
  return Buffer.from(content ?? '', 'base64').toString('utf8');
}

describe.each(['openai', 'anthropic'] as const)('a whole task with %s', (provider) => {
  test('edits, runs, finishes; the result is delivered and in the file', async () => {
    const program = await job.start(
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
    const result = job.standin.results[0];
    expect(result).toEqual(job.file());
    expect(result).toMatchObject({ outcome: 'finished', summary: 'It says *Bye*.', attempt: 7 });
    expect(result?.changes.map((c) => [c.path, c.action, c.mode, decode(c.content)])).toEqual([
      ['README.md', 'delete', '100644', ''],
      ['greet.js', 'update', '100755', 'export const greet = (n) => `Bye ${n}`;\n'],
      ['new/bye.js', 'create', '100644', 'export {};\n'],
    ]);
    expect(result?.checks).toMatchObject([{ exitCode: 3 }]);
    expect(result?.stats).toMatchObject({ turns: 4, toolCalls: 5 });
    expect(result?.stats.firstRequestMs).toBeGreaterThan(0);
    expect(job.standin.requests.every((r) => r.auth === `Bearer ${ATTEMPT_TOKEN}`)).toBe(true);
    expect(job.standin.claims).toEqual([
      { auth: expect.stringContaining('Bearer ey'), attempt: 7 },
    ]);
    expect(out).toContain('run_command echo checked');
    for (const secret of [ATTEMPT_TOKEN, JOB_TOKEN]) expect(out).not.toContain(secret);
  });
});

test('the report of the task is delivered, without secrets', async () => {
  const report = {
    kind: 'review',
    score: 60,
    findings: [
      {
        path: 'greet.js',
        line: 1,
        severity: 'low',
        category: 'style',
        title: 'Arrow',
        body: `See ${JOB_TOKEN}.`,
        suggestion: null,
        confidence: 0.5,
      },
    ],
  };
  const args = { outcome: 'done', summary: 'Reviewed.', report };
  const program = await job.start(() => ({ calls: [{ name: 'finish', args }] }), {
    spec: { report: 'review', tools: ['read_file', 'finish'] },
  });
  expect((await program.done).code).toBe(0);
  const { suggestion: _, ...finding } = report.findings[0] as Record<string, unknown>;
  expect(job.standin.results[0]).toEqual(job.file());
  expect(job.file()).toMatchObject({ outcome: 'finished', changes: [] });
  expect(job.file().report).toEqual({
    ...report,
    findings: [{ ...finding, body: 'See [hidden].' }],
  });
});

test('every request repeats the one before it, byte for byte, as its prefix', async () => {
  for (const provider of ['openai', 'anthropic'] as const) {
    const program = await job.start(
      steps(shell('echo one'), { text: 'Next.', ...shell('echo two') }, shell('echo three')),
      { provider },
    );
    expect((await program.done).code).toBe(0);
    const bodies = job.standin.requests.map((r) => r.body);
    const list = (body: ModelBody): unknown[] => body.input ?? body.messages ?? [];
    expect(bodies).toHaveLength(4);
    for (const [i, body] of bodies.slice(1).entries()) {
      const before = bodies[i] as ModelBody;
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
    await job.close();
  }
});

test('messages of people reach the next turn', async () => {
  const program = await job.start((n, body) => {
    if (JSON.stringify(body).includes('please use semicolons')) return finish('Seen.');
    if (n === 1) job.standin.nextHeartbeat.push({ messages: ['please use semicolons'] });
    return n < 15 ? shell(`sleep 0.3; echo ${n}`) : finish('Never seen.');
  });
  expect((await program.done).code).toBe(0);
  expect(job.standin.results[0]?.summary).toBe('Seen.');
  expect(job.standin.heartbeats.some((h) => h.doing.startsWith('run_command sleep'))).toBe(true);
});

const NAMES = [
  'OPENAI_API_KEY',
  'ANTHROPIC_API_KEY',
  'CI_REPOSITORY_URL',
  'CI_DEPLOY_PASSWORD',
  'AWS_SECRET_ACCESS_KEY',
  'NPM_TOKEN',
  'SSH_AUTH_SOCK',
  'GITLAB_TOKEN',
  'PLAIN_VALUE',
];

test('planted secrets reach neither the agent nor its commands', async () => {
  const canaries = Object.fromEntries(
    NAMES.concat(Array.from({ length: 20 }, (_, i) => `CANARY_${i}`)).map((name) => [
      name,
      `canary-${name.toLowerCase()}-${'x'.repeat(8)}`,
    ]),
  );
  const dump = [
    'env -0 | tr "\\0" "\\n"; echo ---',
    'tr "\\0" "\\n" < /proc/self/environ; echo ---',
    'tr "\\0" "\\n" < /proc/$PPID/environ; echo ---',
    'cat .git/config; git config --show-origin -l; cat -A .git/HEAD; git remote -v; git push 2>&1',
    'grep -rc glcbt .git | grep -v ":0"; ls -la ~',
  ].join('; ');
  const program = await job.start(steps(shell(dump), finish()), { env: canaries });
  const { code, out } = await program.done;
  expect(code).toBe(0);
  const seen = JSON.stringify(job.standin.requests.map((r) => r.body));
  expect(seen).toContain('CI=true');
  expect(seen).toContain('No configured push destination');
  const secrets = [...Object.values(canaries), JOB_TOKEN, ATTEMPT_TOKEN, idToken(job.standin.url)];
  for (const secret of secrets) {
    expect(seen).not.toContain(secret);
    expect(out).not.toContain(secret);
  }
  const names = [...seen.matchAll(/(?:^|\\n)([A-Z_][A-Z0-9_]*)=/g)].map((m) => m[1]);
  const allowed = new Set(['PATH', 'HOME', 'LANG', 'TMPDIR', 'CI', 'PWD', 'SHLVL', 'OLDPWD', '_']);
  expect([...new Set(names)].filter((name) => !allowed.has(name ?? ''))).toEqual([]);
  const config = readFileSync(join(job.repo, '.git/config'), 'utf8');
  expect(config).toContain('https://gitlab.example.com/g/app.git');
  expect(config).not.toMatch(/glcbt|extraheader/);
});
