/** The self-check of a job: what it could do to its machine, read from a machine made for the test (threat D12). */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { UnableError } from '../../jobs/errors.ts';
import { readJobEnv } from '../../jobs/env.ts';
import { hostPowers } from '../../jobs/run/host-power.ts';
import { startIsolated } from '../../jobs/run/start-isolated.ts';
import type { PreparedWorkspace } from '../../jobs/run/workspace.ts';
import type { IsolationWish } from '../../schema/wire/job-api.ts';
import { ATTEMPT_TOKEN, makeSpec } from './jobs-standin.ts';

/** Docker's own capabilities, and those of `--privileged`. */
const USUAL = '00000000a80425fb';
const ALL = '000001ffffffffff';

let root = '';
let servers: Server[] = [];
beforeEach(() => void (root = mkdtempSync(path.join(tmpdir(), 'autodev-host-'))));
afterEach(() => {
  for (const server of servers) server.close();
  servers = [];
  rmSync(root, { recursive: true, force: true });
});

function file(name: string, content = ''): void {
  mkdirSync(path.dirname(path.join(root, name)), { recursive: true });
  writeFileSync(path.join(root, name), content);
}

/** A container on an overlay, with these capabilities and these mounts. */
function container(capabilities: string, ...mounts: string[]): void {
  file('.dockerenv');
  file('proc/self/status', `Name:\tnode\nCapEff:\t${capabilities}\n`);
  const lines = ['/', ...mounts].map((at, n) => `${n} 1 0:1 / ${at} rw - overlay overlay rw`);
  file('proc/self/mountinfo', `${lines.join('\n')}\n`);
}

async function socket(name: string): Promise<void> {
  mkdirSync(path.dirname(path.join(root, name)), { recursive: true });
  const server = createServer();
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(path.join(root, name), resolve));
}

test('a usual container has none', async () => {
  container(USUAL, '/builds');
  expect(await hostPowers(root)).toEqual([]);
});

test('a privileged container is named', async () => {
  container(ALL);
  expect(await hostPowers(root)).toEqual(['the container is privileged']);
});

test('a machine of its own with root is no privileged container, though it was made from an image', async () => {
  container(ALL);
  file('proc/2/comm', 'kthreadd\n');
  file('proc/self/mountinfo', '27 1 254:0 / / rw - ext4 /dev/vda rw\n');
  expect(await hostPowers(root)).toEqual([]);
});

test('a privileged container that sees the kernel’s threads is one still', async () => {
  container(ALL);
  file('proc/2/comm', 'kthreadd\n');
  expect(await hostPowers(root)).toEqual(['the container is privileged']);
});

test.each(['run/docker.sock', 'var/run/docker.sock', 'run/podman/podman.sock'])(
  'the socket %s is named',
  async (name) => {
    container(USUAL);
    await socket(name);
    expect(await hostPowers(root)).toEqual([`the container engine answers on /${name}`]);
  },
);

test('a socket that was mounted elsewhere is found by its mount', async () => {
  container(USUAL, '/x/engine.sock');
  await socket('x/engine.sock');
  expect(await hostPowers(root)).toEqual(['the container engine answers on /x/engine.sock']);
});

test('a file of that name is no socket', async () => {
  container(USUAL);
  file('run/docker.sock');
  expect(await hostPowers(root)).toEqual([]);
});

test('the disk of the host is named', async () => {
  container(USUAL, '/builds', '/host');
  file('host/etc/passwd');
  mkdirSync(path.join(root, 'host/usr/bin'), { recursive: true });
  expect(await hostPowers(root)).toEqual(["the host's disk is at /host"]);
});

test('a machine that shows nothing has none', async () => {
  expect(await hostPowers(root)).toEqual([]);
  execFileSync('mkfifo', [path.join(root, 'run')]);
  expect(await hostPowers(root)).toEqual([]);
});

/** Starts an agent on the machine made for the test; tells what was said and whether it was refused. */
async function start(
  sandbox: IsolationWish['sandbox'],
): Promise<{ said: string; refused: unknown }> {
  const folders = Object.fromEntries(
    ['dir', 'home', 'tmp'].map((name) => [name, mkdtempSync(path.join(root, `${name}-`))]),
  ) as Pick<PreparedWorkspace, 'dir' | 'home' | 'tmp'>;
  let said = '';
  const started = await startIsolated({
    env: readJobEnv({ PATH: process.env.PATH, CI_PROJECT_DIR: root }),
    // A program that ends at once stands for the agent.
    self: [process.execPath, '-e', 'process.exit(0)'],
    claim: {
      token: ATTEMPT_TOKEN,
      heartbeatSeconds: 1,
      gateway: 'http://127.0.0.1:1',
      spec: { ...makeSpec('openai'), isolation: { sandbox, network: 'gateway' } },
    },
    workspace: folders as PreparedWorkspace,
    log: () => undefined,
    onAsk: async () => ({ ok: false, text: '' }),
    machine: root,
    onIsolation: (text) => (said = text),
  }).catch((error: unknown) => error);
  if (started instanceof Error) return { said, refused: started };
  const agent = started as Awaited<ReturnType<typeof startIsolated>>;
  await agent.ended;
  await agent.kill();
  return { said, refused: null };
}

test('with `required` no agent starts where the job has such power; with `auto` it is said', async () => {
  container(USUAL);
  await socket('run/docker.sock');
  const { refused } = await start('required');
  expect(refused).toBeInstanceOf(UnableError);
  expect(String((refused as UnableError).fix)).toContain('engine sockets');
  const { said, refused: none } = await start('auto');
  expect(none).toBeNull();
  expect(said).toContain('beware: the container engine answers on /run/docker.sock');
});
