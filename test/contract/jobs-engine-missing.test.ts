/** An engine that the job image does not have, or not as it should: what the settings say happens, and is said. */
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, describe, expect, test } from '@jest/globals';
import { codex } from '../../jobs/engines/cli/codex.ts';
import { isKnown, probeVersion } from '../../jobs/engines/cli/version.ts';
import type { TaskSpec } from '../../schema/wire/job-api.ts';
import type { JobResult } from '../../schema/wire/result.ts';
import { finish, useJob } from './jobs-case.ts';

const job = useJob();
let bin = '';
afterEach(() => rmSync(bin, { recursive: true, force: true }));

/** A folder with a program named codex that does as the script says. */
function fakeCodex(script: string): string {
  bin = mkdtempSync(path.join(tmpdir(), 'autodev-bin-'));
  const file = path.join(bin, 'codex');
  writeFileSync(file, `#!/bin/sh\n${script}\n`);
  chmodSync(file, 0o755);
  return file;
}

/** Runs a job with engine codex; `script` null: there is none. */
async function run(
  script: string | null,
  whenMissing: TaskSpec['whenMissing'],
): Promise<{ result: JobResult; log: string; asked: number }> {
  const folders = (process.env.PATH ?? '')
    .split(path.delimiter)
    .filter((folder) => !folder.includes('agents/'));
  if (script !== null) folders.unshift(path.dirname(fakeCodex(script)));
  const program = await job.start(() => finish(), {
    spec: { engine: 'codex', whenMissing, isolation: { sandbox: 'off', network: 'open' } },
    env: { PATH: folders.join(path.delimiter) },
  });
  const { out } = await program.done;
  return { result: job.file(), log: out, asked: job.standin.requests.length };
}

const GOOD = `[ "$1" = --version ] && echo codex-cli ${codex.known.pinned} && exit 0`;
const CASES: [what: string, script: string | null, says: RegExp][] = [
  ['is not there', null, /codex is not installed in the job image/],
  ['is too old', 'echo codex-cli 0.20.1', /codex is version 0\.20\.1; known to work is 0\.1\d\d/],
  ['is too new', 'echo codex-cli 9.0.0', /codex is version 9\.0\.0/],
  ['cannot start', 'echo no such library >&2; exit 127', /codex cannot start: no such library/],
  ['tells no version', 'echo hello', /codex did not tell its version: hello/],
  ['cannot log in', `${GOOD}; echo Not logged in >&2; exit 1`, /codex: Not logged in/],
];

describe('leaves the work to our own loop, which is said', () => {
  test.each(CASES)('a program that %s', async (_, script, says) => {
    const { result, log, asked } = await run(script, 'builtin');
    expect(result.outcome).toBe('finished');
    expect(asked).toBe(1);
    expect(log).toMatch(says);
    expect(log).toContain('the builtin engine does the work');
    expect(result.setup?.engine).toMatch(says);
    expect(result.setup?.isolation).toContain('turned off by `sandbox: off`');
  });
});

describe('stops the task with the remedy where the settings ask for that', () => {
  const ends = CASES.filter(([what]) => /there|log in/.test(what));
  test.each(ends)('a program that %s', async (_, script, says) => {
    const { result, asked } = await run(script, 'stop');
    expect(result).toMatchObject({ outcome: 'unable', changes: [] });
    expect(result.cause).toMatch(says);
    expect(result.cause).toMatch(/npm install -g @openai\/codex@|autodev-job doctor/);
    expect(result.cause).toContain('engines.codex.whenMissing: builtin');
    expect(asked).toBe(0);
  });
});

test('a program that hangs when it is asked for its version is not waited for', async () => {
  const known = { from: '1.0.0', below: '2.0.0' };
  const probed = await probeVersion([fakeCodex('sleep 60')], process.env.PATH ?? '', known, 200);
  expect(probed).toEqual({ ok: false, why: 'did not tell its version in time' });
});

test.each([
  ['1.9.9', false],
  ['1.10.0', true],
  ['1.10.0-alpha.1', false],
  ['1.99.0', true],
  ['2.0.0', false],
  ['2.0.0-rc.1', false],
])('version %s is known: %s', (version, known) => {
  expect(isKnown(version, { from: '1.10.0', below: '2.0.0' })).toBe(known);
});
