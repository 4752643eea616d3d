/**
 * F1, F2, F3, F5, F8, F9: who a job is. Its id token is altered claim by claim, forged in every known way or another
 * job’s; its own token is used too late. The real job API on a socket, with a real issuer of keys.
 */
import { createHmac, randomUUID } from 'node:crypto';
import { createStoreLedger } from '../../bot/gateway/store-ledger.ts';
import { tokenHash } from '../../bot/http/job-auth.ts';
import {
  compact,
  HEADER,
  KEY,
  newKey,
  part,
  resultOf,
  seconds,
  startIssuer,
  startJobStage,
  type Issuer,
  type Job,
  type JobStage,
} from '../../test/support/job-api.ts';
import { nextAttempt } from '../../test/support/store-rows.ts';
import { sharedStore } from '../database.ts';
import { broken, held, type Played, type Proof } from '../proof.ts';
import type { Random } from '../random.ts';

interface Place {
  stage: JobStage;
  /** A server of the attacker, with a key of the same name. */
  evil: Issuer;
  job: Job;
  stranger: Job;
}

let place: Promise<Place> | null = null;
const open = (): Promise<Place> => (place ??= start());

async function start(): Promise<Place> {
  const stage = await startJobStage(await sharedStore());
  const evil = await startIssuer(OTHER);
  const [job, stranger] = [await stage.newJob(), await stage.newJob()];
  return { stage, evil, job, stranger };
}

/** Somebody else’s key under the name of the issuer’s. */
const OTHER = newKey(KEY.kid);
const pem = KEY.publicKey.export({ type: 'spki', format: 'pem' });
const der = KEY.publicKey.export({ type: 'spki', format: 'der' });
const own = { ...OTHER.publicKey.export({ format: 'jwk' }), kid: KEY.kid };

type Claims = Record<string, unknown>;

function hmac(claims: Claims, key: string | Buffer): string {
  const input = `${part({ ...HEADER, alg: 'HS256' })}.${part(claims)}`;
  return `${input}.${createHmac('sha256', key).update(input).digest('base64url')}`;
}

/** Tokens that were not made by the issuer, or not as they stand. */
const TRICKS: readonly [string, (claims: Claims, evil: Issuer) => string][] = [
  ['no signature', (claims) => `${compact(HEADER, claims).split('.').slice(0, 2).join('.')}.`],
  ['alg none', (claims) => `${part({ alg: 'none' })}.${part(claims)}.`],
  ['alg None with a key', (claims) => `${part({ ...HEADER, alg: 'None' })}.${part(claims)}.`],
  ['HS256 with the public key as PEM', (claims) => hmac(claims, pem)],
  ['HS256 with the public key as DER', (claims) => hmac(claims, der)],
  ['HS256 with nothing', (claims) => hmac(claims, '')],
  ['another key of the same name', (claims) => compact(HEADER, claims, OTHER.privateKey)],
  ['jwk', (claims) => compact({ ...HEADER, jwk: own }, claims, OTHER.privateKey)],
  ['jwk without kid', (claims) => compact({ alg: 'RS256', jwk: own }, claims, OTHER.privateKey)],
  [
    'jku',
    (claims, { url }) => compact({ ...HEADER, jku: `${url}/keys` }, claims, OTHER.privateKey),
  ],
  [
    'x5u',
    (claims, { url }) => compact({ ...HEADER, x5u: `${url}/cert` }, claims, OTHER.privateKey),
  ],
  ['x5c', (claims) => compact({ ...HEADER, x5c: ['AAAA'] }, claims, OTHER.privateKey)],
  ['crit', (claims) => compact({ ...HEADER, crit: ['exp'] }, claims)],
  ['claims changed after signing', (claims) => spliced(claims)],
  ['expired', (claims) => compact(HEADER, { ...claims, exp: seconds() - 61 })],
  ['not valid yet', (claims) => compact(HEADER, { ...claims, nbf: seconds() + 120 })],
  ['the issuer of somebody else', (claims, { url }) => compact(HEADER, { ...claims, iss: url })],
  ['another audience', (claims) => compact(HEADER, { ...claims, aud: 'https://other.example' })],
];

