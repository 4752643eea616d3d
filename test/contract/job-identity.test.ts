/** Who a CI job is, over real sockets and a real issuer: forged, borrowed and altered tokens (F2–F4). */
import { createHmac, randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { JWK } from 'jose';
import {
  AUDIENCE,
  BOT,
  compact,
  HEADER,
  KEY,
  newKey,
  part,
  publish,
  seconds,
  SHA,
  startIssuer,
  startJobStage,
  type Issuer,
  type Job,
  type JobStage,
} from '../support/job-api.ts';
import { createIdTokenVerifier } from '../../bot/http/id-tokens.ts';
import { times } from '../support/store-rows.ts';
import { until } from '../support/until.ts';
import { expectError } from '../support/expected.ts';

/** Somebody else's key, under the kid of the issuer's. */
const OTHER = newKey(KEY.kid);

let stage: JobStage;
beforeAll(async () => {
  stage = await startJobStage();
});
afterAll(() => stage.close());

describe('id tokens (F3)', () => {
  let job: Job;
  beforeAll(async () => {
    job = await stage.newJob();
  });
  const good = (): Record<string, unknown> => ({ ...job.claims, jti: randomUUID() });
  const without = (name: string): Record<string, unknown> => {
    const { [name]: _left, ...rest } = good();
    return rest;
  };
  const with_ = (claims: object): string => compact(HEADER, { ...good(), ...claims });
  const pem = KEY.publicKey.export({ type: 'spki', format: 'pem' });
  const hmac = (key: string | Buffer, header: object): string => {
    const input = `${part(header)}.${part(good())}`;
    return `${input}.${createHmac('sha256', key).update(input).digest('base64url')}`;
  };
  const selfMade = (): object => ({
    ...OTHER.publicKey.export({ format: 'jwk' }),
    kid: KEY.kid,
  });

  const MUTANTS: Record<string, () => string | null> = {
    'no token': () => null,
    'an empty token': () => '',
    'not a token': () => 'aaaa.bbbb.cccc',
    'two parts only': () => compact(HEADER, good()).split('.').slice(0, 2).join('.'),
    'an empty signature': () => compact(HEADER, good()).replace(/[^.]+$/, ''),
    'a byte of the signature changed': () => {
      const token = compact(HEADER, good());
      const at = token.length - 40;
      return token.slice(0, at) + (token[at] === 'A' ? 'B' : 'A') + token.slice(at + 1);
    },
    'claims changed after signing': () => {
      const [head, , mac] = compact(HEADER, good()).split('.');
      return [head, part({ ...good(), project_id: '1' }), mac].join('.');
    },
    'alg none': () => `${part({ alg: 'none' })}.${part(good())}.`,
    'alg None with the kid': () => `${part({ ...HEADER, alg: 'None' })}.${part(good())}.`,
    'HS256 with the public key as PEM': () => hmac(pem, { ...HEADER, alg: 'HS256' }),
    'HS256 with the public key as DER': () =>
      hmac(KEY.publicKey.export({ type: 'spki', format: 'der' }), {
        ...HEADER,
        alg: 'HS256',
      }),
    'HS256 with an empty key': () => hmac('', { ...HEADER, alg: 'HS256' }),
    'RS512 in the header': () => compact({ ...HEADER, alg: 'RS512' }, good()),
    'PS256 in the header': () => compact({ ...HEADER, alg: 'PS256' }, good()),
    'no alg': () => compact({ kid: KEY.kid, typ: 'JWT' }, good()),
    'another key under the same kid': () => compact(HEADER, good(), OTHER.privateKey),
    'another key embedded as jwk': () =>
      compact({ ...HEADER, jwk: selfMade() }, good(), OTHER.privateKey),
    'another key embedded, no kid': () =>
      compact({ alg: 'RS256', jwk: selfMade() }, good(), OTHER.privateKey),
    'jku to a key set of the sender': () =>
      compact({ ...HEADER, jku: `${evil.url}/keys` }, good(), OTHER.privateKey),
    'x5u to a certificate of the sender': () =>
      compact({ ...HEADER, x5u: `${evil.url}/cert` }, good(), OTHER.privateKey),
    'x5c with a certificate of the sender': () =>
      compact({ ...HEADER, x5c: ['AAAA'] }, good(), OTHER.privateKey),
    'kid as a path': () => compact({ ...HEADER, kid: '../../dev/null' }, good(), OTHER.privateKey),
    'an unknown critical header': () => compact({ ...HEADER, crit: ['exp'] }, good()),
    'an unencoded payload': () => compact({ ...HEADER, b64: false, crit: ['b64'] }, good()),
    'claims that are a list': () => compact(HEADER, [good()]),
    'claims that are text': () => compact(HEADER, 'claims'),
    'another issuer': () => with_({ iss: 'https://gitlab.evil.example' }),
    'the issuer with a slash': () => with_({ iss: `${stage.issuer.url}/` }),
    'no issuer': () => compact(HEADER, without('iss')),
    'another audience': () => with_({ aud: 'https://other.example' }),
    'a list of other audiences': () => with_({ aud: ['https://other.example', 'x'] }),
    'no audience': () => compact(HEADER, without('aud')),
    'expired 61 s ago': () => with_({ exp: seconds() - 61 }),
    'valid in two minutes': () => with_({ nbf: seconds() + 120 }),
    'exp as text': () => with_({ exp: String(seconds() + 60) }),
    'no exp': () => compact(HEADER, without('exp')),
    'no iat': () => compact(HEADER, without('iat')),
    'no jti': () => compact(HEADER, without('jti')),
    'a token of 9 kB': () => with_({ more: 'x'.repeat(9_000) }),
    'two tokens': () => `${compact(HEADER, good())} ${compact(HEADER, good())}`,
  };
  let evil: Issuer;
  beforeAll(async () => {
    evil = await startIssuer(OTHER);
  });
  afterAll(() => void evil.server.close());

  test('there are at least thirty mutants', () => {
    expect(Object.keys(MUTANTS).length).toBeGreaterThanOrEqual(30);
  });

  test.each(Object.keys(MUTANTS))('%s: 401 on plan and claim', async (name) => {
    const before = await stage.stateOf(job);
    // A verifier of its own: what it knows of unknown keys must not depend on the test before.
    const own = await stage.serve(stage.issuer);
    const token = MUTANTS[name]?.() ?? null;
    expectError(
      await stage.call('claim', token, { attempt: job.work.attempt.id }, own),
      401,
      'id_token_refused',
    );
    if (name !== 'kid as a path') {
      expectError(await stage.call('plan', token, undefined, own), 401, 'id_token_refused');
    }
    await own.close();
    expect(await stage.stateOf(job)).toEqual(before);
    expect(evil.fetches).toBe(0);
  });

  test('the defence is the reason: the same token, unharmed, is accepted', async () => {
    expect((await stage.claim(job)).status).toBe(200);
  });

  test('the audience may be one of a list, and the clocks a minute apart', async () => {
    for (const more of [
      { aud: ['https://other.example', AUDIENCE] },
      { exp: seconds() - 50 },
      { nbf: seconds() + 50 },
    ]) {
      const other = await stage.newJob();
      expect((await stage.claim(other, stage.token({ ...other.claims, ...more }))).status).toBe(
        200,
      );
    }
  });

  test('1,000 tokens with one prefix at once are 1,000 identities (F4)', async () => {
    const mine = await stage.newJob();
    const wrong = times(999, () => {
      const token = stage.token({ ...mine.claims, jti: 'x', pipeline_id: '999999999999' });
      return stage.claim(mine, token);
    });
    const right = stage.claim(mine, stage.token(mine.claims));
    expect(new Set((await wrong).map(({ status }) => status))).toEqual(new Set([403]));
    expect((await right).status).toBe(200);
  });
});

describe('the issuer’s keys', () => {
  test('rotate without an outage, and an unknown key is looked up once a minute at most', async () => {
    const rotating = await startIssuer(KEY);
    const at = await stage.serve(rotating);
    const job = async (): Promise<Job> => {
      const one = await stage.newJob();
      return { ...one, claims: { ...one.claims, iss: rotating.url } };
    };
    expect((await stage.claim(await job(), undefined, at)).status).toBe(200);
    expect(rotating.fetches).toBe(1);
    const next = newKey('key-2');
    await publish(rotating, KEY, next);
    const waiting = await job();
    const fresh = compact({ ...HEADER, kid: next.kid }, waiting.claims, next.privateKey);
    // The keys were read a moment ago: nothing is known of this one, so the job asks again.
    const answers = await times(50, () => stage.claim(waiting, fresh, at));
    for (const answer of answers) {
      expectError(answer, 503, 'issuer_unavailable');
      expect(Number(answer.headers['retry-after'])).toBeGreaterThan(0);
    }
    expect(rotating.fetches).toBe(1);
    expect((await stage.claim(await job(), undefined, at)).status).toBe(200);
    const later = await stage.serve(rotating, {
      verifyIdToken: createIdTokenVerifier(rotating.url, AUDIENCE, 200),
    });
    await publish(rotating, KEY);
    expect((await stage.claim(await job(), undefined, later)).status).toBe(200);
    const { fetches } = rotating;
    await publish(rotating, KEY, next);
    await until(
      async () => (await stage.claim(waiting, fresh, later)).status === 200,
      30_000,
      'the new key to be known',
    );
    expect(rotating.fetches).toBe(fetches + 1);
    expect((await stage.claim(await job(), undefined, later)).status).toBe(200);
    for (const one of [at, later]) await one.close();
    rotating.server.close();
  });

  test.each<[string, (of: Issuer) => void]>([
    ['it answers 500', (of) => void (of.status = 500)],
    ['it answers 404', (of) => void (of.status = 404)],
    ['it answers no key set', (of) => void (of.keys = 'none' as unknown as JWK[])],
    ['it is down', (of) => void of.server.close()],
  ])('%s: 503 with Retry-After, nothing is refused for good', async (_, break_) => {
    const down = await startIssuer(KEY);
    const at = await stage.serve(down);
    const job = await stage.newJob();
    const token = stage.token({ ...job.claims, iss: down.url });
    break_(down);
    const before = await stage.stateOf(job);
    const answer = await stage.claim(job, token, at);
    expectError(answer, 503, 'issuer_unavailable');
    expect(answer.headers['retry-after']).toBe('2');
    expect(await stage.stateOf(job)).toEqual(before);
    if (down.server.listening) {
      Object.assign(down, { status: 200, keys: stage.issuer.keys });
      expect((await stage.claim(job, token, at)).status).toBe(200);
    }
    await at.close();
    down.server.close();
  });
});

describe('claims of another job (F1, F2)', () => {
  let job: Job;
  let stranger: Job;
  beforeAll(async () => {
    job = await stage.newJob();
    stranger = await stage.newJob();
    await stage.claimed(stranger);
  });

  const change =
    (name: string, value: unknown) =>
    (claims: Record<string, unknown>): Record<string, unknown> => ({ ...claims, [name]: value });
  const CASES: [string, number, (claims: Record<string, unknown>) => Record<string, unknown>][] = [
    [
      'project_id of another project',
      401,
      (c) => ({ ...c, project_id: stranger.claims['project_id'] }),
    ],
    [
      'both project ids of another project',
      403,
      (c) => ({
        ...c,
        project_id: stranger.claims['project_id'],
        job_project_id: stranger.claims['project_id'],
      }),
    ],
    ['project_id unknown to the bot', 403, (c) => ({ ...c, project_id: '9', job_project_id: '9' })],
    ['job_project_id of a fork', 401, change('job_project_id', '9')],
    ['job_project_id as number', 401, (c) => ({ ...c, job_project_id: Number(c['project_id']) })],
    ['job_project_id null', 401, change('job_project_id', null)],
    ['project_id as number', 401, (c) => ({ ...c, project_id: Number(c['project_id']) })],
    ['project_id with a sign', 401, (c) => ({ ...c, project_id: `+${String(c['project_id'])}` })],
    [
      'project_id with a leading zero',
      401,
      (c) => ({ ...c, project_id: `0${String(c['project_id'])}` }),
    ],
    ['pipeline_id of the parent', 403, (c) => ({ ...c, pipeline_id: String(job.parent) })],
    ['pipeline_id of a pipeline of someone else', 403, change('pipeline_id', '77')],
    [
      'pipeline_id of another attempt’s child',
      403,
      (c) => ({ ...c, pipeline_id: String(stranger.child) }),
    ],
    ['pipeline_id as text', 401, change('pipeline_id', 'abc')],
    ['no pipeline_id', 401, change('pipeline_id', undefined)],
    ['pipeline_source push', 403, change('pipeline_source', 'push')],
    ['pipeline_source api', 403, change('pipeline_source', 'api')],
    ['pipeline_source merge_request_event', 403, change('pipeline_source', 'merge_request_event')],
    ['no pipeline_source', 401, change('pipeline_source', undefined)],
    ['ref of another branch', 403, change('ref', 'evil')],
    ['ref in other letters', 403, change('ref', 'Main')],
    ['ref empty', 401, change('ref', '')],
    ['sha of another commit', 403, change('sha', 'b'.repeat(40))],
    ['sha cut short', 403, change('sha', SHA.slice(0, 8))],
    ['no sha', 401, change('sha', undefined)],
    ['user_id of a person', 403, change('user_id', '7')],
    ['user_id as number', 401, change('user_id', BOT)],
    ['no user_id', 401, change('user_id', undefined)],
    ['no job_id', 401, change('job_id', undefined)],
    ['job_id as a list', 401, change('job_id', ['1'])],
    ['jti that claimed before', 409, (c) => ({ ...c, jti: stranger.claims['jti'] })],
    ['jti empty', 401, change('jti', '')],
  ];

  test.each(CASES)('%s: %d, nothing changes', async (_, status, mutate) => {
    const before = await stage.stateOf(job);
    expectError(await stage.claim(job, stage.token(mutate(job.claims))), status);
    expect(await stage.stateOf(job)).toEqual(before);
  });

  test('the right job still claims after all of that, also in a renamed project', async () => {
    const renamed = { ...job.claims, project_path: 'new/name', sub: 'project_path:new/name' };
    expect((await stage.claim(job, stage.token(renamed))).status).toBe(200);
  });

  test('a job of a pipeline that is no child claims nothing, whatever else fits', async () => {
    const other = await stage.newJob();
    stage.children.set(other.parent, []);
    expectError(await stage.claim(other), 403, 'not_yours');
    stage.children.set(other.parent, [other.child]);
    expect((await stage.claim(other)).status).toBe(200);
  });

  test('when the forge cannot say, the job asks again', async () => {
    const other = await stage.newJob();
    const away = await stage.serve(stage.issuer, {
      childrenOf: () => Promise.reject(new Error('forge detail')),
    });
    const answer = await stage.claim(other, undefined, away);
    await away.close();
    expectError(answer, 503, 'unavailable');
    expect(answer.text).not.toContain('forge detail');
  });

  test.each<[string, unknown]>([
    ['no body', undefined],
    ['a list', []],
    ['text instead of a number', { attempt: '1' }],
    ['a number below one', { attempt: 0 }],
    ['a fraction', { attempt: 1.5 }],
    ['more than the attempt', { attempt: 1, token: 'x' }],
    ['a prototype', '{"attempt":1,"__proto__":{"token":"x"}}'],
  ])('a claim with %s: 422', async (_, body) => {
    const other = await stage.newJob();
    expectError(await stage.call('claim', stage.token(other.claims), body), 422, 'wrong_body');
  });

  test('an attempt that does not exist: 403', async () => {
    const other = await stage.newJob();
    const answer = await stage.call('claim', stage.token(other.claims), { attempt: 999_999 });
    expectError(answer, 403, 'not_yours');
  });
});
