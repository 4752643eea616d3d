import { describe, expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import { neutralise, neutraliseTitle } from '../../../bot/worker/publish/neutralise.ts';
import { cpuMs } from '../../support/cpu-time.ts';

const OPTIONS = { allowedHost: 'gitlab.example.com' };
const inert = (text: string): string => neutralise(text, OPTIONS);

/** GitLab's extractor looks for known commands at the start of a line, whatever stands around it. */
const QUICK_ACTION = /^[\s>*+\-|\d.)]*\/[a-z]/im;

describe('quick actions', () => {
  const places: [string, string][] = [
    ['at the start', '/close'],
    ['on a later line', 'Done.\n/merge'],
    ['after CRLF', 'Done.\r\n/merge'],
    ['after a lone CR', 'Done.\r/approve'],
    ['after a line separator', 'Done.\u2028/approve'],
    ['after a paragraph separator', 'Done.\u2029/approve'],
    ['after NEL', 'Done.\u0085/approve'],
    ['after a vertical tab', 'Done.\u000B/approve'],
    ['after a form feed', 'Done.\f/approve'],
    ['indented', '   /label ~x'],
    ['by a tab', '\t/label ~x'],
    ['in a quote', '> /close'],
    ['in a nested quote', '>> > /close'],
    ['in a list', '- /close'],
    ['in a starred list', '* /close'],
    ['in a numbered list', '12. /close'],
    ['in a table', '| /close |'],
    ['in a fence', '```\n/close\n```'],
    ['after an open fence', '```\ncode\n\n/close'],
    ['behind an invisible character', '\u200B/close'],
    ['behind a soft hyphen', '\u00AD/close'],
    ['behind a byte order mark', '\uFEFF/close'],
    ['behind a tag character', '\u{E0041}/close'],
    ['after a comment', '<!-- x -->\n/close'],
    ['with upper case', '/CLOSE'],
    ['twice', '/close\n/close'],
  ];
  test.each(places)('%s', (_where, text) => {
    expect(inert(text)).not.toMatch(QUICK_ACTION);
  });

  test('no text at all makes one', () => {
    const pieces = fc.constantFrom(
      '/close',
      '/',
      'merge',
      '\n',
      '\r',
      '\u2028',
      '\u200B',
      '`',
      '```',
      '~~~',
      '> ',
      '- ',
      ' ',
      'a',
      '<!--',
      '-->',
      '\\',
    );
    fc.assert(
      fc.property(fc.array(pieces, { maxLength: 30 }), (parts) => {
        expect(inert(parts.join(''))).not.toMatch(QUICK_ACTION);
      }),
      { numRuns: 2_000 },
    );
  });
});

test.each([
  ['@all please look', '@all'],
  ['(@dana)', '@dana'],
  ['> @group/sub', '@group'],
  ['**@sam**', '@sam'],
])('mentions do not notify: %s', (text, mention) => {
  expect(inert(text)).not.toContain(mention);
});

test('an address keeps its @', () => {
  expect(inert('sam@example.com')).toBe('sam@example.com');
});

test.each([
  'Closes #12',
  'fixes: #12',
  'Resolved group/project#3',
  'implements !4',
  'Closes https://gitlab.example.com/a/b/-/issues/1',
])('closing words close nothing: %s', (text) => {
  expect(inert(text)).not.toMatch(/\b(clos|fix|resolv|implement)\w*:?\s+([\w./-]*[#!]\d|https?:)/i);
});

test.each([
  '![x](https://evil.example/?q=secret)',
  '![x][ref]\n\n[ref]: https://evil.example/a.png',
  '<img src="https://evil.example/a.png">',
  '<IMG SRC=//evil.example/a.png>',
  '[click](https://evil.example)',
  'https://evil.example/secret',
  'ftp://evil.example/secret',
  'HTTPS://EVIL.example/x',
  '`https://evil.example/in-code`',
])('nothing loads from or leads to another host: %s', (text) => {
  const out = inert(text);
  expect(out).not.toMatch(/[a-z]+:\/\/evil/i);
  expect(out).not.toMatch(/!\[/);
  expect(out).not.toMatch(/<img/i);
});

test('links to the forge stay links', () => {
  const link = 'https://gitlab.example.com/demo/wordfreq/-/issues/1';
  expect(inert(`See ${link}.`)).toBe(`See ${link}.`);
});

test.each(['mermaid', 'plantuml', 'math', 'suggestion:-0+1', 'kroki', ''])(
  'a fence of %s is plain text',
  (language) => {
    expect(inert(`\`\`\`${language}\na\n\`\`\``)).toBe('```\na\n```');
  },
);

test('an open fence is closed, so that what follows is not swallowed', () => {
  expect(inert('```js\nlet a;')).toBe('```js\nlet a;\n```');
});

test('code keeps its look', () => {
  expect(inert('Use `Array<string>` and `a @b`.')).toBe('Use `Array<string>` and `a @b`.');
});

test('is idempotent', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme', maxLength: 200 }), (text) => {
      const once = inert(text);
      expect(inert(once).replaceAll('\u200B', '')).toBe(once.replaceAll('\u200B', ''));
    }),
    { numRuns: 1_000 },
  );
});

test('100 kB of any pattern takes no time', () => {
  for (const piece of ['/', '@', '<', '`', '](', 'a://', '!', '> ', 'closes #', '\u200B']) {
    expect(cpuMs(() => inert(piece.repeat(100_000 / piece.length)))).toBeLessThan(1_000);
  }
});

test('a title is one short line that acts on nothing', () => {
  const title = neutraliseTitle('Closes #1\n/merge @all\u202E evil', 60);
  expect(title).toBe('Closes of #1 /merge @ all evil');
  expect(neutraliseTitle('x'.repeat(300), 72)).toHaveLength(72);
});
