/**
 * Scanners as the supervisor runs them: the real npm against a registry of this test's own, real Semgrep
 * and Gitleaks where they are installed, and stand-ins that misbehave.
 */
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, jest, test } from '@jest/globals';
import { readJobEnv } from '../../jobs/env.ts';
import { findProgram } from '../../jobs/find-program.ts';
import { runScanners } from '../../jobs/scanners/run-scanners.ts';
import type { IsolationWish } from '../../schema/wire/job-api.ts';
import { Scan, type ScannerName } from '../../schema/wire/scan.ts';

jest.setTimeout(60_000);

let top = '';
let lines: string[] = [];
let hidden: string[] = [];
beforeEach(() => {
  top = realpathSync(mkdtempSync(join(tmpdir(), 'autodev-scan-')));
  for (const folder of ['work', 'bin']) mkdirSync(join(top, folder));
  [lines, hidden] = [[], []];
});
afterEach(() => rmSync(top, { recursive: true, force: true }));

/** Files of the commit. */
function files(contents: Record<string, string>): string[] {
  for (const [path, text] of Object.entries(contents)) {
    mkdirSync(dirname(join(top, 'work', path)), { recursive: true });
    writeFileSync(join(top, 'work', path), text);
  }
  return Object.keys(contents);
}

/** A program of that name, first on PATH. */
function standIn(name: string, script: string): void {
  writeFileSync(join(top, 'bin', name), `#!/bin/sh\n${script}\n`);
  chmodSync(join(top, 'bin', name), 0o755);
}

async function look(
  names: ScannerName[],
  paths: string[],
  more: {
    env?: Record<string, string>;
    path?: string;
    callMs?: number;
    signal?: AbortSignal;
    isolation?: IsolationWish;
  } = {},
): Promise<Scan[]> {
  mkdirSync(join(top, 'scans'));
  const path = more.path ?? `${join(top, 'bin')}${delimiter}${process.env['PATH'] ?? ''}`;
  const scans = await runScanners({
    names,
    isolation: more.isolation ?? { sandbox: 'auto', network: 'gateway' },
    env: readJobEnv({ ...more.env, PATH: path, CI_PROJECT_DIR: join(top, 'checkout') }),
    workspace: { dir: join(top, 'work'), scans: join(top, 'scans'), paths },
    log: { line: (text) => lines.push(text), hide: (text) => hidden.push(text) },
    signal: more.signal ?? new AbortController().signal,
    ...(more.callMs === undefined ? {} : { callMs: more.callMs }),
  });
  expect(existsSync(join(top, 'scans'))).toBe(false);
  return scans.map((scan) => Scan.parse(scan));
}

const MANIFEST = '{"name":"x","version":"1.0.0","dependencies":{"lodash":"^4.17.20"}}';
const LOCK = JSON.stringify({
  name: 'x',
  version: '1.0.0',
  lockfileVersion: 3,
  requires: true,
  packages: {
    '': { name: 'x', version: '1.0.0', dependencies: { lodash: '^4.17.20' } },
    'node_modules/lodash': { version: '4.17.20' },
  },
});
const ADVISORY = {
  id: 1,
  url: 'https://github.com/advisories/GHSA-35jh-r3h4-6jhm',
  title: 'Command injection in lodash',
  severity: 'high',
  vulnerable_versions: '<4.17.21',
  cwe: ['CWE-77'],
};

