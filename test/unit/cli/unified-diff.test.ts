/** The diff is what git prints, and git can apply it. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import { unifiedDiff } from '../../../bot/domain/unified-diff.ts';

const numbers = (from: number, to: number): string =>
  Array.from({ length: to - from + 1 }, (_, index) => `${from + index}\n`).join('');

test('an added line with its context', () => {
  expect(unifiedDiff('f', numbers(1, 9), `${numbers(1, 5)}new\n${numbers(6, 9)}`)).toBe(
    ['--- a/f', '+++ b/f', '@@ -3,6 +3,7 @@', ' 3', ' 4', ' 5', '+new', ' 6', ' 7', ' 8'].join(
      '\n',
    ),
  );
});

test('a new file, equal texts, and far apart changes', () => {
  expect(unifiedDiff('f', null, 'a\n')).toBe('--- /dev/null\n+++ b/f\n@@ -0,0 +1,1 @@\n+a');
  expect(unifiedDiff('f', 'a\n', 'a\n')).toBe('');
  const two = unifiedDiff('f', numbers(1, 30), `x\n${numbers(2, 29)}y\n`);
  expect(two.match(/^@@/gm)).toHaveLength(2);
});

test('git turns the old text into the new one with it', () => {
  const folder = mkdtempSync(join(tmpdir(), 'autodev-diff-'));
  try {
    const line = fc.constantFrom('a', 'b', 'c', '', '  d');
    const text = fc
      .array(line, { minLength: 1, maxLength: 25 })
      .chain((lines) => fc.boolean().map((ends) => lines.join('\n') + (ends ? '\n' : '')));
    fc.assert(
      fc.property(text, text, (before, after) => {
        fc.pre(before !== after && before !== '' && after !== '');
        writeFileSync(join(folder, 'f'), before);
        const patch = `${unifiedDiff('f', before, after)}\n`;
        const args = ['apply', '--unidiff-zero', '--whitespace=nowarn', '-'];
        execFileSync('git', args, { cwd: folder, input: patch });
        expect(readFileSync(join(folder, 'f'), 'utf8')).toBe(after);
      }),
      { numRuns: 60 },
    );
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
