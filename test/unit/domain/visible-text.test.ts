import { describe, expect, test } from '@jest/globals';
import { visibleLine, visibleText } from '../../../bot/domain/visible-text.ts';
import { showHidden, stripHidden } from '../../../schema/wire/hidden-characters.ts';
import { CORPUS } from './visible-corpus.ts';
import { cpuMs } from '../../support/cpu-time.ts';

test('the samples are many enough, and each says where nothing may be left', () => {
  expect(CORPUS.length).toBeGreaterThanOrEqual(45);
  expect(CORPUS.filter(([, source]) => source.includes('EVIL')).length).toBeGreaterThan(40);
});

describe('what a reader sees', () => {
  test.each(CORPUS)('%s', (_, source, shown, hidden) => {
    expect(visibleText(source)).toEqual({ text: shown, hidden });
    expect(shown).not.toContain('EVIL');
    expect(visibleText(shown).text).toBe(shown);
  });

  test('a title is one line', () => {
    expect(visibleLine('Add\u2028 <!-- x -->\tflags\n')).toEqual({ text: 'Add flags', hidden: 1 });
  });
});

/** Unicode's own properties are the measure; the sets of the program are spelled another way. */
const UNSEEN =
  /[\p{Default_Ignorable_Code_Point}\p{Cf}\p{Cn}\p{Co}\p{Cs}\p{Cc}\u2028\u2029\u2800]/u;

test('of all code points none survives that nobody sees', () => {
  const every = new RegExp(`(?![\\n\\t\\u{1d159}])${UNSEEN.source}`, 'gu');
  for (let first = 0; first <= 0x10ffff; first += 0x1000) {
    const codes = Array.from({ length: 0x1000 }, (_, index) => first + index);
    // Between letters no character is part of an emoji that the one before began.
    const text = codes.map((code) => String.fromCodePoint(code)).join('ab');
    // A blank glyph that passes for a letter counts as unseen as well.
    const expected = text.replaceAll(every, '').replace('\u{1d159}', '');
    const got = stripHidden(text).text;
    if (got !== expected) expect({ first, got }).toEqual({ first, got: expected });
  }
});

test('the characters of known attacks do not reach an agent, as they are or as entities', () => {
  const probes = [0xe0041, 0x200b, 0x200c, 0x200d, 0x200e, 0x200f, 0x061c, 0x202e, 0x2066, 0x2069];
  probes.push(0xfeff, 0x00ad, 0x034f, 0x115f, 0x3164, 0xffa0, 0xfe0f, 0xe0100, 0x2028, 0x2800);
  for (const code of probes) {
    const char = String.fromCodePoint(code);
    for (const spelled of [char, `&#${code};`, `&#x${code.toString(16)};`]) {
      expect(visibleText(`a${spelled}b`).text.replace('\n', '')).toMatch(/^a.?b$/);
      expect(visibleText(`a${spelled}b`).text).not.toMatch(UNSEEN_BUT_LINES);
    }
    // Without the look at characters each of them would still be there.
    expect(UNSEEN.test(`a${char}b`)).toBe(true);
  }
});
const UNSEEN_BUT_LINES = /(?!\n)[\p{Default_Ignorable_Code_Point}\p{C}\u2028\u2029\u2800]/u;

test('code shows what is hidden in it', () => {
  expect(showHidden('if (a\u202e \u2066// ok\u2069) {\r\n')).toBe(
    'if (a‹U+202E› ‹U+2066›// ok‹U+2069›) {\r\n',
  );
  expect(showHidden('plain 👩‍👧 text')).toBe('plain 👩‍👧 text');
  expect(showHidden('\u{e0041}')).toBe('‹U+E0041›');
});

const PIECES =
  `\` | \`\`\` | ~~~ |\n|\n\n|\n> |\n- |\n    |# |<!-- | -->|<div>|</div>|<div |<b>|<a title="|">|"|'|<pre>|</pre>|[|](|] |](/u "|)|[x]: |[x]|
[^1]: |[^1]|$|---|===|\\|&lt;|!--|&#x200b;|text |word|<?|?>|<![CDATA[|]]>|http://a.b/|<http://a.b/|- |\t|![|\u200b|\u200d|❤️|👩‍👧|\u{e0041}|\ufe0f|<p hidden>|\r\n|\u2028`.split(
    '|',
  );

test('looking twice changes nothing, whatever the text (1,000 seeded texts)', () => {
  let seed = 20_261_126;
  const next = (below: number): number => {
    seed = (seed * 1_664_525 + 1_013_904_223) % 4_294_967_296;
    return Math.floor((seed / 4_294_967_296) * below);
  };
  for (let run = 0; run < 1_000; run += 1) {
    const source = Array.from({ length: 3 + next(20) }, () => PIECES[next(PIECES.length)]).join('');
    const once = visibleText(source).text;
    expect({ source, again: visibleText(once).text }).toEqual({ source, again: once });
    expect(once).not.toMatch(/\u200b|\u{e0041}/u);
  }
});

test.each([
  ...[
    '<!--',
    '<!-- -->',
    '`',
    '``` ',
    '](',
    '](<',
    '](a "b',
    '[',
    '[[',
    '[a]: ',
    '[^a]: x\n',
    '<a ',
  ],
  ...[
    '<a b="',
    '<div hidden>',
    '<div a="',
    '&lt;!--',
    '> ',
    '- ',
    '\\',
    'a`b`',
    '![',
    '[a][b]',
    '<!',
  ],
  ...[
    '\n```x\n',
    '    ```\n',
    'a\u200b',
    '🏳️‍🌈',
    '<a\n',
    '[a\n',
    '$`',
    '<p>\n',
    '| a |\n|-|\n',
    '<?',
    '(',
  ],
])('%j over and over takes time in proportion', (piece) => {
  const time = (chars: number): number => {
    const text = piece.repeat(Math.ceil(chars / piece.length));
    return cpuMs(() => visibleText(text));
  };
  time(2_000);
  const few = time(5_000);
  // Sixteen times as much text: a quadratic scan would take 256 times as long.
  expect(time(80_000)).toBeLessThan(Math.max(few, 5) * 100);
});