function spliced(claims: Claims): string {
  const [head, , mac] = compact(HEADER, { ...claims, user_id: '7' }).split('.');
  return [head, part(claims), mac].join('.');
}

const CLAIMS = [
  ...['project_id', 'job_project_id', 'user_id', 'pipeline_id', 'pipeline_source', 'ref', 'sha'],
  ...['iss', 'aud', 'exp', 'iat', 'jti', 'job_id'],
];
/** Claims that may be missing, or that nobody checks the value of. */
const FREE = new Set(['job_id', 'jti', 'iat']);

/** One claim made another; null where that is none of the attacks. */
function altered(claims: Claims, name: string, random: Random, stranger: Claims): Claims | null {
  const value = claims[name];
  const text = String(value);
  const others: unknown[] = [undefined, null, [], {}, '', Number(text), [text], `0${text}`];
  if (!FREE.has(name)) others.push(stranger[name], `${text}1`, text.slice(0, -1), 'x', '9', true);
  const other = others[random.int(others.length)];
  const same =
    other === value ||
    (name === 'job_project_id' && other === undefined) ||
    // Any text is a token's own number.
    (name === 'jti' && other === `0${text}`);
  const numeric = ['iat', 'exp'].includes(name) && typeof other === 'number';
  // A list of audiences is as good as one, and time is told in numbers.
  if (same || numeric || (name === 'aud' && Array.isArray(other) && other.length > 0)) return null;
  if (name === 'exp' && Number(other) > seconds()) return null;
  return { ...claims, [name]: other };
}

async function play(index: number, random: Random): Promise<Played> {
  const at = await open();
  if (index % 20 === 19) return late(at);
  const fresh = { ...at.job.claims, jti: randomUUID() };
  let token: string;
  let about: string;
  if (index % 2 === 0) {
    const trick = TRICKS[(index / 2) % TRICKS.length];
    if (trick === undefined) return held('nothing');
    [about, token] = [trick[0], trick[1](fresh, at.evil)];
  } else {
    const name = CLAIMS[((index - 1) / 2) % CLAIMS.length] ?? 'ref';
    const claims = altered(fresh, name, random, at.stranger.claims);
    if (claims === null) return held(`${name} as it was`);
    [about, token] = [`${name} as ${JSON.stringify(claims[name])}`, at.stage.token(claims)];
  }
  if (index % 20 === 7) {
    // Everything but the projects is right.
    const id = at.stranger.claims['project_id'];
    token = at.stage.token({ ...fresh, project_id: id, job_project_id: id });
    about = 'the projects of another job';
  }
  const before = JSON.stringify(await at.stage.stateOf(at.job));
  const { status } = await at.stage.claim(at.job, token);
  if (status !== 401 && status !== 403 && status !== 409) {
    return broken(about, `the claim was answered with ${status}`);
  }
  if (JSON.stringify(await at.stage.stateOf(at.job)) !== before) {
    return broken(about, 'the attempt changed');
  }
  return at.evil.fetches === 0 ? held(about) : broken(about, 'keys of somebody else were read');
}

/** A whole life of a job, and what it may not do before, twice and afterwards. */
async function late({ stage, stranger }: Place): Promise<Played> {
  const about = 'results of others, twice and too late';
  const job = await stage.newJob();
  const token = await stage.claimed(job);
  const ledger = createStoreLedger(stage.store, { installationDayMicrousd: 1e9 });
  const post = async (body: object, by = token): Promise<number> =>
    (await stage.call('result', by, body)).status;
  const forged = await post({ ...resultOf(job), attempt: stranger.work.attempt.id });
  if (forged !== 403) return broken(about, `a result of another task: ${forged}`);
  const second = await stage.claim(job, stage.token({ ...job.claims, jti: randomUUID() }));
  if (second.status !== 409) return broken(about, `a second claim: ${second.status}`);
  const other = { ...resultOf(job), baseSha: 'b'.repeat(40) };
  if ((await post(other)) !== 403) return broken(about, 'a result of another commit');
  if ((await ledger.authorize(tokenHash(token))) === null) return broken(about, 'no live token');
  // A newer attempt takes over: the old one may not bring anything any more.
  const old = await stage.newJob();
  const oldToken = await stage.claimed(old);
  await nextAttempt(stage.store, old.work);
  const stale = await post(resultOf(old), oldToken);
  if (stale !== 401 && stale !== 409) return broken(about, `an old attempt: ${stale}`);
  // Heartbeats and results look at the attempt once more; for a thread the token alone counts.
  const read = await stage.call('thread', oldToken, { type: 'issue', iid: 1, page: 1 });
  if (read.status !== 401) return broken(about, `a thread for an old attempt: ${read.status}`);
  const good = await post(resultOf(job));
  if (good !== 202) return broken(about, `its own result: ${good}`);
  const again = await post(resultOf(job));
  if (again !== 401 && again !== 409) return broken(about, `a second result: ${again}`);
  const beat = await stage.call('heartbeat', token, { turn: 1, doing: 'x', seen: 0 });
  if (beat.status !== 401) return broken(about, `a heartbeat after the end: ${beat.status}`);
  const grant = await ledger.authorize(tokenHash(token));
  return grant === null ? held(about) : broken(about, 'the token still opens the gateway');
}

