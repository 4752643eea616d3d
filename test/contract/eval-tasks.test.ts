/** The ten tasks of the evaluation: each is solved by its right solution, and by nothing else kept with it. */
import { readdirSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { readEvalEnv } from '../../eval/env.ts';
import { judge } from '../../eval/judge.ts';
import { readOverlay, type Overlay } from '../../eval/overlay.ts';
import { loadTasks, type EvalTask } from '../../eval/task.ts';
import { declareMissing } from '../support/missing.ts';
import type { JobResult } from '../../schema/wire/result.ts';

const tasks = loadTasks();
const rules = {
  env: readEvalEnv(),
  protectedPaths: ['.*', '**/.*/**'],
  isolation: { sandbox: 'auto', network: 'gateway' },
} as const;

const resultOf = ({ outcome, comment, changes }: Overlay): JobResult => ({
  version: 1,
  attempt: 1,
  outcome,
  cause: 'kept with the task',
  summary: '',
  ...(comment === undefined ? {} : { comment }),
  changes,
  baseSha: '0'.repeat(40),
  checks: [],
  stats: { turns: 1, toolCalls: 1, seconds: 1, firstRequestMs: null, model: null },
});

const wrongOnes = ({ dir }: EvalTask): string[] =>
  readdirSync(path.join(dir, 'wrong')).map((name) => `wrong/${name}`);

test('there are ten, of several kinds and languages', () => {
  expect(tasks).toHaveLength(10);
  expect(new Set(tasks.map(({ type }) => type)).size).toBeGreaterThanOrEqual(5);
  const files = tasks.flatMap(({ dir }) =>
    readdirSync(path.join(dir, 'repo'), { recursive: true, encoding: 'utf8' }),
  );
  for (const end of ['.js', '.py', '.sh']) {
    expect(files.filter((file) => file.endsWith(end))).not.toEqual([]);
  }
});

describe.each(tasks.map((task) => [task.name, task] as const))('%s', (name, task) => {
  if (task.needs !== undefined && !rules.env.found.has(task.needs)) {
    declareMissing(task.needs, name);
    return;
  }

  test('the right solution passes every hidden check', async () => {
    const judged = await judge(task, resultOf(await readOverlay(task, 'solution')), rules);
    expect(judged).toEqual({
      solved: true,
      why: '',
      checks: { passed: task.checks, of: task.checks, failed: [] },
    });
  });

  test('the untouched repository does not', async () => {
    const untouched = resultOf({ outcome: task.expect, changes: [] });
    const judged = await judge(task, untouched, rules);
    expect(judged).toMatchObject({ solved: false, why: expect.stringMatching(/^failed: /) });
  });

  test('wrong solutions do not', async () => {
    const names = wrongOnes(task);
    expect(names.length).toBeGreaterThanOrEqual(2);
    for (const name of names) {
      const judged = await judge(task, resultOf(await readOverlay(task, name)), rules);
      expect({ name, ...judged }).toMatchObject({
        name,
        solved: false,
        why: expect.stringMatching(/./),
      });
    }
  });
});
