/** The demo of the README, run as a newcomer runs it. */
import { execFile } from 'node:child_process';
import { expect, jest, test } from '@jest/globals';

/** It takes a minute; a machine that has other work is given time. */
const LIMIT_MS = 400_000;
jest.setTimeout(LIMIT_MS + 20_000);

interface Ended {
  status: number | string | null;
  stdout: string;
  stderr: string;
}

function demo(...args: string[]): Promise<Ended> {
  const options = { cwd: new URL('../../', import.meta.url), timeout: LIMIT_MS };
  return new Promise((resolve) => {
    const all = ['sandbox/demo/main.ts', ...args];
    execFile(process.execPath, all, options, (error, stdout, stderr) => {
      resolve({ status: error === null ? 0 : (error.code ?? null), stdout, stderr });
    });
  });
}

test.concurrent('the demo walks the whole way', async () => {
  const { status, stdout, stderr } = await demo();
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  expect(stdout).toMatch(/Specification {2}!1 merged/);
  expect(stdout).toMatch(/Merge request {2}!2 merged/);
  expect(stdout).toMatch(/Findings {7}1 raised, 1 fixed/);
  expect(stdout).toMatch(/Votes {10}architect 90, .*consensus \d/);
  expect(stdout).toMatch(/Deployed {7}staging at [0-9a-f]{8}/);
  expect(stdout).toMatch(/Verdict {8}done/);
  expect(stdout).not.toContain('\u001B[');
  expect(stdout).toMatch(/Took {11}\d+\.\d s/);
});

test.concurrent('the quick demo ends with a merge request whose pipeline passed', async () => {
  const { status, stdout, stderr } = await demo('--workflow', 'quick');
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  expect(stdout).toMatch(/Merge request {2}!1 \[AutoDev\] Add a --json option/);
  expect(stdout).toMatch(/Pipeline {7}success/);
  expect(stdout).toMatch(/Tests {10}7 passed, 0 failed/);
  expect(stdout).toMatch(/Verdict {8}done/);
  expect(stdout).not.toContain('\u001B[');
  expect(stdout).toMatch(/Took {11}\d+\.\d s/);
});

test.concurrent('the demo says how it is used, and what it does not know', async () => {
  const help = { status: 0, stdout: expect.stringContaining('Usage:') };
  expect(await demo('--help')).toMatchObject(help);
  expect((await demo('--nonsense')).status).not.toBe(0);
});
