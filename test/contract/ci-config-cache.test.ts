/** What one sandbox resolved serves the next one, on other ports and in other projects, and nothing else does. */
import { createServer, type Server } from 'node:http';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { ConfigCache } from '../../sandbox/ci/config-cache.ts';
import type { PipelineSpec } from '../../sandbox/ci/contract.ts';
import { bareRepository } from '../support/ci-sandbox.ts';

const INCLUDED = 'included:\n  script:\n    - echo $[[ inputs.server ]]\n';
const SPEC = 'spec:\n  inputs:\n    server:\n---\n';
let dir: string;
let servers: Server[];
let ports: number[];

beforeAll(async () => {
  dir = mkdtempSync(path.join(tmpdir(), 'autodev-config-cache-'));
  servers = [0, 1].map(() =>
    createServer((_request, response) => response.end(SPEC + INCLUDED)).listen(0, '127.0.0.1'),
  );
  await Promise.all(servers.map((server) => once(server, 'listening')));
  ports = servers.map((server) => (server.address() as AddressInfo).port);
});
afterAll(() => {
  for (const server of servers) server.close();
  rmSync(dir, { recursive: true, force: true });
});

interface World {
  cache: ConfigCache;
  workDir: string;
  /** A pipeline of a project of its own whose configuration is this. */
  spec(project: string, yaml: string): PipelineSpec;
}

function world(name: string, port: number, keepDir: string): World {
  const workDir = path.join(dir, name);
  mkdirSync(workDir, { recursive: true });
  const cache = new ConfigCache({ workDir, serverUrl: `http://127.0.0.1:${port}`, keepDir });
  return {
    cache,
    workDir,
    spec: (project, yaml) => {
      const { gitDir, sha } = bareRepository(workDir, project, { '.gitlab-ci.yml': yaml });
      return {
        project: { id: 1, path: project, defaultBranch: 'main', gitDir, variables: {} },
        ...{ ref: 'main', sha, source: 'push', variables: {}, inputs: {} },
        user: { id: 1, username: 'sam', name: 'Sam' },
      } as unknown as PipelineSpec;
    },
  };
}

/** The scripts of the jobs, by name. */
async function scripts({ cache }: World, spec: PipelineSpec): Promise<Record<string, string[]>> {
  const loaded = await cache.load(spec, {});
  if (!loaded.ok) throw new Error(loaded.errors.join());
  return Object.fromEntries(loaded.config.jobs.map(({ name, script }) => [name, script]));
}

test('kept configurations get the addresses of the sandbox that asks', async () => {
  const keepDir = path.join(dir, 'kept');
  const yaml = (port: number): string =>
    `include:\n  - remote: http://127.0.0.1:${port}/t.yml\n    inputs: { server: "http://127.0.0.1:${port}" }\n` +
    `own: { script: [echo $CI_SERVER_URL] }\n`;
  const [one = 0, two = 0] = ports;
  const first = world('first', one, keepDir);
  const second = world('second', two, keepDir);
  const expected = (port: number) => ({
    included: [`echo http://127.0.0.1:${port}`],
    own: ['echo $CI_SERVER_URL'],
  });
  expect(await scripts(first, first.spec('a/x', yaml(one)))).toEqual(expected(one));
  expect(readdirSync(keepDir)).toHaveLength(1);
  // Nobody resolves anything any more: the tool would need this folder.
  rmSync(second.workDir, { recursive: true });
  mkdirSync(second.workDir);
  const other = second.spec('b/y', yaml(two));
  const kept = readdirSync(second.workDir).length;
  expect(await scripts(second, other)).toEqual(expected(two));
  expect(readdirSync(second.workDir)).toHaveLength(kept);
  expect(readdirSync(keepDir)).toHaveLength(1);
}, 90_000);

test('a variable that is mentioned and differs is resolved anew, and broken files are', async () => {
  const keepDir = path.join(dir, 'mentioned');
  const yaml = `a: { script: [echo a], rules: [{ if: '$CI_PROJECT_PATH == "a/x"' }] }\nb: { script: [echo b] }\n`;
  const [port = 0] = ports;
  const one = world('third', port, keepDir);
  expect(Object.keys(await scripts(one, one.spec('a/x', yaml)))).toEqual(['a', 'b']);
  const two = world('fourth', port, keepDir);
  expect(Object.keys(await scripts(two, two.spec('b/y', yaml)))).toEqual(['b']);
  for (const file of readdirSync(keepDir)) writeFileSync(path.join(keepDir, file), '{ broken');
  const three = world('fifth', port, keepDir);
  expect(Object.keys(await scripts(three, three.spec('a/x', yaml)))).toEqual(['a', 'b']);
}, 90_000);
