import { describe, expect, test } from '@jest/globals';
import { createHmac } from 'node:crypto';
import type { Headers } from '../../../bot/forge/forge.ts';
import {
  createGitLabWebhooks,
  projectHookToken,
  projectSigningToken,
} from '../../../bot/forge/gitlab/webhooks.ts';

const ROOT = 'operator-secret';
const WHSEC = `whsec_${Buffer.alloc(32, 7).toString('base64')}`;
const NOW = new Date('2026-01-12T10:00:00Z');
const SECONDS = NOW.getTime() / 1000;

const body = (projectId: number, extra: object = {}): Buffer =>
  Buffer.from(JSON.stringify({ object_kind: 'note', project: { id: projectId }, ...extra }));

const hooks = (options: { secret?: string; requireSigning?: boolean; signs?: number[] } = {}) =>
  createGitLabWebhooks({
    secret: options.secret ?? ROOT,
    requireSigning: options.requireSigning ?? false,
    signingProjects: (projectId) => (options.signs ?? []).includes(projectId),
  });

/** Headers as GitLab 19 signs them, `token` being the `whsec_…` value of the hook. */
function signed(
  raw: Buffer,
  token: string,
  id = 'e3f1-4a',
  at: number | string = SECONDS,
): Headers {
  const key = Buffer.from(token.slice('whsec_'.length), 'base64');
  const digest = createHmac('sha256', key).update(`${id}.${at}.`).update(raw).digest('base64');
  return {
    'x-gitlab-event': 'Note Hook',
    'webhook-id': id,
    'webhook-timestamp': String(at),
    'webhook-signature': `v1,${digest}`,
  };
}

const withToken = (token: string): Headers => ({
  'x-gitlab-event': 'Note Hook',
  'x-gitlab-token': token,
});
const verify = (headers: Headers, raw: Buffer, options: Parameters<typeof hooks>[0] = {}) =>
  hooks(options).verify(headers, raw, NOW);
const refused = { ok: false, reason: expect.any(String) };

describe('derived secrets', () => {
  test('differ by project, by purpose and by root', () => {
    const all = [
      projectHookToken(ROOT, 7),
      projectHookToken(ROOT, 8),
      projectHookToken('another', 7),
      projectSigningToken(ROOT, 7),
      projectSigningToken(ROOT, 8),
    ];
    expect(new Set(all).size).toBe(all.length);
  });

  test('have the forms that GitLab takes', () => {
    expect(projectHookToken(ROOT, 7)).toMatch(/^[\w-]{43}$/);
    const signing = projectSigningToken(ROOT, 7);
    expect(signing).toMatch(/^whsec_[A-Za-z0-9+/]{43}=$/);
    expect(Buffer.from(signing.slice(6), 'base64')).toHaveLength(32);
  });

  test('an empty root is refused', () => {
    expect(() => hooks({ secret: '' })).toThrow('must not be empty');
  });
});

