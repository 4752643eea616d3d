/**
 * The images can be built from what the Dockerfile copies, without an engine: the steps are scripts,
 * and they run here in a clean folder. Packages are not installed again but linked, which leaves
 * install.sh and prune.sh (both one `npm ci`) to `npm ci` of CI itself.
 */
import { spawn, spawnSync } from 'node:child_process';
import { createServer } from 'node:http';
import { once } from 'node:events';
import {
  cpSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
} from 'node:fs';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { files, read, root } from './support/sources.ts';

const dockerfile = read('Dockerfile');
const scripts = files.filter((file) => /^deploy\/docker\/.*[.]sh$/.test(file));
/** Paths that .dockerignore lets into the build. */
const admitted = read('.dockerignore')
  .split('\n')
  .filter((line) => line.startsWith('!'))
  .map((line) => line.slice(1));

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'image-'));
  for (const path of admitted.filter((one) => existsSync(join(root, one)))) {
    cpSync(join(root, path), join(folder, 'src', path), { recursive: true });
  }
  symlinkSync(join(root, 'node_modules'), join(folder, 'src', 'node_modules'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function run(command: string, args: readonly string[], cwd: string) {
  const { status, stdout, stderr } = spawnSync(command, args, {
    cwd,
    encoding: 'utf8',
    timeout: 50_000,
    env: { PATH: process.env['PATH'] ?? '', HOME: folder },
  });
  return { status, output: stdout + stderr };
}

test('scripts are executable shell and each is used by the Dockerfile', () => {
  expect(scripts.length).toBeGreaterThan(0);
  for (const script of scripts) {
    expect(run('sh', ['-n', join(root, script)], root)).toMatchObject({ status: 0 });
    expect(statSync(join(root, script)).mode & 0o111).not.toBe(0);
    expect(dockerfile).toContain(script);
  }
});

test('everything the Dockerfile copies is admitted by .dockerignore and exists', () => {
  const copied = [...dockerfile.matchAll(/^COPY (?!--from)(.+) \S+$/gm)]
    .flatMap((match) => (match[1] ?? '').split(' '))
    .filter((path) => path !== '.');
  expect(copied.length).toBeGreaterThan(0);
  for (const path of copied) {
    expect(existsSync(join(root, path))).toBe(true);
    expect(admitted.some((one) => path === one || path.startsWith(`${one}/`))).toBe(true);
  }
});

test('both images run as an ordinary user on a pinned base', () => {
  const stages = dockerfile.split(/^FROM /m).slice(1);
  for (const name of ['bot', 'job']) {
    const stage = stages.find((one) => one.startsWith(`base AS ${name}`)) ?? '';
    expect([...stage.matchAll(/^USER (\S+)/gm)].at(-1)?.[1]).toBe('node');
    expect(stage).toMatch(/^HEALTHCHECK /m);
  }
  const pinned = (JSON.parse(read('package.json')) as { devDependencies: { node: string } })
    .devDependencies;
  expect(dockerfile).toContain(`FROM node:${pinned.node}-bookworm-slim AS base`);
});

test('assemble.sh makes a bot and a job that start', () => {
  const out = join(folder, 'out');
  const made = run(join(folder, 'src/deploy/docker/assemble.sh'), [out], join(folder, 'src'));
  expect(made).toMatchObject({ status: 0 });

  const bot = join(out, 'bot');
  expect(readdirSync(bot)).toEqual(
    expect.arrayContaining(['ci-templates', 'config', 'dist', 'schema']),
  );
  symlinkSync(join(root, 'node_modules'), join(bot, 'node_modules'));
  const help = run(join(bot, 'dist/autodev.mjs'), ['--help'], bot);
  expect(help).toMatchObject({ status: 0 });
  expect(help.output).toContain('serve');

  // As the image starts it, `npm start` and `npm run dev`: generations that grow with the machine's memory cost
  // more than they save (docs/bench.md).
  const [first = ''] = readFileSync(join(bot, 'dist/autodev.mjs'), 'utf8').split('\n');
  const options =
    /^#!\/usr\/bin\/env -S node (--max-semi-space-size=\d+ --max-old-space-size=\d+)$/.exec(
      first,
    )?.[1];
  const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
    scripts: Record<string, string>;
  };
  expect(scripts['start']).toBe(`node ${options} bot/cli/main.ts serve`);
  expect(scripts['dev']).toBe(`node ${options} --watch bot/cli/main.ts serve`);

  // The job's bundle is alone in the image: no node_modules beside it or above it.
  const job = run(process.execPath, [join(out, 'job/autodev-job.mjs'), '--help'], join(out, 'job'));
  expect(job.output).not.toMatch(/ERR_MODULE_NOT_FOUND|SyntaxError|Dynamic require/);
  expect(job.output).toMatch(/autodev-job/);
});

test.each([
  [200, 0],
  [503, 1],
])('the health check turns HTTP %i into exit code %i', async (status, code) => {
  const server = createServer((request, response) => {
    response.writeHead(request.url === '/healthz' ? status : 404).end();
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const port = String((server.address() as AddressInfo).port);
  const child = spawn(process.execPath, [join(root, 'deploy/docker/healthcheck.mjs')], {
    env: { PORT: port },
  });
  const [exit] = (await once(child, 'exit')) as [number];
  server.close();
  expect(exit).toBe(code);
});
