/** The demo of the README, run as a newcomer runs it. */
import { spawnSync, type SpawnSyncReturns } from 'node:child_process';
import { expect, test } from '@jest/globals';

const LIMIT_MS = 120_000;

function demo(...args: string[]): SpawnSyncReturns<string> {
  return spawnSync(process.execPath, ['sandbox/demo/main.ts', ...args], {
    cwd: new URL('../../', import.meta.url),
    encoding: 'utf8',
    timeout: LIMIT_MS,
  });
}

test(
  'the demo walks the whole way in less than two minutes',
  () => {
    const { status, stdout, stderr } = demo();
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(stdout).toMatch(/Specification {2}!1 merged/);
    expect(stdout).toMatch(/Merge request {2}!2 merged/);
    expect(stdout).toMatch(/Findings {7}1 raised, 1 fixed/);
    expect(stdout).toMatch(/Votes {10}architect 90, .*consensus \d/);
    expect(stdout).toMatch(/Deployed {7}staging at [0-9a-f]{8}/);
    expect(stdout).toMatch(/Verdict {8}done/);
    expect(stdout).not.toContain('\u001B[');
    const took = /Took {11}(\d+\.\d) s/.exec(stdout)?.[1];
    expect(Number(took)).toBeLessThan(LIMIT_MS / 1000);
  },
  LIMIT_MS,
);

test(
  'the quick demo ends with a merge request whose pipeline passed',
  () => {
    const { status, stdout, stderr } = demo('--workflow', 'quick');
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
  expect(demo('--help')).toMatchObject({ status: 0, stdout: expect.stringContaining('Usage:') });
  expect(demo('--nonsense').status).not.toBe(0);
});
