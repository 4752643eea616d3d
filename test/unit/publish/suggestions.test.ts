/**
 * What the bot writes as a suggestion is what GitLab puts into the file: the note's text through the
 * sandbox's reading of it, over random files and over code that has to parse afterwards.
 */
import { describe, expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import { parseSync } from '@swc/core';
import { linesOf, suggestionFor } from '../../../bot/domain/suggestion.ts';
import { findingText } from '../../../bot/worker/publish/finding-text.ts';
import {
  contentFor,
  rangeOf,
  replaceLines,
  suggestionBlocks,
} from '../../../sandbox/gitlab/services/suggestion-blocks.ts';
import { known } from '../decide/builders.ts';

interface Case {
  file: string;
  line: number;
  endLine: number;
  text: string;
  anchor: number;
}

/** The file after the suggestion in the note's text was applied; null when there is none. */
function applied({ file, line, endLine, text, anchor }: Case): string | null {
  const finding = known({ line, endLine, suggestion: text, path: 'src/a.ts' });
  const note = findingText(finding, { on: 'line', line: anchor }, file, 'gitlab.example.com');
  const [block, ...more] = suggestionBlocks(note);
  expect(more).toEqual([]);
  if (block === undefined) return null;
  const { from, to } = rangeOf(block, anchor);
  const before = linesOf(file)
    .slice(from - 1, to)
    .join('');
  return replaceLines(file, [{ from, to, content: contentFor(block.text, before) }]);
}

/** What the finding means: its lines replaced by the text, which ends as the last of them did. */
function intended({ file, line, endLine, text }: Case): string {
  const lines = linesOf(file);
  const end = /\r?\n$/.exec(lines[endLine - 1] ?? '')?.[0] ?? '';
  const plain = text.replace(/\r?\n$/, '');
  const put = text === '' ? '' : `${plain}${end}`;
  return [...lines.slice(0, line - 1), put, ...lines.slice(endLine)].join('');
}

const line = fc.oneof(
  { weight: 6, arbitrary: fc.string({ maxLength: 12 }) },
  { weight: 6, arbitrary: fc.string({ unit: 'grapheme', maxLength: 6 }) },
  fc.constantFrom(
    '```',
    '````js',
    '~~~',
    '/merge',
    '  /close',
    '\tif (x) {',
    '',
    '  ',
    '<!-- x -->',
  ),
  fc.constantFrom(
    '```suggestion:-0+0',
    '> quoted',
    '    four',
    '\u0000',
    '\uFEFF',
    'a\rb',
    '- `x`',
  ),
);
const cases: fc.Arbitrary<Case> = fc
  .record({
    lines: fc.array(line, { minLength: 1, maxLength: 12 }),
    end: fc.constantFrom('\n', '\n', '\n', '\r\n'),
    finalEnd: fc.boolean(),
    text: fc.array(line, { maxLength: 5 }),
    textEnd: fc.boolean(),
    at: fc.nat(),
    length: fc.nat({ max: 4 }),
    on: fc.nat(),
  })
  .map(({ lines, end, finalEnd, text, textEnd, at, length, on }) => {
    const file = lines.join(end) + (finalEnd ? end : '');
    const first = (at % lines.length) + 1;
    const last = Math.min(lines.length, first + length);
    return {
      file,
      line: first,
      endLine: last,
      anchor: first + (on % (last - first + 1)),
      text: text.join('\n') + (textEnd ? '\n' : ''),
    };
  });

test('a suggestion that is offered gives exactly the intended file', () => {
  let offered = 0;
  fc.assert(
    fc.property(cases, (one) => {
      const file = applied(one);
      if (file === null) return;
      offered += 1;
      expect(file).toBe(intended(one));
      expect(file).not.toBe(one.file);
    }),
    { numRuns: 3_000 },
  );
  expect(offered).toBeGreaterThan(500);
});

test('without the checks the same suggestions do damage', () => {
  const broken = fc.sample(cases, { numRuns: 3_000, seed: 7 }).filter((one) => {
    const { from, to } = { from: one.line, to: one.endLine };
    const note = `\`\`\`suggestion:-${one.anchor - from}+${to - one.anchor}\n${one.text}\n\`\`\``;
    const [block] = suggestionBlocks(note);
    const before = linesOf(one.file)
      .slice(from - 1, to)
      .join('');
    const content = contentFor(block?.text ?? '', before);
    return replaceLines(one.file, [{ from, to, content }]) !== intended(one);
  });
  expect(broken.length).toBeGreaterThan(200);
});

const CODE = [
  'export function count(words: string[]): Map<string, number> {',
  '\tconst counts = new Map<string, number>();',
  '\tfor (let at = 0; at <= words.length; at += 1) {',
  '\t\tconst word = words[at];',
  '\t\tcounts.set(word, counts.get(word) + 1);',
  '\t}',
  '\treturn counts;',
  '}',
  '',
].join('\n');

test.each([
  ['one line', 3, 3, '\tfor (let at = 0; at < words.length; at += 1) {'],
  [
    'one line by several, with a comment that holds fences',
    4,
    4,
    '\t\t/*\n```js\nnone\n```\n*/\n\t\tconst word = words[at] ?? `none`;',
  ],
  [
    'several by one',
    3,
    6,
    '\tfor (const word of words) counts.set(word, (counts.get(word) ?? 0) + 1);\n',
  ],
  ['several taken away', 4, 5, ''],
])('code parses after %s was applied', (_what, first, last, text) => {
  const one = { file: CODE, line: first, endLine: last, text, anchor: last };
  const after = applied(one);
  expect(after).toBe(intended(one));
  expect(() => parseSync(after ?? 'function', { syntax: 'typescript' })).not.toThrow();
});

describe('what GitLab would get wrong is shown as plain code, with the reason', () => {
  const wanted = { path: 'a.js', line: 2, endLine: 2, text: 'x' };
  test.each([
    ['a line outside the diff', {}, null, 'a\nb\n', 'its thread does not stand on its lines'],
    ['no file', {}, 2, null, 'the file could not be read'],
    ['a short file', { endLine: 3 }, 2, 'a\nb\n', 'the file has fewer lines'],
    ['no change', { text: 'b\n' }, 2, 'a\nb\n', 'it changes nothing'],
    ['no change at the end', { text: 'b' }, 2, 'a\nb', 'it changes nothing'],
    ['Windows ends', { text: 'x\ny' }, 2, 'a\r\nb\r\n', 'the file ends its lines the Windows way'],
    ['carriage returns', { text: 'x\r\ny' }, 2, 'a\nb\n', 'it holds carriage returns'],
    ['a stray return', {}, 2, 'a\nb\rc\n', 'the lines hold carriage returns of their own'],
    ['blanks alone', { text: '  ' }, 2, 'a\nb\n', 'it is blank'],
    ['a blank line', { text: '\n' }, 2, 'a\nb\n', 'it is a blank line'],
    ['a blank last line', { text: 'x\n\n' }, 2, 'a\nb\n', 'it begins or ends with a blank line'],
    ['a notebook', { path: 'a.ipynb' }, 2, 'a\nb\n', 'notebooks take none'],
    ['too many lines', { endLine: 150 }, 2, 'a\n'.repeat(200), 'it spans more than 100 lines'],
    [
      'control characters',
      { text: 'a\u0000' },
      2,
      'a\nb\n',
      'it holds characters that Markdown changes',
    ],
    [
      'a fence around a quick action',
      { text: '```\n```\n/merge' },
      2,
      'a\nb\n',
      'it holds both code fences and lines that begin with a slash',
    ],
  ] as const)('%s', (_what, patch, anchor, file, why) => {
    expect(suggestionFor({ ...wanted, ...patch }, anchor, file)).toMatchObject({
      kind: 'plain',
      why,
    });
  });

  test('and nothing in it acts', () => {
    const finding = known({ line: 2, suggestion: '```\n```\n/merge\n```suggestion:-0+0\nx' });
    const text = findingText(finding, { on: 'change' }, 'a\nb\n', 'gitlab.example.com');
    expect(text).toContain('It cannot be applied: its thread does not stand on its lines.');
    expect(text).toContain('At `src/cli.js:2`.');
    expect(text).not.toMatch(/^\s*\/merge/m);
    expect(suggestionBlocks(text)).toEqual([]);
  });

  test('one line of a file with Windows ends is applied', () => {
    const one = { file: 'a\r\nb\r\nc\r\n', line: 2, endLine: 2, text: 'x', anchor: 2 };
    expect(applied(one)).toBe('a\r\nx\r\nc\r\n');
  });
});
