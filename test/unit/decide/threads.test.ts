/** Which threads of findings a newer look answers. */
import { describe, expect, test } from '@jest/globals';
import { fingerprintOf } from '../../../bot/decide/findings.ts';
import { goneThreads, holds, threadLine } from '../../../bot/decide/threads.ts';
import type { Run } from '../../../bot/domain/runs.ts';
import { codeChange, finding, looks, run } from './builders.ts';

const OLD = 'a'.repeat(40);
const NEW = 'b'.repeat(40);

const thread = (title: string, by: string, sha: string): { body: string } => ({
  body: `**high · bug** ${title}\n\n${threadLine({ fingerprint: fingerprintOf(finding({ title })), by }, sha)}\n`,
});

/** A look at people's change at the new head that raised these. */
function looking(raised: string[], tasks?: Run['tasks']): Run {
  const review = raised.map((title) => finding({ title }));
  return run(
    {
      target: { type: 'change', iid: 9 },
      changes: { spec: null, code: { ...codeChange, headSha: NEW } },
      stage: 'verify',
      tasks: tasks ?? looks(0, { review }),
    },
    'review-only',
  );
}

describe('a look at the change of people', () => {
  test('answers what it did not raise again', () => {
    const own = [thread('one', 'reviewer', OLD), thread('two', 'reviewer', OLD)];
    expect(goneThreads(looking(['two']), own)).toEqual([own[0]]);
  });

  test('answers nothing at the head it was raised at', () => {
    expect(goneThreads(looking([]), [thread('one', 'reviewer', NEW)])).toEqual([]);
  });

  test('answers nothing of a role that did not look', () => {
    const security = looks(0).filter(({ agent }) => agent === 'security');
    const own = [thread('one', 'reviewer', OLD), thread('two', 'security', OLD)];
    expect(goneThreads(looking([], security), own)).toEqual([own[1]]);
  });

  test('answers no thread whose marks stand anywhere but at its end', () => {
    const marks = threadLine({ fingerprint: 'x', by: 'reviewer' }, OLD);
    const own = [{ body: `${marks}\n\nand more words` }, { body: 'words only' }];
    expect(goneThreads(looking([]), own)).toEqual([]);
  });
});

test('a run of the bot’s own answers what an earlier round of it raised', () => {
  const rounds = [...looks(0, { review: [finding({ title: 'one' })] }), ...looks(1)];
  const own = [thread('one', 'reviewer', OLD), thread('by another run', 'reviewer', OLD)];
  expect(goneThreads(run({ tasks: rounds }, 'feature'), own)).toEqual([own[0]]);
});

test('a finding is recognised by its mark, not by its words', () => {
  const one = thread('one', 'reviewer', OLD);
  expect(holds(one, fingerprintOf(finding({ title: 'one' })))).toBe(true);
  expect(holds(one, fingerprintOf(finding({ title: 'on' })))).toBe(false);
});
