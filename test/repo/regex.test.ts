/** No regular expression that text from people can slow down (a linear scan, or a reason). */
import { expect, test } from '@jest/globals';
import { lineAt, read, sources } from './support/sources.ts';
import { superLinear } from './support/regex.ts';
import { nodesOf } from './support/syntax.ts';

/** `file pattern` of expressions that are flagged and safe all the same, each with the reason. */
const SAFE: Readonly<Record<string, string>> = {};

test('expressions of the product are linear', () => {
  const found: string[] = [];
  for (const file of sources.filter((one) => /^(bot|jobs|schema)\//.test(one))) {
    const text = read(file);
    for (const node of nodesOf(text).filter(({ type }) => type === 'RegExpLiteral')) {
      const faults = superLinear(String(node.pattern), String(node.flags));
      if (faults.length === 0 || `${file} ${String(node.pattern)}` in SAFE) continue;
      found.push(
        `${file}:${lineAt(text, node.start)} /${String(node.pattern)}/ ${faults.join(', ')}`,
      );
    }
  }
  expect(found).toEqual([]);
});

test.each([
  ['(a+)+', '', ['nested']],
  ['^(?:\\w+\\s?)*$', '', ['nested']],
  ['^(?:[a-z]+-)*[a-z]+$', '', []],
  ['\\s+$', '', ['unanchored']],
  ['\\s+$', 'y', []],
  ['^\\s+', '', []],
  ['^\\s*\\n?\\s*x', '', ['neighbours']],
  ['^.*foo.*bar', '', ['neighbours']],
  ['^[a-z]+ [0-9]+$', '', []],
  ['^[a-z]+$', '', []],
  ['[a-z]+', 'g', []],
  ['`[^`]*`', 'g', []],
  ['^[^:]*:[^:]*$', '', []],
  ['(?<![a-z])[a-z]+x', '', []],
  ['a{1,3}b', '', []],
  ['^---\\n([\\s\\S]*?)\\n---\\n([\\s\\S]*)$', '', []],
  ['^`+\\s*([^`]*)', '', []],
])('/%s/%s is judged %j', (source, flags, faults) => {
  expect(superLinear(source, flags)).toEqual(faults);
});