/** A registry that knows one package with one advisory; remembers who asked for what. */
async function registry(asked: string[]): Promise<Server> {
  const server = createServer((request, response) => {
    asked.push(`${request.method} ${request.url} ${request.headers.authorization ?? ''}`.trim());
    request.resume().on('end', () => {
      const versions = Object.fromEntries(
        ['4.17.20', '4.17.21'].map((version) => [version, { name: 'lodash', version }]),
      );
      if (request.url?.endsWith('/advisories/bulk'))
        response.end(JSON.stringify({ lodash: [ADVISORY] }));
      else if (request.url === '/lodash')
        response.end(JSON.stringify({ name: 'lodash', versions }));
      else response.writeHead(404).end('{}');
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return server;
}

test('the real npm audits a lock file, and nothing else of the repository is asked or run', async () => {
  const [own, other] = [[] as string[], [] as string[]];
  const [server, stranger] = await Promise.all([registry(own), registry(other)]);
  const address = (one: Server): string =>
    `http://127.0.0.1:${(one.address() as AddressInfo).port}`;
  try {
    const script = `{"preinstall":"touch ${top}/ran"}`;
    const paths = files({
      'package.json': MANIFEST.replace('}}', `},"scripts":${script}}`),
      'package-lock.json': LOCK,
      // What an author of the repository may try.
      '.npmrc': `registry=${address(stranger)}\n//127.0.0.1/:_authToken=x\nscript-shell=/bin/sh\n`,
    });
    const [scan] = await look(['npm-audit'], paths, {
      env: { npm_config_registry: address(server), NPM_TOKEN: 'npm_canary_token_1' },
    });
    expect(scan).toMatchObject({
      state: 'done',
      why: '',
      findings: [{ rule: 'GHSA-35jh-r3h4-6jhm', package: { name: 'lodash', version: '4.17.20' } }],
      dependencies: [{ manager: 'npm', packages: [{ name: 'lodash', version: '4.17.20' }] }],
    });
    expect(scan?.version).toMatch(/^\d+\.\d+/);
    expect(own[0]).toBe('POST /-/npm/v1/security/advisories/bulk');
    expect(own.join()).not.toContain('canary');
    expect(other).toEqual([]);
    expect(existsSync(join(top, 'ran'))).toBe(false);
  } finally {
    server.close();
    stranger.close();
  }
});

test('a registry that cannot be reached, a lock file that is a link, and none at all', async () => {
  const paths = files({ 'package.json': MANIFEST, 'package-lock.json': LOCK });
  const env = { npm_config_registry: 'http://127.0.0.1:1', npm_config_fetch_retries: '0' };
  const [failed] = await look(['npm-audit'], paths, { env });
  expect(failed).toMatchObject({ state: 'failed', findings: [] });
  expect(failed?.why).toMatch(/^it did not finish: .*ECONNREFUSED/);
  rmSync(join(top, 'work/package-lock.json'));
  symlinkSync('/etc/passwd', join(top, 'work/package-lock.json'));
  expect((await look(['npm-audit'], paths))[0]?.why).toContain('no plain file');
  const [none] = await look(['npm-audit'], ['README.md']);
  expect(none).toMatchObject({
    state: 'nothing',
    why: expect.stringContaining('package-lock.json'),
  });
});

test('scanners that are not on the runner are a line each, and nothing crashes', async () => {
  const scans = await look(['semgrep', 'gitleaks', 'trivy'], [], { path: join(top, 'bin') });
  expect(scans.map(({ state }) => state)).toEqual(['missing', 'missing', 'missing']);
  expect(lines).toContain('scan: gitleaks: gitleaks is not on the runner; add it to the job image');
});

const LEAK = (file: string, secret: string): string =>
  JSON.stringify([
    { RuleID: 'key', StartLine: 1, EndLine: 1, File: file, Match: secret, Secret: secret },
  ]);
/** A stand-in for Gitleaks: does `before`, then writes `report` where it was told to. */
const leaks = (report: string, before = ''): string =>
  `[ "$1" = version ] && { echo 9.8.7; exit; }\nfor a; do out=$a; done\n${before}\ncat > "$out" <<'X'\n${report}\nX`;

test('secrets are hidden line by line, and stand in no finding', async () => {
  const secret = '-----BEGIN KEY-----\nabcdefghijklmnop\n-----END KEY-----';
  standIn('gitleaks', leaks(LEAK(join(top, 'work/key.pem'), secret)));
  const [scan] = await look(['gitleaks'], files({ 'key.pem': secret }));
  expect(scan).toMatchObject({ state: 'done', version: '9.8.7', findings: [{ path: 'key.pem' }] });
  expect(hidden).toContain('abcdefghijklmnop');
  expect(JSON.stringify([scan, lines])).not.toContain('abcdefghijklmnop');
});

/** Exit codes that tell what the stand-in could do. */
const TRIES = { credential: 41, write: 42, network: 43 };

test.each([
  ['required', 'gateway', null],
  // With the walls down the same tries succeed: the test can fail.
  ['required', 'open', TRIES.network],
  ['off', 'gateway', TRIES.write],
] as const)(
  'a scanner with sandbox %s and network %s: exit code %s',
  async (sandbox, network, code) => {
    if ((await findProgram('bwrap', process.env['PATH'] ?? '')) === null) {
      return void process.stderr.write('not looked at: bubblewrap is not here\n');
    }
    const server = await registry([]);
    const { port } = server.address() as AddressInfo;
    const tries = [
      `env | grep -q canary && exit ${TRIES.credential}`,
      `touch "${join(top, 'work', 'new')}" 2>/dev/null && exit ${TRIES.write}`,
      `bash -c 'exec 3<>/dev/tcp/127.0.0.1/${port}' 2>/dev/null && exit ${TRIES.network}`,
    ];
    standIn('gitleaks', leaks('[]', tries.join('\n')));
    const env = { CI_JOB_TOKEN: 'canary-job-token', GITLAB_TOKEN: 'canary-gitlab' };
    const [scan] = await look(['gitleaks'], files({ a: 'b' }), {
      env,
      isolation: { sandbox, network },
    });
    server.close();
    if (code === null) expect(scan).toMatchObject({ state: 'done', why: '' });
    else expect(scan?.why).toContain(`it ended with ${code}.`);
  },
);

test.each([
  ['does not end', 'sleep 60', /took longer than 1.5 s/],
  ['fails', 'echo "no memory" >&2; exit 9', /ended with 9\. no memory/],
  ['writes no report', 'exit 0', /wrote no report/],
  ['writes a link', 'ln -s /etc/passwd "$out"; exit 0', /wrote no report/],
  ['writes no JSON', 'echo "[{" > "$out"; exit 0', /not JSON/],
  ['floods', 'head -c 80000000 /dev/zero; exit 0', /printed too much/],
])('one that %s is a failed scan with its reason', async (_, script, why) => {
  standIn('gitleaks', leaks('[]', script));
  // The others end by themselves, however busy the machine is.
  const callMs = script.startsWith('sleep') ? 1_500 : 30_000;
  const [scan] = await look(['gitleaks'], [], { callMs });
  expect(scan).toMatchObject({ state: 'failed', findings: [] });
  expect(scan?.why).toMatch(why);
});

test('an attempt that ends stops its scanners', async () => {
  standIn('gitleaks', leaks('[]', 'sleep 60'));
  const control = new AbortController();
  const started = Date.now();
  const scans = look(['gitleaks'], [], { signal: control.signal });
  setTimeout(() => control.abort(), 500);
  expect((await scans)[0]?.why).toContain('the attempt was stopped');
  expect(Date.now() - started).toBeLessThan(20_000);
});

test('the real Semgrep and Gitleaks, where they are installed, heed nothing that the repository says', async () => {
  const path = process.env['PATH'] ?? '';
  const names = (['semgrep', 'gitleaks'] as const).filter(Boolean);
  const there: ('semgrep' | 'gitleaks')[] = [];
  for (const name of names) if ((await findProgram(name, path)) !== null) there.push(name);
  if (there.length < names.length) {
    process.stderr.write(
      `not run: ${names.filter((name) => !there.includes(name)).join(', ')} is not installed\n`,
    );
  }
  const key = `AKIA${'Z7QJ4XW3PLMN5K2E'}`;
  const paths = files({
    'app.js': 'eval(text); // nosemgrep\n',
    '.semgrepignore': '*.js\n',
    'config.env': `AWS_ACCESS_KEY_ID=${key} # gitleaks:allow\n`,
    '.gitleaksignore': 'config.env:aws-access-token:1\n',
    '.gitleaks.toml': 'title = "none"\n[[rules]]\nid = "none"\nregex = "zzzz"\n',
  });
  for (const scan of await look(there, paths, { path })) {
    expect(scan).toMatchObject({ state: 'done', why: '' });
    const [finding] = scan.findings;
    expect(finding).toMatchObject(
      scan.scanner === 'semgrep'
        ? { rule: 'js-eval', path: 'app.js', line: 1 }
        : { rule: 'aws-access-token', path: 'config.env', line: 1 },
    );
  }
  if (there.includes('gitleaks')) expect(hidden).toContain(key);
});
