/** The include of the CI template in the forms of `.gitlab-ci.yml` that repositories have. */
import { describe, expect, test } from '@jest/globals';
import { parseAllDocuments } from 'yaml';
import { editInclude, includeSnippet } from '../../../bot/cli/connect/include-edit.ts';
import { unifiedDiff } from '../../../bot/domain/unified-diff.ts';

const SOURCE = { remote: 'https://bot.example.com/ci-templates/autodev.yml' };
const INPUTS = { server: 'https://bot.example.com', bot_user_id: '42' };
const OURS = { ...SOURCE, inputs: INPUTS };

function edit(text: string | null): { text: string; diff: string } {
  const result = editInclude(text, SOURCE, INPUTS);
  if (!('text' in result)) throw new Error(`not edited: ${JSON.stringify(result)}`);
  return { text: result.text, diff: unifiedDiff('.gitlab-ci.yml', text, result.text) };
}

function includeOf(text: string): unknown {
  const doc = parseAllDocuments(text) as { toJS(): { include: unknown } }[];
  return doc.at(-1)?.toJS().include;
}

/** Lines of a diff that were taken away. */
function removed(diff: string): string[] {
  return diff.split('\n').filter((line) => /^-(?!--)/.test(line));
}

const ADDED = [
  '+include:',
  '+  - remote: https://bot.example.com/ci-templates/autodev.yml',
  '+    inputs:',
  '+      server: https://bot.example.com',
  "+      bot_user_id: '42'",
];