describe('tokens', () => {
  test.each([
    ['the root', ROOT, body(7)],
    ['the project’s own', projectHookToken(ROOT, 7), body(7)],
    [
      'the project’s own, with project_id',
      projectHookToken(ROOT, 7),
      Buffer.from('{"project_id":7}'),
    ],
    ['the root and a body that is no JSON', ROOT, Buffer.from('not json')],
    ['the root and a body that is no UTF-8', ROOT, Buffer.from([0x7b, 0xff, 0x7d])],
    ['the root and a body nested too deep', ROOT, Buffer.from('['.repeat(100_000))],
  ])('%s is accepted', async (_, token, raw) => {
    expect(await verify(withToken(token), raw)).toEqual({
      ok: true,
      dedupeKey: expect.stringMatching(/^body:[\w-]{43}$/),
      eventName: 'Note Hook',
    });
  });

  test.each<[string, unknown, Buffer]>([
    ['none', undefined, body(7)],
    ['an empty one', '', body(7)],
    ['a wrong one', 'operator-secret2', body(7)],
    ['the beginning of the root', 'operator', body(7)],
    ['one of 1 MB', 'x'.repeat(1_000_000), body(7)],
    ['the root sent twice', `${ROOT}, ${ROOT}`, body(7)],
    ['a list', [ROOT], body(7)],
    ['the signing token', projectSigningToken(ROOT, 7), body(7)],
    ['another project’s', projectHookToken(ROOT, 8), body(7)],
    [
      'the project’s own, in a body of two projects',
      projectHookToken(ROOT, 7),
      body(7, { project_id: 8 }),
    ],
    [
      'the project’s own, in a body whose object is another’s',
      projectHookToken(ROOT, 7),
      body(7, { object_attributes: { project_id: 8 } }),
    ],
    [
      'the project’s own, with the id doubled',
      projectHookToken(ROOT, 7),
      Buffer.from('{"project_id":7,"project_id":8}'),
    ],
    ['the project’s own, without an id', projectHookToken(ROOT, 7), Buffer.from('{}')],
    [
      'the project’s own, with the id in the prototype',
      projectHookToken(ROOT, 7),
      Buffer.from('{"__proto__":{"project_id":7}}'),
    ],
    [
      'the token of project NaN',
      projectHookToken(ROOT, Number.NaN),
      Buffer.from('{"project_id":null}'),
    ],
    [
      'the project’s own, nested too deep',
      projectHookToken(ROOT, 7),
      Buffer.from(`{"project_id":7,"a":${'['.repeat(64)}${']'.repeat(64)}}`),
    ],
  ])('%s is refused', async (_, token, raw) => {
    expect(await verify({ 'x-gitlab-token': token } as Headers, raw)).toEqual(refused);
  });

  test('no way of writing the id hides a hook that signs', async () => {
    for (const text of [
      '{"project_id":7e0}',
      String.raw`{"\u0070roject_id":7}`,
      '{"project_id":7,"project_id":null}',
      `{"project_id":7.${'0'.repeat(60)}}`,
    ]) {
      const outcome = await verify(withToken(ROOT), Buffer.from(text), { signs: [7] });
      expect([text, outcome]).toEqual([text, refused]);
    }
  });

  test('what the headers alone refute is known before the body', () => {
    const early = (headers: Headers, requireSigning = false): string | null =>
      hooks({ requireSigning }).refusedByHeaders(headers, NOW);
    expect(early(withToken('any'))).toBeNull();
    expect(early(withToken(''))).not.toBeNull();
    expect(early(withToken(ROOT), true)).not.toBeNull();
    expect(early({ ...withToken(ROOT), 'webhook-signature': '' })).not.toBeNull();
    const good = signed(body(7), projectSigningToken(ROOT, 7));
    expect(early(good, true)).toBeNull();
    expect(early({ ...good, 'webhook-timestamp': String(SECONDS - 301) })).not.toBeNull();
  });

  test('neither token is accepted where the hook is known to sign', async () => {
    for (const token of [ROOT, projectHookToken(ROOT, 7)]) {
      expect(await verify(withToken(token), body(7), { signs: [7] })).toEqual(refused);
      expect(await verify(withToken(token), body(7), { requireSigning: true })).toEqual(refused);
    }
    expect(await verify(withToken(ROOT), body(8), { signs: [7] })).toMatchObject({ ok: true });
    expect(await verify(withToken(ROOT), body(8, { project_id: 7 }), { signs: [7] })).toEqual(
      refused,
    );
  });

  test('a replay with new ids keeps its key, another body has another', async () => {
    const key = async (raw: Buffer, id: string) => {
      const result = await verify(
        { ...withToken(ROOT), 'idempotency-key': id, 'webhook-id': id, 'x-gitlab-event': id },
        raw,
      );
      return result.ok ? result.dedupeKey : null;
    };
    expect(await key(body(7), 'a')).toBe(await key(body(7), 'b'));
    expect(await key(body(7), 'a')).not.toBe(await key(body(7, { n: 1 }), 'a'));
  });
});

