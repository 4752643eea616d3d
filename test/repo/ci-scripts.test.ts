/** The programs in .ci/ say honestly how a run ended. */
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { read, root } from './support/sources.ts';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'ci-scripts-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function run(command: string, args: readonly string[], env?: Record<string, string>) {
  const { status, stdout, stderr } = spawnSync(command, args, {
    cwd: root,
    ...(env ? { env } : {}),
    encoding: 'utf8',
    timeout: 50_000,
  });
  return { status, lines: stdout.trimEnd().split('\n'), stderr };
}

interface Outcome {
  readonly status: 'passed' | 'failed' | 'pending';
  readonly fullName: string;
  readonly failureMessages: readonly string[];
}

/** A report as jest writes it, as far as it is read; a broken file is one that could not run. */
function report(tests: readonly Outcome[], brokenFiles = 0): string {
  const failed = tests.some(({ status }) => status === 'failed');
  const file = { name: FILE, message: '', status: failed ? 'failed' : 'passed' };
  const broken = { name: join(root, 'test/b.test.ts'), message: 'SyntaxError', status: 'failed' };
  return JSON.stringify({
    testResults: [
      { ...file, assertionResults: tests },
      ...Array.from({ length: brokenFiles }, () => ({ ...broken, assertionResults: [] })),
    ],
  });
}

const FILE = join(root, 'test/a.test.ts');
const PASSED: Outcome = {
  status: 'passed',
  fullName: 'store on PGlite keeps a row',
  failureMessages: [],
};
const FAILED: Outcome = {
  status: 'failed',
  fullName: 'store on PGlite loses a row',
  failureMessages: ['\u001B[31mLost 1 row\u001B[39m'],
};
const NO_SERVICE: Outcome = {
  status: 'pending',
  fullName: 'queue on Redis keeps order',
  failureMessages: [],
};
const NO_CLIENT: Outcome = {
  status: 'pending',
  fullName: 'glab lists issues',
  failureMessages: [],
};

test.each([
  ['all passed', report([PASSED]), '0', 0, '1 passed, 0 failed, 0 skipped'],
  ['a test failed', report([PASSED, FAILED]), '0', 1, '1 passed, 1 failed, 0 skipped'],
  ['a file did not run', report([PASSED], 1), '0', 1, '1 passed, 1 failed, 0 skipped'],
  ['a service was missing', report([PASSED, NO_SERVICE]), '0', 1, '1 passed, 0 failed, 1 skipped'],
  ['another skip', report([PASSED, NO_CLIENT]), '0', 0, '1 passed, 0 failed, 1 skipped'],
  ['another step failed', report([PASSED]), '1', 1, '1 passed, 0 failed, 0 skipped'],
  ['nothing ran', report([]), '0', 1, '0 passed, 0 failed, 0 skipped'],
  ['the report is cut off', '{"numPassed', '0', 1, '0 passed, 1 failed, 0 skipped'],
])('summary: %s', (_case, text, failedSteps, status, last) => {
  const file = join(folder, 'report.json');
  writeFileSync(file, text);
  const ended = run(process.execPath, ['.ci/summary.mjs', file, failedSteps]);
  expect({ status: ended.status, last: ended.lines.at(-1) }).toEqual({ status, last });
});

test('summary tells once more what failed, of the tests and of the proof', () => {
  const [tests, proof] = [join(folder, 'tests.json'), join(folder, 'proof.json')];
  writeFileSync(tests, report([PASSED, FAILED]));
  const promises = [
    { id: 'R1', holds: true },
    { id: 'R2', backend: 'redis', holds: false, broken: ['attack 3: 30 s: two pipelines'] },
  ];
  writeFileSync(proof, JSON.stringify({ promises }));
  const { lines } = run(process.execPath, ['.ci/summary.mjs', tests, '1', proof]);
  expect(lines.slice(0, 4)).toEqual([
    'failed: test/a.test.ts: store on PGlite loses a row',
    '  Lost 1 row',
    'failed: proof: R2 redis',
    '  attack 3: 30 s: two pipelines',
  ]);
});

test('summary counts what a second run alone said of a file, and names what passed only then', () => {
  const [tests, again] = [join(folder, 'tests.json'), join(folder, 'again.json')];
  writeFileSync(tests, report([PASSED, FAILED]));
  writeFileSync(again, report([PASSED, { ...FAILED, status: 'passed' }]));
  const args = ['.ci/summary.mjs', tests, '0', join(folder, 'none.json'), again];
  const good = run(process.execPath, args);
  expect(good.status).toBe(0);
  expect(good.lines).toEqual([
    'passed only when run alone: test/a.test.ts: store on PGlite loses a row',
    '  Lost 1 row',
    'Test Suites: 0 failed, 1 passed, 1 total',
    'Tests:       0 failed, 0 skipped, 2 passed, 2 total',
    '2 passed, 0 failed, 0 skipped',
  ]);
  writeFileSync(again, report([PASSED, FAILED]));
  const bad = run(process.execPath, args);
  expect({ status: bad.status, first: bad.lines[0] }).toEqual({
    status: 1,
    first: 'failed: test/a.test.ts: store on PGlite loses a row',
  });
});

test('summary lists the files in which something failed', () => {
  const file = join(folder, 'failed.json');
  writeFileSync(file, report([PASSED]));
  expect(run(process.execPath, ['.ci/summary.mjs', '--failed-files', file]).lines).toEqual(['']);
  writeFileSync(file, report([FAILED], 1));
  expect(run(process.execPath, ['.ci/summary.mjs', '--failed-files', file]).lines).toEqual([
    FILE,
    join(root, 'test/b.test.ts'),
  ]);
});

test('check refuses a step it does not know and names those it does', () => {
  const ended = run(process.execPath, ['.ci/check.mjs', 'typos']);
  expect(ended.status).toBe(2);
  expect(ended.stderr).toContain('no such step: typos');
  expect(ended.stderr).toContain('types');
});

test('.ci/run is valid bash, bounds every step and asks for both services', () => {
  expect(run('bash', ['-n', '.ci/run'])).toMatchObject({ status: 0 });
  const text = read('.ci/run');
  expect(text).toContain('AUTODEV_TEST_REQUIRE=postgres,redis');
  expect(Number(/AIM=(\d+)/.exec(text)?.[1])).toBeLessThanOrEqual(12 * 60);
  expect(Number(/TOTAL=(\d+)/.exec(text)?.[1])).toBeLessThan(85 * 60);
  const unbounded = text
    .split('\n')
    .filter((line) => /^\s*(npm|apt-get|docker) /.test(line))
    .filter((line) => !/^ {4}apt-get install/.test(line));
  expect(unbounded).toEqual([]);
});

test('.ci/real-clients.sh says what it left out where there is neither Python nor Go', () => {
  const bin = join(folder, 'bin');
  mkdirSync(bin);
  for (const name of ['mkdir', 'dirname']) {
    const found = run('bash', ['-c', `command -v ${name}`]).lines[0] ?? '';
    symlinkSync(found, join(bin, name));
  }
  const bash = run('bash', ['-c', 'command -v bash']).lines[0] ?? '';
  const ended = run(bash, ['.ci/real-clients.sh', join(folder, 'clients')], { PATH: bin });
  expect(ended).toEqual({
    status: 0,
    lines: [''],
    stderr: ['python-gitlab: no python3', 'client-go: no go', 'glab: no go']
      .map((line) => `left out: ${line} here\n`)
      .join(''),
  });
});
