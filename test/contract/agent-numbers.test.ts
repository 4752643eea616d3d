/** What the agent's process may cost: its memory over a long task, and its start beside the programs of others. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { agentPeakMb } from '../../bench/agent-memory.ts';
import { firstRequests } from '../../bench/agent.ts';
import { cliProgram } from '../support/cli-programs.ts';
import { declareMissing } from '../support/missing.ts';
import { buildJob } from '../support/story.ts';

jest.setTimeout(120_000);

/** Most memory of the agent's process, in megabytes. */
const MEMORY_MB = 200;
/**
 * Our own loop's start, as a part of what the programs of others take in the same run. On a quiet machine it
 * is a quarter at most (docs/bench.md); beside other tests it still has to be less.
 */
const START = 1;

let dir: string;
beforeAll(async () => {
  dir = await mkdtemp(path.join(tmpdir(), 'autodev-numbers-'));
});
afterAll(() => rm(dir, { recursive: true, force: true }));

test('thirty turns take less than 200 MB', async () => {
  const { mb, turns } = await agentPeakMb();
  expect(turns).toBe(30);
  expect(mb).toBeGreaterThan(20);
  expect(mb).toBeLessThan(MEMORY_MB);
});

const SUITE = 'the start of our own loop beside other programs';
describe(SUITE, () => {
  for (const name of ['codex', 'claude'] as const) {
    if (cliProgram(name) === null) return void declareMissing(name, SUITE);
  }
  test('it asks its model before they do', async () => {
    const built = await buildJob(path.join(dir, 'job'));
    const entry = path.join(built, 'autodev-job.mjs');
    const figures = await firstRequests({ quick: true, seed: 1, say: () => undefined }, entry);
    for (const provider of ['openai', 'anthropic']) {
      const figure = figures.find(({ name }) => name === `agent.first_request.${provider}`);
      expect(figure?.ratio).toBeLessThanOrEqual(START);
    }
  });
});
