/** The sweep itself: it finds what is planted, in every encoding, and nothing where nothing is. */
import { readFileSync } from 'node:fs';
import { ENCODING_NAMES, ENCODINGS } from '../encodings.ts';
import { broken, held, type Played, type Proof } from '../proof.ts';
import type { Random } from '../random.ts';
import { sweepFor } from '../sweep.ts';

const SWEEP = 'proof/sweep.ts';
const TEXT = readFileSync(new URL('../../ARCHITECTURE.md', import.meta.url));

function play(index: number, random: Random): Played {
  const encoding = ENCODING_NAMES[index % ENCODING_NAMES.length] ?? 'raw';
  const canaries = Array.from({ length: 8 }, (_, at) => ({
    name: `canary ${at}`,
    secret: random.token(32),
  }));
  const sweep = sweepFor(canaries);
  const clean = sweep.find('text', TEXT);
  if (clean !== null) return broken('a text without canaries', 'one was found in it');
  const planted = random.pick(canaries);
  for (const part of ENCODINGS[encoding](planted.secret)) {
    const at = random.int(TEXT.length);
    const text = Buffer.concat([TEXT.subarray(0, at), Buffer.from(part), TEXT.subarray(at)]);
    const found = sweep.find('text', text);
    if (found?.canary !== planted.name) return broken(encoding, 'the planted canary was not found');
  }
  return held(encoding);
}

const without = (name: string, from: string, to = ''): Proof['mutants'][number] => ({
  ...{ name: `sweep: ${name}`, file: SWEEP, from, to },
});

export const sweeping: Proof = {
  id: 'sweep',
  name: 'A planted canary is found in each of fourteen encodings',
  layer: 'functions',
  runs: { ci: 28, full: 280 },
  play,
  mutants: [
    without('hex', 'hex, hex.toUpperCase(), '),
    without('reversed', "[...secret].toReversed().join(''), "),
    without('rot13', ', rot13(secret)]', ']'),
    without('packed', 'if (depth >= DEPTH) return null;', 'return null;'),
    without('separators', "  yield text.replaceAll(/[^A-Za-z0-9]+/g, '');\n"),
    without('strides', 'for (const step of [2, 3]) {', 'for (const step of [] as number[]) {'),
    without('pieces', 'at + PIECE <= spelling.length; at += 1', 'at === 0; at += 1'),
  ],
};
