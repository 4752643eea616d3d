/** E6: no configuration of a repository holds up the bot, whatever stands in it. */
import { parseRepoConfig } from '../../bot/config/repo-config.ts';
import { cpuMs } from '../../test/support/cpu-time.ts';
import { broken, held, type Played, type Proof } from '../proof.ts';
import type { Random } from '../random.ts';

/** Processor time that one file may take. */
const MOST_MS = 50;
const KB = 64 * 1024;

const laughs = (): string =>
  [
    'a: &a [x,x,x,x,x,x,x,x,x]',
    ...'bcdefghi'.split('').map((name, at) => {
      const before = 'abcdefgh'[at] ?? 'a';
      return `${name}: &${name} [${Array(9).fill(`*${before}`).join()}]`;
    }),
  ].join('\n');

const BOMBS: readonly [string, () => string][] = [
  ['a billion laughs', laughs],
  ['an anchor and its alias', () => 'review: &a {}\nverify: *a\n'],
  ['merge keys', () => `a: &a {x: 1}\n${'b: {<<: *a}\n'.repeat(3_000)}`],
  [
    'a hundred thousand anchors',
    () => Array.from({ length: 100_000 }, (_, at) => `- &a${at} x`).join('\n'),
  ],
  ['deep lists', () => '['.repeat(KB - 1)],
  ['deep maps', () => '{a: '.repeat(KB / 5)],
  ['deep block lists', () => '- '.repeat(KB / 2 - 1)],
  ['many keys', () => Array.from({ length: 9_000 }, (_, at) => `k${at}: 1`).join('\n')],
  ['the same key', () => 'enabled: true\n'.repeat(4_000)],
  ['keys that are lists', () => '? [a, b]\n: 1\n'.repeat(4_000)],
  ['tags', () => '- !!js/function "x"\n'.repeat(3_000)],
  ['many documents', () => '---\n'.repeat(15_000)],
  ['quotes', () => '"'.repeat(KB - 1)],
  ['a long line', () => `enabled: ${'x'.repeat(KB - 20)}`],
  ['comments', () => '#\n'.repeat(KB / 2 - 1)],
  ['colons', () => ': '.repeat(KB / 2 - 1)],
  ['question marks', () => '? '.repeat(KB / 2 - 1)],
  ['tabs', () => '\t'.repeat(KB - 1)],
  ['ten megabytes', () => 'a: 1\n'.repeat(2_000_000)],
];
const PIECES = [
  '- ',
  ': ',
  '[',
  ']',
  '{',
  '}',
  '&a ',
  '*a ',
  '"',
  "'",
  '|\n',
  '>\n',
  '? ',
  '\n',
  '  ',
  '!x ',
  '#',
  'a',
  ',',
];

function play(index: number, random: Random): Played {
  const bomb = BOMBS[index % (BOMBS.length * 2)];
  const pieces = [random.pick(PIECES), random.pick(PIECES), random.pick(PIECES)].join('');
  const text = bomb?.[1]() ?? pieces.repeat(Math.floor((KB - 1) / pieces.length));
  const about = bomb?.[0] ?? JSON.stringify(pieces);
  // The first calls are slower and memory is tidied up now and then: one good time of five is enough.
  let ms = Infinity;
  let refused = false;
  for (let tries = 0; tries < 5 && ms > MOST_MS; tries += 1) {
    ms = cpuMs(() => {
      refused = parseRepoConfig(text).problems.length > 0;
    });
  }
  if (ms > MOST_MS) return broken(about, `it took ${Math.round(ms)} ms`);
  const harmless = bomb === undefined || ['comments', 'many documents', 'tabs'].includes(about);
  return refused || harmless ? held(about) : broken(about, 'it was taken');
}

const FILE = 'bot/config/repo-config.ts';

export const yamlBombs: Proof = {
  id: 'E6',
  name: 'No configuration file holds the bot up for 50 ms, and what is a bomb is refused',
  layer: 'functions',
  runs: { ci: BOMBS.length * 2, full: 2_000 },
  play,
  mutants: [
    {
      name: 'how much may stand in a file',
      file: FILE,
      from: 'if ((text.match(MARK)?.length ?? 0) > MAX_MARKS) {',
      to: 'if (false) {',
      also: [
        { file: FILE, from: 'if (Buffer.byteLength(text) > MAX_BYTES) {', to: 'if (false) {' },
        { file: FILE, from: 'if (deep !== null) return', to: 'if (false) return' },
      ],
    },
    {
      name: 'no aliases',
      file: FILE,
      from: 'if (isAlias(node) || node.anchor !== undefined) {',
      to: 'if (false) {',
      also: [
        {
          file: FILE,
          from: 'doc.toJS({ maxAliasCount: 0 })',
          to: 'doc.toJS({ maxAliasCount: -1 })',
        },
      ],
    },
  ],
};
