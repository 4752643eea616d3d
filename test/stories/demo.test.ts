/** The demo of the README, run as a newcomer runs it. */
import { spawnSync } from 'node:child_process';
import { expect, test } from '@jest/globals';

const LIMIT_MS = 120_000;

test(
  'the demo ends with a merge request whose pipeline passed',
  () => {
    const { status, stdout, stderr } = spawnSync(process.execPath, ['sandbox/demo/main.ts'], {
      cwd: new URL('../../', import.meta.url),
      encoding: 'utf8',
      timeout: LIMIT_MS,
    });
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(stdout).toMatch(/Merge request {2}!1 \[AutoDev\] Add a --json option/);
    expect(stdout).toMatch(/Pipeline {7}success/);
    expect(stdout).toMatch(/Tests {10}7 passed, 0 failed/);
    expect(stdout).toMatch(/Verdict {8}done/);
    expect(stdout).not.toContain('\u001B[');
    expect(stdout).toMatch(/Took {11}\d+\.\d s/);
  },
  LIMIT_MS,
);

test('the demo says how it is used, and what it does not know', () => {
  const demo = (...args: string[]): ReturnType<typeof spawnSync> =>
    spawnSync(process.execPath, ['sandbox/demo/main.ts', ...args], {
      cwd: new URL('../../', import.meta.url),
      encoding: 'utf8',
    });
  expect(demo('--help')).toMatchObject({ status: 0, stdout: expect.stringContaining('Usage:') });
  expect(demo('--nonsense').status).not.toBe(0);
});
