/** What an agent can reach of the runner, with namespaces of its own and without. */
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, expect, test } from '@jest/globals';
import type { IsolationWish } from '../../schema/wire/job-api.ts';
import { declareMissing } from '../support/missing.ts';
import { finish, shell, useJob, type JobCase } from './jobs-case.ts';
import { ATTEMPT_TOKEN } from './jobs-standin.ts';

const job = useJob();
const CANARY = 'canary-of-the-runner';

const works =
  spawnSync('bwrap', ['--unshare-all', '--ro-bind', '/', '/', 'true'], { stdio: 'ignore' })
    .status === 0;

/** Lets the agent look around; what it found comes back as files of its change. */
async function lookAround(
  isolation: IsolationWish,
): Promise<{ found: Map<string, string>; log: string }> {
  const program = await job.start((n) => (n === 0 ? shell(probes(job)) : finish()), {
    spec: { isolation },
    before: (_, repo) => {
      writeFileSync(path.join(repo, '.git', 'canary'), CANARY);
      mkdirSync(`${repo}.tmp`);
      writeFileSync(path.join(`${repo}.tmp`, 'KUBECONFIG'), CANARY);
    },
  });
  const { out } = await program.done;
  rmSync(`${job.repo}.tmp`, { recursive: true, force: true });
  const changes = job.file().changes;
  const found = changes.map(({ path: name, content }): [string, string] => [
    name,
    Buffer.from(content ?? '', 'base64')
      .toString('utf8')
      .trim(),
  ]);
  return { found: new Map(found), log: out };
}

function probes({ repo, standin }: JobCase): string {
  const { port } = new URL(standin.url);
  return [
    `cat ${repo}/.git/canary ${repo}.tmp/KUBECONFIG > checkout.txt 2>&1`,
    `(exec 3<>/dev/tcp/127.0.0.1/${port}) 2> /dev/null && echo open > network.txt || echo closed > network.txt`,
    `touch /usr/autodev-probe 2> /dev/null && rm /usr/autodev-probe && echo yes > system.txt || echo no > system.txt`,
    `cat /proc/[0-9]*/environ /proc/[0-9]*/cmdline 2>/dev/null | tr '\\0' '\\n' > processes.txt`,
    `echo kept > "$HOME/x" && cat "$HOME/x" > home.txt`,
  ].join('; ');
}

const SUITE = 'isolation by namespaces';

describe(SUITE, () => {
  if (!works) {
    declareMissing('bwrap', SUITE);
    return;
  }
  test('the agent sees its own folders, no network, no other process, and no part of the checkout', async () => {
    const { found, log } = await lookAround({ sandbox: 'required', network: 'gateway' });
    expect(found.get('checkout.txt')).not.toContain(CANARY);
    expect(found.get('network.txt')).toBe('closed');
    expect(found.get('system.txt')).toBe('no');
    expect(found.get('home.txt')).toBe('kept');
    expect(found.get('processes.txt')).not.toContain('AUTODEV_ID_TOKEN');
    expect(found.get('processes.txt')).not.toContain(ATTEMPT_TOKEN);
    expect(log).toContain(
      'isolation: bubblewrap: own processes, read-only system, no network but the gateway',
    );
    // Every call still went through the gateway, with the token that the agent never had.
    expect(job.standin.requests.map(({ auth }) => auth)).toEqual([
      `Bearer ${ATTEMPT_TOKEN}`,
      `Bearer ${ATTEMPT_TOKEN}`,
    ]);
  });

  test('an open network is opened, and nothing else', async () => {
    const { found, log } = await lookAround({ sandbox: 'auto', network: 'open' });
    expect(found.get('network.txt')).toBe('open');
    expect(found.get('checkout.txt')).not.toContain(CANARY);
    expect(log).toContain('the network is open');
  });
});

test('without isolation the log says what that means, and the token still stays with the supervisor', async () => {
  const { found, log } = await lookAround({ sandbox: 'off', network: 'gateway' });
  expect(log).toContain(
    'isolation: none, because turned off by `sandbox: off`: the agent can read what this user can and reach the network',
  );
  expect(found.get('network.txt')).toBe('open');
  expect(found.get('processes.txt')).not.toContain(ATTEMPT_TOKEN);
});

test('isolation that is required and not there ends the attempt before the agent starts', async () => {
  const bin = mkdtempSync(path.join(tmpdir(), 'autodev-no-bwrap-'));
  for (const name of ['git', 'sh', 'bash', 'env']) {
    const found = spawnSync('sh', ['-c', `command -v ${name}`], { encoding: 'utf8' }).stdout.trim();
    symlinkSync(found, path.join(bin, name));
  }
  try {
    const program = await job.start(() => finish(), {
      spec: { isolation: { sandbox: 'required', network: 'gateway' } },
      env: { PATH: bin },
    });
    await program.done;
    expect(job.file()).toMatchObject({
      outcome: 'unable',
      cause: expect.stringContaining('This task needs isolation, and the runner gives it none'),
    });
    expect(job.file().cause).toContain('Install bubblewrap in the job image');
    expect(job.standin.requests).toEqual([]);
  } finally {
    rmSync(bin, { recursive: true, force: true });
  }
});