describe('signatures', () => {
  const own = projectSigningToken(ROOT, 7);

  test('the project’s own is accepted, also where signing is required; its id is the key', async () => {
    const headers = signed(body(7), own);
    for (const options of [{}, { requireSigning: true }, { signs: [7] }]) {
      expect(await verify(headers, body(7), options)).toEqual({
        ok: true,
        dedupeKey: 'id:e3f1-4a',
        eventName: 'Note Hook',
      });
    }
  });

  test('a whsec_ root signs for any project, and for a body that is no JSON', async () => {
    for (const raw of [body(7), body(8), Buffer.from('not json')]) {
      expect(await verify(signed(raw, WHSEC), raw, { secret: WHSEC })).toMatchObject({ ok: true });
    }
  });

  test('a whsec_ root that is not 32 bytes long is no signing key', async () => {
    const short = `whsec_${Buffer.alloc(16, 7).toString('base64')}`;
    expect(await verify(signed(body(7), short), body(7), { secret: short })).toEqual(refused);
  });

  test('a signature made by other means holds', async () => {
    // Made with Python's hmac over the bytes 0 to 31 as key.
    const headers = {
      'webhook-id': 'msg_2KWPBgLlAfxdpx2AI54pPJ85f4W',
      'webhook-timestamp': '1768212000',
      'webhook-signature': 'v1,/02SHkTv5GnVtczVMaRE5CbZHySeFGlGzCcs7yummuA=',
    };
    const secret = 'whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=';
    const raw = Buffer.from('{"object_kind":"note"}');
    expect(await verify(headers, raw, { secret })).toMatchObject({ ok: true });
  });

  test('one of several entries may match, other versions are skipped', async () => {
    const headers = signed(body(7), own);
    const wrong = `v1,${Buffer.alloc(32).toString('base64')}`;
    for (const value of [
      `${wrong} ${headers['webhook-signature']}`,
      `v1a,AAAA ${headers['webhook-signature']} ${wrong}`,
    ]) {
      expect(await verify({ ...headers, 'webhook-signature': value }, body(7))).toMatchObject({
        ok: true,
      });
    }
  });

  test.each([-300, 0, 300])('a time %d s off is accepted', async (off) => {
    expect(await verify(signed(body(7), own, 'a', SECONDS + off), body(7))).toMatchObject({
      ok: true,
    });
  });

  test.each([-301, 301, Number.NaN])('a time %d s off is refused', async (off) => {
    expect(await verify(signed(body(7), own, 'a', SECONDS + off), body(7))).toEqual(refused);
  });

  const good = signed(body(7), own);
  const both = body(7, { project_id: 8 });
  test.each<[string, Record<string, unknown>, Buffer?]>([
    ['a changed body', {}, body(7, { n: 1 })],
    ['a body with a blank behind it', {}, Buffer.from(`${body(7).toString()} `)],
    ['the body of another project', {}, body(8)],
    ['a changed id', { 'webhook-id': 'other' }],
    ['an id with a dot', signed(body(7), own, 'a.b')],
    ['no id', { 'webhook-id': undefined }],
    ['a list of ids', { 'webhook-id': ['e3f1-4a'] }],
    ['a changed time', { 'webhook-timestamp': String(SECONDS + 1) }],
    ['no time', { 'webhook-timestamp': undefined }],
    ['a time in words', signed(body(7), own, 'a', '1e9')],
    ['an empty signature', { 'webhook-signature': '' }],
    ['a signature without version', { 'webhook-signature': good['webhook-signature']?.slice(3) }],
    [
      'a signature of another version',
      { 'webhook-signature': good['webhook-signature']?.replace('v1', 'v2') },
    ],
    ['a short signature', { 'webhook-signature': 'v1,AAAA' }],
    [
      'the signature sent twice',
      { 'webhook-signature': `${good['webhook-signature']}, ${good['webhook-signature']}` },
    ],
    ['a signature of 1 MB', { 'webhook-signature': `v1,${'A'.repeat(1_000_000)}` }],
    [
      '1,000 signatures',
      { 'webhook-signature': `v1,AA== `.repeat(1000) + good['webhook-signature'] },
    ],
    ['17 signatures', { 'webhook-signature': 'v1,AA== '.repeat(16) + good['webhook-signature'] }],
    ['a body of two projects', signed(both, own), both],
    ['a list of signatures', { 'webhook-signature': [good['webhook-signature']] }],
    ['another project’s signature', signed(body(7), projectSigningToken(ROOT, 8))],
    ['the root’s text as key', signed(body(7), `whsec_${Buffer.from(ROOT).toString('base64')}`)],
  ])('%s is refused, and the right token does not help', async (_, change, raw = body(7)) => {
    const headers = { ...good, ...change, 'x-gitlab-token': ROOT } as Headers;
    expect(await verify(headers, raw)).toEqual(refused);
  });
});

test('the name of the event is fit for a log line', async () => {
  const name = async (event: string | undefined) => {
    const result = await verify({ 'x-gitlab-token': ROOT, 'x-gitlab-event': event }, body(7));
    return result.ok ? result.eventName : null;
  };
  expect(await name('Issue Hook')).toBe('Issue Hook');
  expect(await name('a\r\n\u001b[31mb')).toBe('a???[31mb');
  expect(await name('x'.repeat(5000))).toHaveLength(100);
  expect(await name(undefined)).toBe('unnamed');
});
