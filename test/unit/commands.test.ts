import { describe, expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import {
  commandOfLabel,
  COMMANDS,
  isCommandName,
  nearestCommand,
  parseCommands,
} from '../../bot/domain/commands.ts';
import { cpuMs } from '../support/cpu-time.ts';

const FENCE = '```';

/** `line:name(args)` of every command, `line:!` for a look-alike. */
function found(body: string): string {
  return parseCommands(body)
    .map(({ line, name, args, confusable }) => `${line}:${confusable ? '!' : `${name}(${args})`}`)
    .join(' ');
}

describe('a command', () => {
  test.each([
    ['alone', '/autodev implement', '1:implement()'],
    ['with arguments', '/autodev ask why is it slow?', '1:ask(why is it slow?)'],
    ['whatever the case', '/AutoDev FIX it', '1:fix(it)'],
    ['after text in the paragraph', 'Thanks!\n/autodev retry', '2:retry()'],
    ['before text', '/autodev fix the parser\nplease', '1:fix(the parser)'],
    ['with CRLF and blanks', 'hi\r\n\r\n  /autodev\tstatus \t\r\nbye', '3:status()'],
    ['with a lone CR', 'hi\r/autodev help', '2:help()'],
    ['without a word', '/autodev', '1:()'],
    ['unknown', '/autodev reveiw this', '1:reveiw(this)'],
    ['with arguments in any script', '/autodev ask почему 🙂', '1:ask(почему 🙂)'],
    [
      'more than one',
      '/autodev fix\n/autodev cancel\n\n/autodev help',
      '1:fix() 2:cancel() 4:help()',
    ],
    ['after a closed fence', `${FENCE}\ncode\n${FENCE}\n/autodev fix`, '4:fix()'],
    ['after a quote and a blank line', '> /autodev cancel\n\n/autodev fix', '3:fix()'],
    ['after a list and a blank line', '- one\n- two\n\n/autodev fix', '4:fix()'],
    ['after a heading', '# Title\n/autodev fix', '2:fix()'],
    ['after a closed comment', '<!-- note -->\n/autodev fix', '2:fix()'],
    ['after closed details', '<details>\n\nlog\n\n</details>\n\n/autodev fix', '7:fix()'],
    ['after a fence in a list item', '1. ```\n   a\n   ```\n\n/autodev fix', '5:fix()'],
    ['after an unmatched backtick', 'a ` b\n/autodev fix', '2:fix()'],
    ['after a code span that names a tag', 'use `<details>`\n/autodev fix', '2:fix()'],
    ['above a signature', '/autodev fix\n---\nSam', '1:fix()'],
  ])('%s', (_, body, expected) => {
    expect(found(body)).toBe(expected);
  });
});

describe('no command', () => {
  test.each([
    ['in the middle of a line', 'try /autodev fix'],
    ['another word', '/autodevx fix'],
    ['a path', '/autodev/fix'],
    ['another slash command', '/label ~autodev'],
    ['a fence', `${FENCE}\n/autodev fix\n${FENCE}`],
    ['a tilde fence', '~~~ sh\n/autodev fix\n~~~'],
    ['a long fence around a short one', '````\n```\n/autodev fix\n```\n/autodev fix\n````'],
    ['a fence closed by the other kind only', '```\n~~~\n/autodev fix'],
    ['a closing fence with text behind it', '```\n``` no\n/autodev fix\n```'],
    ['an open fence', '```\n\n/autodev fix'],
    ['an indented fence', '   ```\n/autodev fix\n   ```'],
    ['indented code', '    /autodev fix'],
    ['code indented by a tab', '\t/autodev fix'],
    ['a quote', '> /autodev fix'],
    ['a nested quote', '> > /autodev fix'],
    ['a line glued to a quote', '> quoted\n/autodev fix'],
    ['two lines glued to a quote', '> quoted\nmore\n/autodev fix'],
    ['a quote under a line of odd blanks', '> quoted\n\u00a0\n/autodev fix'],
    ['GitLab’s multi-line quote', '>>>\nquoted\n\n/autodev fix\n>>>'],
    ['a list item', '- /autodev fix'],
    ['a numbered item', '1. /autodev fix'],
    ['a line glued to an item', '- item\n/autodev fix'],
    ['the second paragraph of an item', '- item\n\n  /autodev fix'],
    ['a heading', '# /autodev fix'],
    ['a code span over lines', 'see `a\n/autodev fix\nb`'],
    ['a code span of two backticks', '``a ` b\n/autodev fix ``'],
    ['a comment', '<!--\n/autodev fix\n-->'],
    ['a comment over blank lines', '<!-- a\n\n/autodev fix\n\n-->'],
    ['a comment in a paragraph', 'see <!--\n/autodev fix\n-->'],
    ['an open comment', '<!--\n/autodev fix'],
    ['details', '<details><summary>Log</summary>\n\n/autodev fix\n\n</details>'],
    ['details in capitals', '<DETAILS>\n\n/autodev fix\n\n</DETAILS>'],
    ['details within details', '<details>\n<details>\n</details>\n\n/autodev fix\n\n</details>'],
    ['details opened in a paragraph', 'log: <details>\n/autodev fix\n\n/autodev fix\n\n</details>'],
    ['an HTML block', '<div>\n/autodev fix\n</div>'],
    ['preformatted text', '<pre>\n\n/autodev fix\n</pre>'],
    ['an attribute', '<a title="\n/autodev fix\n">x</a>'],
    ['a table row', '| a | b |\n|---|---|\n/autodev fix'],
    ['nothing', ''],
  ])('%s', (_, body) => {
    expect(parseCommands(body)).toEqual([]);
  });
});

describe('a look-alike is flagged and carries no command', () => {
  test.each([
    ['Cyrillic а in the word', '/\u0430utodev implement'],
    ['Cyrillic і in the command', '/autodev \u0456mplement'],
    ['Greek ο', '/aut\u03bfdev fix'],
    ['full-width slash', '\uff0fautodev fix'],
    ['full-width letters', '/\uff41\uff55\uff54\uff4f\uff44\uff45\uff56 fix'],
    ['division slash', '\u2215autodev fix'],
    ['mathematical letters', '/\u{1d41a}utodev fix'],
    ['zero-width space inside', '/auto\u200bdev fix'],
    ['zero-width space before', '\u200b/autodev fix'],
    ['byte order mark before', '\ufeff/autodev fix'],
    ['soft hyphen', '/auto\u00addev fix'],
    ['combining mark', '/a\u0301utodev fix'],
    ['no-break space behind', '/autodev\u00a0fix'],
    ['no-break space before the command', '/autodev \u00a0fix'],
    ['right-to-left override', '/autodev \u202exif'],
    ['another script', '/autodev помоги'],
    ['a control character', '/autodev fi\u0007x'],
  ])('%s', (_, body) => {
    expect(parseCommands(body)).toEqual([
      { name: '', args: '', line: 1, raw: body, confusable: true },
    ]);
  });

  test('but other text outside ASCII is just text', () => {
    expect(parseCommands('été\n/étape\n«/autodev fix»\n/автор фикс')).toEqual([]);
  });
});

test('limits: 20 commands, 2,000 characters of arguments, 100,000 of body', () => {
  expect(parseCommands('/autodev fix\n'.repeat(100))).toHaveLength(20);
  const [long] = parseCommands(`/autodev ask ${'x'.repeat(5000)}`);
  expect(long?.args).toHaveLength(2000);
  expect(long?.raw).toHaveLength(2000);
  expect(parseCommands(`${'x\n'.repeat(50_000)}/autodev fix`)).toEqual([]);
});

const ADVERSARIAL = [
  '`',
  '``a`',
  '`\n',
  '<',
  '<a',
  '<a b\n',
  '<!--',
  '<!-- \n',
  '<?',
  '<details>\n',
  '<details>\n\n',
  '> \n',
  '- \n',
  '1. ',
  '* ',
  '_ ',
  '-',
  '|-\n',
  '>>>\n',
  '~~~\n',
  '\\`',
  '\t',
  ' ',
  '\r',
  '[',
  '/autodev ',
  '/autodev x\n',
  '\uff0f\n',
  '/é\n',
  '/auto\u0434ev\n',
  '/\u0430utodev\n',
  '/a\u0301\u0301\u0301\u0301dev\n',
  'é/\n',
  `${' '.repeat(99)}\n`,
  `${'-'.repeat(50)}x\n`,
];

/** A tenth of a second of the processor, some 20 ms on a machine that does nothing else. */
const MOST_CPU_MS = 100;

test('100 kB of anything takes less than 100 ms', () => {
  const ramp = Array.from({ length: 440 }, (_, index) => '`'.repeat(index + 1)).join(' ');
  const bodies = ADVERSARIAL.flatMap((part) => {
    const body = part.repeat(Math.ceil(100_000 / part.length));
    return [body, `/ ${body}`, `${body}\n/autodev fix`];
  });
  // The first calls are slower and memory is tidied up now and then: one good time of twenty is enough.
  const slow = [...bodies, `/${ramp}`].filter((body) => {
    for (let tries = 0; tries < 20; tries += 1) {
      if (cpuMs(() => parseCommands(body)) < MOST_CPU_MS) return false;
    }
    return true;
  });
  expect(slow.map((body) => body.slice(0, 20))).toEqual([]);
});

test('properties: never throws, names are ASCII, and a quoted or fenced text holds no command', () => {
  const part = fc.constantFrom(
    '/autodev fix',
    '/autodev',
    '\n',
    '\n\n',
    '`',
    '```',
    '~~~',
    '> ',
    '- ',
    '    ',
    '<!--',
    '-->',
    '<details>',
    '</details>',
    '>>>',
    '\\',
    'text',
    '\r\n',
    '\u200b',
    'а',
    '|',
    '---',
    '\t',
  );
  const body = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.array(part, { maxLength: 40 }).map((parts) => parts.join('')),
  );
  fc.assert(
    fc.property(body, (text) => {
      for (const command of parseCommands(text)) {
        expect(command.name).toMatch(/^[\x21-\x7e]{0,40}$/);
        expect(command.confusable && command.name !== '').toBe(false);
        // What is reported stands in the text, on the line that is named.
        const line = text.split(/\r\n|\n|\r/)[command.line - 1] ?? '';
        expect(line).toContain(command.raw);
      }
      const quoted = text.replaceAll(/^/gm, '> ').replaceAll('\r', '');
      expect(parseCommands(quoted)).toEqual([]);
      expect(parseCommands(`${'`'.repeat(200)}\n${text}`)).toEqual([]);
    }),
    { numRuns: 500 },
  );
});

test.each([
  ['reveiw', 'review'],
  ['implment', 'implement'],
  ['imp', 'implement'],
  ['implementing', 'implement'],
  ['HLEP', 'help'],
  ['aks', 'ask'],
  ['cancle', 'cancel'],
  ['statsu', 'status'],
  ['fxi', 'fix'],
  ['go', null],
  ['x', null],
  ['juggle', null],
  ['depoly', 'deploy'],
  ['', null],
  ['y'.repeat(100_000), null],
])('the nearest command to %.20s is %s', (word, expected) => {
  expect(nearestCommand(word, COMMANDS)).toBe(expected);
});

test.each([
  ['autodev', 'implement'],
  ['autodev::implement', 'implement'],
  ['autodev::fix', 'fix'],
  ['autodev::speck', null],
  ['autodev::', null],
  ['autodev::__proto__', null],
  ['Autodev', null],
  ['bug', null],
])('the label %s stands for %s', (label, expected) => {
  expect(commandOfLabel(label)).toBe(expected);
});

test('isCommandName knows exactly the commands', () => {
  expect(COMMANDS.every(isCommandName)).toBe(true);
  expect(['', 'constructor', 'FIX'].some(isCommandName)).toBe(false);
});
