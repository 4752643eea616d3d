/** `autodev-job doctor`: a line per part with its remedy, as text and as JSON, from the real program. */
import { spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { examine, type Check } from '../../jobs/doctor/checks.ts';
import { doctor } from '../../jobs/doctor/doctor.ts';
import { codex } from '../../jobs/engines/cli/codex.ts';
import { declareMissing } from '../support/missing.ts';

const ROOT = path.resolve(import.meta.dirname, '../..');
const SELF = [process.execPath, path.join(ROOT, 'jobs/main.ts')];

let bin = '';
beforeEach(() => void (bin = realpathSync(mkdtempSync(path.join(tmpdir(), 'autodev-doc-')))));
afterEach(() => rmSync(bin, { recursive: true, force: true }));

/** A PATH that holds these programs of the machine and nothing else. */
function only(...names: string[]): string {
  const folders = (process.env.PATH ?? '').split(path.delimiter);
  for (const name of names) {
    const found = folders.map((folder) => path.join(folder, name)).find((file) => existsSync(file));
    if (found !== undefined) symlinkSync(found, path.join(bin, name));
  }
  return bin;
}

function fake(name: string, script: string): void {
  writeFileSync(path.join(bin, name), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
}

const named = (checks: readonly Check[], name: string): Check | undefined =>
  checks.find((check) => check.name === name);

test('an image with nothing in it: what agents cannot do without is an error, the rest a warning', async () => {
  const checks = await examine({ path: bin, self: SELF, root: bin });
  expect(Object.fromEntries(checks.map(({ name, status }) => [name, status]))).toEqual({
    git: 'error',
    bash: 'error',
    rg: 'warning',
    codex: 'warning',
    claude: 'warning',
    namespaces: 'warning',
    network: 'warning',
    host: 'ok',
    chromium: 'warning',
  });
  for (const { status, fix } of checks) expect(fix === null).toBe(status === 'ok');
  expect(named(checks, 'codex')?.fix).toContain(
    `npm install -g @openai/codex@${codex.known.pinned}`,
  );
});

const SUITE = 'the doctor inside namespaces';
describe(SUITE, () => {
  const allowed = spawnSync('bwrap', ['--unshare-all', '--ro-bind', '/', '/', 'true']).status === 0;
  if (!allowed) return void declareMissing('bwrap', SUITE);

  test('a sound image has a ✓ on every line, and what it says is tried', async () => {
    const PATH = only('git', 'bash', 'sh', 'rg', 'bwrap', 'true');
    fake('codex', `echo codex-cli ${codex.known.pinned}`);
    fake('claude', 'echo 1.0.0');
    fake('chromium', 'exit 0');
    const run = spawnSync(SELF[0] ?? '', [SELF[1] ?? '', 'doctor'], {
      env: { PATH },
      encoding: 'utf8',
    });
    expect(run.stdout).toMatch(/^✓ namespaces +bubblewrap: own processes/m);
    expect(run.stdout).toMatch(/^✓ network +closed: an isolated agent reaches the gateway alone$/m);
    expect(run.stdout).toContain(`✓ codex        ${codex.known.pinned}, ${bin}/codex\n`);
    expect(run.stdout).toMatch(/^! claude +claude is version 1\.0\.0; known to work is/m);
    expect(run.stdout).toMatch(/^ {4}fix: npm install -g @anthropic-ai\/claude-code@/m);
    expect(run.status).toBe(0);
  });
});

test('power over the machine is an error, and the exit code says so', async () => {
  mkdirSync(path.join(bin, 'run'));
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(path.join(bin, 'run/docker.sock'), resolve));
  const lines: string[] = [];
  const around = { path: process.env.PATH ?? '', self: SELF, root: bin };
  const code = await doctor(around, true, (line) => lines.push(line));
  server.close();
  const said = JSON.parse(lines.join('\n')) as { ok: boolean; checks: Check[] };
  expect([code, said.ok]).toEqual([1, false]);
  expect(named(said.checks, 'host')).toMatchObject({
    status: 'error',
    detail: 'the container engine answers on /run/docker.sock',
    fix: expect.stringContaining('without `privileged`'),
  });
});

test('a word it does not know ends it with 2', () => {
  const run = spawnSync(SELF[0] ?? '', [SELF[1] ?? '', 'doctor', '--jsn'], { encoding: 'utf8' });
  expect([run.status, run.stderr]).toEqual([2, 'doctor takes nothing but --json\n']);
});
