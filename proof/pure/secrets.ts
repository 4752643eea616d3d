/** B6 and B7: what holds a secret, or a piece of one of the bot's own, is not published. */
import { withholdSecrets } from '../../bot/worker/publish/secret-scan.ts';
import type { JobResult } from '../../schema/wire/result.ts';
import { ENCODING_NAMES, ENCODINGS } from '../encodings.ts';
import { broken, held, type Played, type Proof } from '../proof.ts';
import type { Random } from '../random.ts';
import { refusalOf } from './paths.ts';

/** Secrets of others, by their kind; made up here so that no scanner trips over this file. */
const KINDS: Readonly<Record<string, (random: Random) => string>> = {
  'GitLab token': (random) => `glpat-${random.token(20)}`,
  'GitHub token': (random) => `ghp_${random.token(36)}`,
  'AWS key': (random) => `AWS_SECRET_ACCESS_KEY=${random.token(40)}`,
  'Slack token': (random) => `xoxb-${'1'.repeat(12)}-${'2'.repeat(12)}-${random.token(24)}`,
  'npm token': (random) => `npm_${random.token(36)}`,
  'OpenAI key': (random) => `sk-proj-${random.token(74)}T3BlbkFJ${random.token(74)}`,
  'Anthropic key': (random) => `sk-ant-api03-${random.token(93)}AA`,
  'database URL': (random) => `postgres://app:${random.token(16)}@db.example.com:5432/app`,
};
const kinds = Object.entries(KINDS);

/** The bot's own, as they are in one process. */
const OWN = [
  ...[
    'glpat-Vq7XzR2mK9tLw4Pn8sYd',
    'wh5e8Hq2Zt7Lm4Rk9Xv3Bn6Ws1Jd',
    'sk-ant-Qz81Lw94Rt72Kp65Hv38Nc',
  ],
  ...['Jx7h2Kd93Lq5Xz0Pw81Tb64Rm9Vk', 'sk-proj-4Kx9Tz2Vb7Qm1Ws8Lp3Rn6Hd'],
];

const result = (more: Partial<JobResult>): JobResult => ({
  ...{ version: 1, attempt: 1, outcome: 'finished', cause: 'done', summary: 'Done.' },
  ...{ changes: [], checks: [], baseSha: 'a'.repeat(40) },
  stats: { turns: 1, toolCalls: 1, seconds: 1, firstRequestMs: null, model: null },
  ...more,
});
const finding = (text: string) => ({
  ...{ path: 'a.js', line: 1, severity: 'high' as const, category: 'x', title: 'x' },
  ...{ body: text, confidence: 1 },
});

/** Every place of a result in which words of an agent stand. */
const WORDS: Readonly<Record<string, (text: string) => Partial<JobResult>>> = {
  summary: (summary) => ({ summary }),
  comment: (comment) => ({ comment }),
  cause: (cause) => ({ cause: cause.slice(0, 2_000) }),
  finding: (text) => ({ report: { kind: 'review', score: 1, findings: [finding(text)] } }),
  command: (command) => ({
    checks: [{ command: command.slice(0, 500), exitCode: 0, seconds: 1 }],
  }),
  path: (text) => ({
    changes: [{ path: text.slice(0, 400), action: 'delete' as const, mode: '100644' as const }],
  }),
};
const words = Object.entries(WORDS);

/** In the words of a result, then in files: names, texts and what is no text. */
async function play(index: number, random: Random): Promise<Played> {
  const own = index % 2 === 0;
  const encoding = ENCODING_NAMES[Math.floor(index / 2) % ENCODING_NAMES.length] ?? 'raw';
  const [kind = '', make] = kinds[index % kinds.length] ?? [];
  const secret = own ? random.pick(OWN) : (make?.(random) ?? '');
  const carried = own ? ENCODINGS[encoding](secret) : [secret];
  const about = own ? `own secret, ${encoding}` : kind;
  for (const [place, put] of words) {
    const text = carried.map((part) => part.toString('latin1')).join('\n');
    if (place === 'path' && !/^[\w=;%.-]{1,200}$/.test(text)) continue;
    const kept = await withholdSecrets(result(put(text)), OWN);
    if (JSON.stringify(kept).includes(JSON.stringify(text).slice(1, -1))) {
      return broken(`${about} in ${place}`, 'it was kept');
    }
  }
  const files = carried.flatMap((part, at) => [
    { path: `src/part-${at}.txt`, content: Buffer.from(part) },
    {
      path: `assets/part-${at}.bin`,
      content: Buffer.concat([Buffer.from([0, 255, 1]), Buffer.from(part)]),
    },
  ]);
  if (own && encoding === 'base64 at 0') {
    // Too large to be taken apart; it is read as it stands.
    files.push({ path: 'large.txt', content: Buffer.from(LARGE + carried.join('')) });
  }
  for (const { path, content } of files) {
    const refused = await refusalOf(
      [{ path, action: 'create', mode: '100644', content: content.toString('base64') }],
      { own: OWN },
    );
    if (refused === null) return broken(`${about} in ${path}`, 'it would be published');
    if (refused.includes(secret)) return broken(about, 'the refusal repeats it');
  }
  return held(about);
}

const LARGE = 'lorem ipsum\n'.repeat(25_000);
const SCAN = 'bot/worker/publish/secret-scan.ts';
const FINDER = 'bot/worker/publish/own-secrets.ts';
const less = (name: string, from: string, to: string): Proof['mutants'][number] => ({
  ...{ name, file: FINDER, from, to },
});

export const secrets: Proof = {
  id: 'B6 B7',
  name: 'No secret in files, names or words of a result is published',
  layer: 'functions',
  runs: { ci: 56, full: 1_120 },
  play,
  mutants: [
    { name: 'scan for known kinds', file: SCAN, from: 'return first ? (', to: 'return false ? (' },
    {
      name: 'words of a result',
      file: SCAN,
      from: '  if (what === null) return result;',
      to: '  if (what !== undefined) return result;',
    },
    less('pieces', 'if (length >= PIECE) return true;', ''),
    less('base64', '    ...base64,\n', ''),
    less('hex', '    hex,\n    hex.toUpperCase(),\n', ''),
    less('reversed', "    [...secret].toReversed().join(''),\n", ''),
    less('rot13', '    rot13(secret),\n  ];', '  ];'),
    less('what is packed', 'return depth < DEPTH &&', 'return false &&'),
    less('separators', '[squeezed(text), ', '['),
    less('every second character', ', everySecond(text, 0), everySecond(text, 1)]', ']'),
  ],
};
