/** What the status comment says of isolation and of engines that stepped in. */
import { expect, test } from '@jest/globals';
import { statusComment } from '../../../bot/decide/status-comment.ts';
import type { JobSetup } from '../../../schema/wire/result.ts';
import { attempt, result, run, task } from './builders.ts';

function details(...setups: (JobSetup | undefined)[]): string {
  const tasks = setups.map((setup) =>
    task({ attempts: [attempt({ result: { ...result(), ...(setup ? { setup } : {}) } })] }),
  );
  return statusComment({
    run: run({ tasks }),
    usage: [],
    tally: null,
    proposed: null,
    summary: null,
  });
}

test('each isolation is said once, each engine that stepped in with its role', () => {
  const isolation = 'none, because turned off';
  const text = details(
    { isolation, engine: null },
    { isolation, engine: 'codex is `old`\nreally' },
  );
  expect(text.match(/^- isolation: .*$/gm)).toEqual(['- isolation: `none, because turned off`']);
  expect(text).toContain("- Builder: `codex is 'old' really`\n");
});

test('a job that never came so far says nothing of it', () => {
  expect(details(undefined)).not.toContain('isolation');
});