const AUTH = 'bot/http/job-auth.ts';
const TOKENS = 'bot/http/id-tokens.ts';

export const identity: Proof = {
  id: 'F1 F2 F3 F5 F8 F9',
  name: 'No job is taken for another: claims, forged tokens, and results of others, twice or too late',
  layer: 'job',
  fullOnly: true,
  runs: { ci: 120, full: 4_000 },
  mutantRuns: 600,
  play,
  close: async () => {
    const last = await place;
    place = null;
    await last?.stage.close();
    last?.evil.server.close();
  },
  mutants: [
    {
      name: 'the signature by the issuer’s key',
      file: TOKENS,
      from: 'const { payload } = await jwtVerify(token, keys, {',
      to: "const payload = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()) as JWTPayload; void jwtVerify; void (() => ({",
      also: [
        {
          file: TOKENS,
          from: "        requiredClaims: ['exp', 'iat', 'jti'],\n      });",
          to: "        requiredClaims: ['exp', 'iat', 'jti'],\n      }));",
        },
      ],
    },
    {
      name: 'the issuer',
      file: TOKENS,
      from: '        issuer,\n        audience,',
      to: '        audience,',
    },
    {
      name: 'the audience',
      file: TOKENS,
      from: '        issuer,\n        audience,',
      to: '        issuer,',
    },
    {
      name: 'the project where the job runs',
      file: TOKENS,
      from: 'jobProject !== undefined && jobProject !== String(projectId)',
      to: 'false',
    },
    {
      name: 'the project of the attempt',
      file: AUTH,
      from: '|| attempt.repoId !== repo.id)',
      to: ')',
    },
    {
      name: 'who started the pipeline',
      file: AUTH,
      from: 'if (identity.userId !== (await deps.botUserId()))',
      to: 'if (false)',
    },
    { name: 'the ref', file: AUTH, from: 'if (identity.ref !== attempt.ref)', to: 'if (false)' },
    { name: 'the commit', file: AUTH, from: 'if (identity.sha !== attempt.sha)', to: 'if (false)' },
    {
      name: 'a child of the bot’s own pipeline',
      file: AUTH,
      from: 'if (!children.some((child) => child.id === identity.pipelineId))',
      to: 'if (false)',
    },
    {
      name: 'a child pipeline at all',
      file: AUTH,
      from: "if (identity.pipelineSource !== 'parent_pipeline')",
      to: 'if (false)',
    },
    {
      name: 'results of the own attempt',
      file: 'bot/http/job-api.ts',
      from: 'if (body.data.attempt !== attempt.id || body.data.baseSha !== baseSha)',
      to: 'if (false)',
    },
    {
      name: 'a token ends with its attempt',
      file: 'bot/store/attempts.ts',
      from: "where token_hash = $1 and state = 'running' and token_expires_at > now() and ${NEWEST}`,\n    [Buffer.from(tokenHash)],\n    'attempts_by_token',",
      // Prepared statements are known by their names.
      to: "where token_hash = $1`,\n    [Buffer.from(tokenHash)],\n    'attempts_by_token_for_ever',",
    },
  ],
};