describe('files without an include keep every byte', () => {
  test.each<[what: string, text: string, before: RegExp]>([
    ['a job first', 'test:\n  script: [npm test]\n', /^include:/],
    ['a header comment', '# All of it.\n\nimage: node:24\n', /^# All of it.\n\ninclude:/],
    [
      'a comment of the first key',
      '# header\n\n# the image\nimage: node:24\n',
      /^# header\n\ninclude:[^#]*\n\n# the image\nimage/,
    ],
    ['a document start', '---\nimage: node:24\n', /^---\ninclude:/],
    [
      'odd spacing, comments, anchors and references',
      '.x: &x   {a: 1}   # why\n\n\n\ntest:\n    <<:    *x\n    script:\n    - !reference [.y, script]\n    -   "a: b"\n',
      /^include:/,
    ],
    [
      'a header with inputs',
      'spec:\n  inputs:\n    a:\n---\ntest:\n  script: [a]\n',
      /---\ninclude:/,
    ],
    ['no line break at the end', 'test: {script: [a]}', /^include:[^]*test: \{script: \[a\]\}$/],
  ])('%s', (_, text, shape) => {
    const { text: after, diff } = edit(text);
    expect(removed(diff)).toEqual([]);
    expect(after).toMatch(shape);
    expect(includeOf(after)).toEqual([OURS]);
    expect(editInclude(after, SOURCE, INPUTS)).toMatchObject({ kind: 'present' });
  });

  test('Windows line ends stay', () => {
    const { text } = edit('image: node:24\r\ntest:\r\n  script: [a]\r\n');
    expect(text.replaceAll('\r\n', '')).not.toContain('\n');
    expect(includeOf(text)).toEqual([OURS]);
  });

  test.each([[null], [''], ['\n\n']])('no file, or an empty one: %j', (text) => {
    const { text: after } = edit(text);
    expect(after.split('\n').map((line) => `+${line}`)).toEqual([...ADDED, '+']);
  });
});

describe('an include that is there gets one more item', () => {
  test.each<[what: string, include: string, list: unknown[], removedLines: number]>([
    ['a list', 'include:\n  - local: a.yml # why\n', [{ local: 'a.yml' }], 0],
    [
      'a list at the margin',
      'include:\n- local: a.yml\n- b.yml\n',
      [{ local: 'a.yml' }, 'b.yml'],
      0,
    ],
    [
      'a list with rules, comments and empty lines behind',
      'include:\n  # ours\n  - local: a.yml\n    rules:\n      - if: $CI\n\n  # last\n\n',
      [{ local: 'a.yml', rules: [{ if: '$CI' }] }],
      0,
    ],
    [
      'a list with a block of text',
      'include:\n  - project: a/b\n    file: |-\n      /x.yml\n',
      [{ project: 'a/b', file: '/x.yml' }],
      0,
    ],
    [
      'a list of words',
      "include: ['/a.yml', {local: b.yml}] # both\n",
      ['/a.yml', { local: 'b.yml' }],
      1,
    ],
    ['an empty list', 'include: []\n', [], 1],
    ['nothing', 'include:\n', [], 0],
    ['a string', 'include: a.yml\n', ['a.yml'], 1],
    ['a string with a comment', "include:   '/a.yml'   # main\n", ['/a.yml'], 1],
    [
      'a map',
      'include:\n  project: a/b\n  ref: v1 # pinned\n  file:\n    - x.yml\n',
      [{ project: 'a/b', ref: 'v1', file: ['x.yml'] }],
      4,
    ],
    ['a map of one line', 'include: {local: a.yml}\n', [{ local: 'a.yml' }], 1],
  ])('%s', (_, include, list, removedLines) => {
    const before = `image: node:24   # keep\n\n${include}\ntest:\n   script:   [a]\n`;
    const { text, diff } = edit(before);
    expect(includeOf(text)).toEqual([...list, OURS]);
    expect(removed(diff)).toHaveLength(removedLines);
    expect(text).toMatch(/^image: node:24 {3}# keep\n/);
    expect(text).toMatch(/\ntest:\n {3}script: {3}\[a\]\n$/);
    for (const comment of include.match(/# \w+/g) ?? []) expect(text).toContain(comment);
    expect(editInclude(text, SOURCE, INPUTS)).toMatchObject({ kind: 'present' });
  });

  test('as the last thing of a file without a line break', () => {
    expect(includeOf(edit('include:\n  - local: a.yml').text)).toEqual([{ local: 'a.yml' }, OURS]);
    expect(includeOf(edit('include: a.yml').text)).toEqual(['a.yml', OURS]);
  });
});

describe('an include of the template is found, of whatever kind', () => {
  const inputs = `inputs: { server: 'https://bot.example.com', bot_user_id: '42', stage: build }`;
  test.each([
    `include:\n  - remote: https://elsewhere.example.com/x/autodev.yml\n    ${inputs}\n`,
    `include:\n  - local: a.yml\n  - local: /ci-templates/autodev.yml\n    ${inputs}\n`,
    `include:\n  project: platform/autodev\n  ref: v1\n  file: /ci-templates/autodev.yml\n  ${inputs}\n`,
    `include:\n  - project: platform/autodev\n    file: [/ci-templates/autodev.yml]\n    ${inputs}\n`,
  ])('%j', (text) => {
    expect(editInclude(text, SOURCE, INPUTS)).toMatchObject({ kind: 'present' });
  });

  test('a file with a like name is not it', () => {
    const text = 'include:\n  - local: .autodev.yml\n  - local: /ci/my-autodev.yml\n';
    expect(editInclude(text, SOURCE, INPUTS)).toMatchObject({ kind: 'added' });
  });

  test('wrong inputs are corrected in place, the rest stays', () => {
    const text = [
      'include:',
      '  - remote: https://old.example.com/ci-templates/autodev.yml # ours',
      '    inputs:',
      '      server: http://old.example.com   # moved',
      '      bot_user_id: 7',
      '      stage: build',
      '',
    ].join('\n');
    const result = editInclude(text, SOURCE, INPUTS);
    expect(result).toMatchObject({ kind: 'corrected' });
    expect('text' in result && result.text).toBe(
      text
        .replace('http://old.example.com  ', "'https://bot.example.com'  ")
        .replace('bot_user_id: 7', "bot_user_id: '42'"),
    );
  });

  test('a number that looks right is corrected, because the template takes a string', () => {
    const text = `include:\n  - local: autodev.yml\n    inputs: { server: '${INPUTS.server}', bot_user_id: 42 }\n`;
    expect(editInclude(text, SOURCE, INPUTS)).toMatchObject({ kind: 'corrected' });
  });
});

describe('what it does not understand is left to people', () => {
  test.each<[text: string, why: RegExp]>([
    ['test:\n  script: [a\n', /line 3 is not valid YAML/],
    ['a: 1\na: 2\n', /line 2 is not valid YAML/],
    ['- a\n- b\n', /not a mapping/],
    ['just text\n', /not a mapping/],
    ['{test: {script: a}}\n', /not a mapping/],
    ['a: 1\n---\nb: 1\n---\nc: 1\n', /more documents/],
    ['include: https://x.example.com/autodev.yml\n', /without a plain input server/],
    ['include: &i [a.yml]\nx: *nowhere\n', /form that this command does not edit/],
  ])('%j', (text, why) => {
    const result = editInclude(text, SOURCE, INPUTS);
    expect(result).toMatchObject({ kind: 'refused' });
    expect('why' in result && result.why).toMatch(why);
  });

  test('the snippet is what would have been written', () => {
    expect(
      includeSnippet(SOURCE, INPUTS)
        .split('\n')
        .map((line) => `+${line}`),
    ).toEqual(ADDED);
  });
});

test('other sources and inputs', () => {
  const source = { project: 'platform/autodev', ref: 'v1.0', file: '/ci-templates/autodev.yml' };
  const inputs = {
    ...INPUTS,
    server: 'http://127.0.0.1:8080',
    tags: ['a b', "it's"],
    stage: 'true',
  };
  const result = editInclude('image: x\n', source, inputs);
  expect('text' in result && includeOf(result.text)).toEqual([{ ...source, inputs }]);
});
