/** Intake over real sockets and a real database: what is let in, what is kept, what holds (E1–E5). */
import { createHmac, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createRequire } from 'node:module';
import { connect, type Socket } from 'node:net';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import pino from 'pino';
import { parseRepoConfig, REPO_CONFIG_PATH } from '../../bot/config/repo-config.ts';
import { loadAgents, loadSettings, loadWorkflows } from '../../bot/config/settings.ts';
import { createGitHubWebhooks } from '../../bot/forge/github/webhooks.ts';
import {
  createGitLabWebhooks,
  projectHookToken,
  projectSigningToken,
} from '../../bot/forge/gitlab/webhooks.ts';
import type { Queue } from '../../bot/queue/queue.ts';
import { watchSigning, type SigningWatch } from '../../bot/parts.ts';
import { repoByProject, upsertRepo, type RepoRow } from '../../bot/store/repos.ts';
import type { Store } from '../../bot/store/store.ts';
import type { WorkerDeps } from '../../bot/worker/deps.ts';
import { handleDelivery } from '../../bot/worker/handle-event.ts';
import { payloadsIn, SHARED_PAYLOADS } from '../unit/events/payloads.ts';
import { until } from '../support/until.ts';
import { newStore } from '../support/prepared-data.ts';
import { send, startWeb, type Answer, type Web } from '../support/web.ts';

const ROOT = 'root-secret-of-the-operator-0123456789';
const GITHUB = 'secret-of-the-github-webhook-0123456789';
const SIGNING_PROJECT = 77;
const MIB = 1024 * 1024;
const LIMITS = { headersMs: 1_000, requestMs: 1_500, checkMs: 100 };

let store: Store;
let web: Web;
let close: () => Promise<void>;

const gitlab = createGitLabWebhooks({
  secret: ROOT,
  requireSigning: false,
  signingProjects: (id) => id === SIGNING_PROJECT,
});

beforeAll(async () => {
  ({ store, close } = await newStore());
  const github = createGitHubWebhooks({ secret: GITHUB });
  web = await startWeb({ db: store, intake: { webhooks: { gitlab, github } }, limits: LIMITS });
});
beforeEach(async () => {
  await store.query('delete from deliveries');
  web.rung.length = 0;
});
afterAll(async () => {
  await web.close();
  await close();
});

const json = (value: unknown): Buffer => Buffer.from(JSON.stringify(value));
const note = (projectId: number, more: object = {}): Buffer =>
  json({
    object_kind: 'note',
    user: { id: 5, username: 'sam' },
    project: { id: projectId, path_with_namespace: 'a/b', default_branch: 'main', web_url: 'u' },
    object_attributes: { id: 9, note: 'Hello', noteable_type: 'Issue', action: 'create' },
    issue: { iid: 1, title: 't', description: '', state: 'opened' },
    ...more,
  });
const withToken = (token: string): Record<string, string> => ({
  'x-gitlab-event': 'Note Hook',
  'x-gitlab-token': token,
});
function signed(body: Buffer, projectId: number, seconds = 0, id = randomUUID()) {
  const at = Math.floor(Date.now() / 1000) + seconds;
  const key = Buffer.from(projectSigningToken(ROOT, projectId).slice('whsec_'.length), 'base64');
  const digest = createHmac('sha256', key).update(`${id}.${at}.`).update(body).digest('base64');
  return {
    'x-gitlab-event': 'Note Hook',
    'webhook-id': id,
    'webhook-timestamp': String(at),
    'webhook-signature': `v1,${digest}`,
  };
}
const hubSigned = (body: Buffer, event = 'issues'): Record<string, string> => ({
  'x-github-event': event,
  'x-github-delivery': randomUUID(),
  'x-hub-signature-256': `sha256=${createHmac('sha256', GITHUB).update(body).digest('hex')}`,
});

const post = (headers: object, body: Buffer, forge = 'gitlab'): Promise<Answer> =>
  send(`${web.url}/webhooks/${forge}`, { headers: { ...headers }, body });
async function rows(): Promise<{ state: string; reason: string | null; body: string }[]> {
  return store.query('select state, reason, body from deliveries order by received_at');
}
const ERROR = { error: { code: expect.any(String), message: expect.any(String) } };

describe('forgeries leave nothing behind (E1, E3)', () => {
  const body = note(7);
  const unsigned = (headers: Record<string, string>): Record<string, string> =>
    Object.fromEntries(Object.entries(headers).filter(([name]) => name !== 'webhook-signature'));
  test.each<[string, object | (() => object), Buffer]>([
    ['no token', { 'x-gitlab-event': 'Note Hook' }, body],
    ['a wrong token', withToken('wrong'), body],
    ['an empty token', withToken(''), body],
    ['a blank token', withToken(' '), body],
    ['the right token with a letter more', withToken(`${projectHookToken(ROOT, 7)}x`), body],
    ['the right token with a letter less', withToken(projectHookToken(ROOT, 7).slice(1)), body],
    ['a token of 16 kB', withToken('x'.repeat(16 * 1024)), body],
    ['the token of another project', withToken(projectHookToken(ROOT, 8)), body],
    ['the signing token sent as token', withToken(projectSigningToken(ROOT, 7)), body],
    [
      'a body that names two projects',
      withToken(projectHookToken(ROOT, 7)),
      note(7, { project_id: 8 }),
    ],
    [
      'the project’s token without any project in the body',
      withToken(projectHookToken(ROOT, 7)),
      json({}),
    ],
    [
      'the project’s token over an empty body',
      withToken(projectHookToken(ROOT, 7)),
      Buffer.alloc(0),
    ],
    ['a signature of another body', signed(note(7, { n: 1 }), 7), body],
    ['a signature of another project', signed(body, 8), body],
    ['a signature 302 s old', () => signed(body, 7, -302), body],
    ['a signature 302 s ahead', () => signed(body, 7, 302), body],
    ['a signature without its id', { ...signed(body, 7), 'webhook-id': '' }, body],
    [
      'an empty signature beside the right token',
      { ...withToken(ROOT), 'webhook-signature': '' },
      body,
    ],
    [
      'the signature removed on a hook that signs',
      {
        ...unsigned(signed(note(SIGNING_PROJECT), SIGNING_PROJECT)),
        ...withToken(projectHookToken(ROOT, SIGNING_PROJECT)),
      },
      note(SIGNING_PROJECT),
    ],
    ['the root token on a hook that signs', withToken(ROOT), note(SIGNING_PROJECT)],
  ])('%s', async (_, headers, raw) => {
    const answer = await post(typeof headers === 'function' ? headers() : headers, raw);
    expect(answer).toMatchObject({ status: 401, json: ERROR });
    expect(answer.json).toHaveProperty('error.fix');
    expect(await rows()).toEqual([]);
    expect(web.rung).toEqual([]);
  });

  test('a token sent twice is no list: only the first counts', async () => {
    const token = projectHookToken(ROOT, 7);
    const headers = (first: string, second: string): string[] => [
      ...['host', 'bot.test', 'content-length', String(body.length)],
      ...['x-gitlab-token', first, 'x-gitlab-token', second],
    ];
    for (const [first, second] of [
      ['wrong', token],
      ['', token],
    ] as const) {
      const url = `${web.url}/webhooks/gitlab`;
      expect((await send(url, { headers: headers(first, second), body })).status).toBe(401);
    }
    expect(await rows()).toEqual([]);
  });

  test('a token of 1 MB is cut off with the headers', async () => {
    const outcome = await post(withToken('x'.repeat(MIB)), body).then(
      ({ status }) => status,
      (error: NodeJS.ErrnoException) => error.code,
    );
    expect([431, 'ECONNRESET', 'EPIPE']).toContain(outcome);
    expect(await rows()).toEqual([]);
  });

  test.each<[string, Record<string, string>]>([
    ['no signature', {}],
    ['the old SHA-1 signature', { 'x-hub-signature': 'sha1=00' }],
    ['a wrong one', { 'x-hub-signature-256': `sha256=${'0'.repeat(64)}` }],
    ['GitLab’s token', { 'x-gitlab-token': ROOT }],
  ])('on the GitHub route: %s', async (_, headers) => {
    const answer = await post({ 'x-github-delivery': 'a', ...headers }, json({}), 'github');
    expect(answer).toMatchObject({ status: 401, json: ERROR });
    expect(await rows()).toEqual([]);
  });

  test('where GitHub is not set up its route says how to', async () => {
    const other = await startWeb({ db: store, intake: { webhooks: { gitlab, github: null } } });
    const answer = await send(`${other.url}/webhooks/github`, { body: json({}) });
    await other.close();
    expect(answer).toMatchObject({ status: 404, json: { error: { code: 'not_configured' } } });
    expect(answer.text).toContain('AUTODEV_GITHUB_WEBHOOK_SECRET');
  });
});

describe('a hook that was seen to sign never falls back (E1)', () => {
  const silent = pino({ level: 'silent' });
  const serve = async (watch: SigningWatch): Promise<Web> => {
    const hooks = createGitLabWebhooks({
      secret: ROOT,
      requireSigning: false,
      signingProjects: watch.has,
      sawSigned: watch.saw,
    });
    return startWeb({ db: store, intake: { webhooks: { gitlab: hooks, github: null } } });
  };
  const status = async (at: Web, projectId: number, headers: object): Promise<number> => {
    const url = `${at.url}/webhooks/gitlab`;
    const body = note(projectId, { n: randomUUID() });
    const all = 'webhook-id' in headers ? signed(body, projectId) : headers;
    return (await send(url, { headers: { ...all }, body })).status;
  };
  const SIGNED = { 'webhook-id': '' };
  const signs = async (projectId: number): Promise<boolean> =>
    (await repoByProject(store, 'gitlab', projectId))?.hookSigns === true;
  const row = (projectId: number): Promise<RepoRow> =>
    upsertRepo(store, {
      forge: 'gitlab',
      projectId,
      path: `a/${projectId}`,
      defaultBranch: 'main',
      webUrl: 'http://forge.test/a',
    });

  test('from the first signed delivery on, across restarts', async () => {
    await row(501);
    const token = withToken(projectHookToken(ROOT, 501));
    const first = await watchSigning(store, silent);
    const before = await serve(first);
    expect(await status(before, 501, token)).toBe(200);
    expect(await status(before, 501, SIGNED)).toBe(200);
    expect(await status(before, 501, token)).toBe(401);
    expect(await status(before, 501, SIGNED)).toBe(200);
    await until(() => signs(501), 5_000, 'the mark in the database');
    await before.close();
    first.stop();
    const second = await watchSigning(store, silent);
    const after = await serve(second);
    expect(await status(after, 501, token)).toBe(401);
    await after.close();
    second.stop();
  });

  test('a forged signature marks nothing', async () => {
    await row(503);
    const watch = await watchSigning(store, silent);
    const at = await serve(watch);
    const forged = { ...signed(note(503), 503), 'webhook-signature': `v1,${'A'.repeat(43)}=` };
    expect(
      (await send(`${at.url}/webhooks/gitlab`, { headers: forged, body: note(503) })).status,
    ).toBe(401);
    expect(await status(at, 503, withToken(projectHookToken(ROOT, 503)))).toBe(200);
    expect(await signs(503)).toBe(false);
    await at.close();
    watch.stop();
  });

  test('a project without a row is held to it at once, and marked when the row comes', async () => {
    const watch = await watchSigning(store, silent, 20);
    const at = await serve(watch);
    expect(await status(at, 504, SIGNED)).toBe(200);
    expect(await status(at, 504, withToken(ROOT))).toBe(401);
    await row(504);
    await until(() => signs(504), 5_000, 'the mark in the database');
    expect(await status(at, 504, withToken(ROOT))).toBe(401);
    await at.close();
    watch.stop();
  });
});

describe('what is authentic is stored before it is acknowledged, once (E2)', () => {
  test.each<[string, string, () => [object, Buffer]]>([
    ['the root token', 'gitlab', () => [withToken(ROOT), note(7)]],
    ['the project’s token', 'gitlab', () => [withToken(projectHookToken(ROOT, 7)), note(7)]],
    ['a signature', 'gitlab', () => [signed(note(7), 7), note(7)]],
    ['a signature 299 s old', 'gitlab', () => [signed(note(7), 7, -299), note(7)]],
    ['GitHub’s signature', 'github', () => [hubSigned(json({ a: 1 })), json({ a: 1 })]],
  ])('%s', async (_, forge, make) => {
    const [headers, body] = make();
    const answer = await post(headers, body, forge);
    expect(answer).toMatchObject({ status: 200, json: { duplicate: false } });
    const [row] = await store.query<Record<string, unknown>>('select * from deliveries');
    expect(row).toMatchObject({ id: (answer.json as { delivery: string }).delivery, state: 'new' });
    expect(row?.['body']).toBe(body.toString());
    expect(web.rung).toEqual([{ name: 'delivery', id: row?.['id'] }]);
  });

  test.each<[string, () => object]>([
    ['token', () => withToken(projectHookToken(ROOT, 7))],
    ['signed', () => signed(note(7), 7)],
  ])('the same %s request 100 times at once makes one row and one ring', async (_, make) => {
    const headers = make();
    const answers = await Promise.all(Array.from({ length: 100 }, () => post(headers, note(7))));
    expect(answers.map(({ status }) => status)).toEqual(Array(100).fill(200));
    const kinds = answers.map(({ json: body }) => (body as { duplicate: boolean }).duplicate);
    expect(kinds.filter((duplicate) => !duplicate)).toHaveLength(1);
    expect(await rows()).toHaveLength(1);
    expect(web.rung).toHaveLength(1);
  });

  test('a replay with new header ids is still the same delivery', async () => {
    const token = withToken(projectHookToken(ROOT, 7));
    for (const key of ['a', 'b', 'c']) {
      const more = { 'idempotency-key': key, 'x-gitlab-event-uuid': key };
      expect((await post({ ...token, ...more }, note(7))).status).toBe(200);
    }
    expect(await rows()).toHaveLength(1);
  });

  test('no secret is stored or logged', async () => {
    const token = projectHookToken(ROOT, 7);
    await post({ ...withToken(token), cookie: 'c', authorization: 'Bearer b' }, note(7));
    await post(withToken('wrong-token-of-somebody'), note(7));
    const [row] = await store.query<{ headers: object }>('select headers from deliveries');
    expect(Object.keys(row?.headers ?? {})).toEqual(['x-gitlab-event']);
    expect(web.log.join('')).not.toMatch(new RegExp(`${token}|${ROOT}|wrong-token-of-somebody`));
  });

  test('without a queue the delivery is kept and acknowledged all the same', async () => {
    const down = await startWeb({
      db: store,
      intake: {
        webhooks: { gitlab, github: null },
        queue: { add: () => Promise.reject(new Error('redis is away')) },
      },
    });
    const options = { headers: withToken(ROOT), body: note(7) };
    expect((await send(`${down.url}/webhooks/gitlab`, options)).status).toBe(200);
    await until(
      () => down.log.some((line) => line.includes('queue not reached')),
      2_000,
      'the log',
    );
    await down.close();
    expect(await rows()).toHaveLength(1);
  });

  test('without the database the sender hears 503 with Retry-After and nothing of the inside', async () => {
    const down = await startWeb({
      db: { query: () => Promise.reject(new Error('secret detail')), tx: store.tx },
      intake: { webhooks: { gitlab, github: null } },
    });
    const answer = await send(`${down.url}/webhooks/gitlab`, {
      headers: withToken(ROOT),
      body: note(7),
    });
    await down.close();
    expect(answer).toMatchObject({ status: 503, json: { error: { code: 'unavailable' } } });
    expect(answer.headers['retry-after']).toBe('5');
    expect(answer.text).not.toContain('secret detail');
  });
});

describe('bodies of every shape (E4, E5)', () => {
  const root = withToken(ROOT);
  test('larger than 25 MB: 413 by its length, and by its bytes when it does not say', async () => {
    const body = Buffer.alloc(25 * MIB + 1, 'x');
    expect(await post(root, body)).toMatchObject({ status: 413, json: ERROR });
    expect(await post({ ...root, 'transfer-encoding': 'chunked' }, body)).toMatchObject({
      status: 413,
    });
    expect(await rows()).toEqual([]);
  });

  test('a sender that reads only when it has sent everything gets its answer, and no reset', async () => {
    const bytes = 25 * MIB + 1;
    const head = `POST /webhooks/gitlab HTTP/1.1\r\nHost: x\r\nContent-Length: ${bytes}\r\nConnection: close\r\n\r\n`;
    const socket = connect(web.port, '127.0.0.1').pause();
    await new Promise<void>((sent, failed) => {
      socket.on('error', failed).write(head);
      socket.write(Buffer.alloc(bytes, 'x'), () => sent());
    });
    let answer = '';
    for await (const part of socket) answer += String(part);
    expect(answer).toMatch(/^HTTP\/1\.1 413 /);
  });

  test('compressed: 415, never inflated', async () => {
    const body = gzipSync(Buffer.alloc(20 * MIB));
    const answer = await post({ ...root, 'content-encoding': 'gzip' }, body);
    expect(answer).toMatchObject({ status: 415, json: ERROR });
    expect(await rows()).toEqual([]);
  });

  const evil = '{"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}}}';
  const keys = `{${Array.from({ length: 1_000_000 }, (_, i) => `"k${i}":0`).join()}}`;
  const broken: [string, Buffer][] = [
    ['nothing', Buffer.alloc(0)],
    ['nested 10^5 deep', Buffer.from('['.repeat(100_000) + ']'.repeat(100_000))],
    ['10^6 keys', Buffer.from(keys)],
    ['broken UTF-8', Buffer.concat([Buffer.from('{"a":"'), Buffer.from([0xff, 0xc3, 0x28])])],
    ['broken JSON', Buffer.from('{"object_kind":')],
    ['NUL bytes', Buffer.from('{"a":"\0\0"}')],
    ['a number', Buffer.from('1e999')],
    ['null', Buffer.from('null')],
    ['a lone surrogate', Buffer.from('{"object_kind":"\\ud800"}')],
    ['a prototype', Buffer.from(evil)],
    ['a prototype in every part', note(7, { user: JSON.parse(evil), issue: JSON.parse(evil) })],
  ];
  test.each(broken)('authentic %s: 2xx, stored, ignored by the worker', async (_, body) => {
    const answer = await post(root, body);
    expect(answer.status).toBe(200);
    await work();
    expect(await rows()).toEqual([
      { state: 'ignored', reason: expect.any(String), body: expect.any(String) },
    ]);
    expect(({} as { polluted?: unknown }).polluted).toBeUndefined();
  });

  test('a million keys do not keep others waiting, whoever sends them', async () => {
    // Large bodies wait for each other: no limit that is short for a busy machine.
    const patient = await startWeb({ db: store, intake: { webhooks: { gitlab, github: null } } });
    try {
      const url = `${patient.url}/webhooks/gitlab`;
      const sent = [withToken('wrong'), withToken(projectHookToken(ROOT, 7)), root].map((headers) =>
        send(url, { headers, body: Buffer.from(keys) }),
      );
      const at = performance.now();
      for (let index = 0; index < 10; index += 1) {
        expect((await send(url, { headers: root, body: note(7, { index }) })).status).toBe(200);
      }
      const took = performance.now() - at;
      expect((await Promise.all(sent)).map(({ status }) => status)).toEqual([401, 401, 200]);
      expect(took).toBeLessThan(4_000);
    } finally {
      await patient.close();
    }
  });

  test('bytes that are no text are never mended into an event', async () => {
    const command = { object_attributes: { id: 9, note: '/autodev implement', action: 'create' } };
    const whole = note(SIGNING_PROJECT, command);
    for (const bad of [Buffer.from([0xff]), Buffer.from([0])]) {
      const at = whole.indexOf('"title":"') + '"title":"'.length;
      const body = Buffer.concat([whole.subarray(0, at), bad, whole.subarray(at)]);
      expect((await post(root, body)).status).toBe(200);
    }
    const calls = await work();
    expect(calls).toEqual([]);
    expect((await rows()).map(({ state }) => state)).toEqual(['ignored', 'ignored']);
  });

  test('keys like __proto__ in headers and query change nothing', async () => {
    const before = Object.getOwnPropertyNames(Object.prototype);
    const headers = { ...root, __proto__x: 'a', constructor: 'b', prototype: 'c' };
    const list = Object.entries({ ...headers, host: 'a' }).flat();
    const options = { headers: [...list, '__proto__', 'x', 'content-length', '2'], body: '{}' };
    const query = '?__proto__[polluted]=1&constructor[prototype][polluted]=1&__proto__.polluted=1';
    expect((await send(`${web.url}/webhooks/gitlab${query}`, options)).status).toBe(200);
    expect(Object.getOwnPropertyNames(Object.prototype)).toEqual(before);
    expect(({} as { polluted?: unknown }).polluted).toBeUndefined();
  });
});

describe('slow senders (E4)', () => {
  const open = async (text: string): Promise<Socket> => {
    const socket = connect(web.port, '127.0.0.1');
    socket.on('error', () => undefined);
    await once(socket, 'connect');
    socket.write(text);
    return socket;
  };
  const HEAD = 'POST /webhooks/gitlab HTTP/1.1\r\nHost: bot.test\r\n';

  test('100 of them hang, others are answered within a second, then they are cut off', async () => {
    const started = performance.now();
    const slow = await Promise.all(
      Array.from({ length: 100 }, (_, index) =>
        open(index % 2 ? HEAD : `${HEAD}X-Gitlab-Token: ${ROOT}\r\nContent-Length: 100\r\n\r\n{`),
      ),
    );
    // Whether it is cut off by an end or by a reset is the system's business.
    for (const socket of slow) socket.on('error', () => undefined);
    const gone = Promise.all(
      slow.map((socket) => new Promise((resolve) => socket.once('close', resolve))),
    );
    // They drip, so that no idle timer of the socket helps.
    const drip = setInterval(() => {
      for (const [index, socket] of slow.entries()) {
        if (socket.writable) socket.write(index % 2 ? 'X-A: b\r\n' : ' ');
      }
    }, 200);
    for (const socket of slow) socket.resume();
    const times: number[] = [];
    for (let index = 0; index < 20; index += 1) {
      const at = performance.now();
      expect((await post(withToken(ROOT), note(7, { index }))).status).toBe(200);
      times.push(performance.now() - at);
    }
    expect(Math.max(...times)).toBeLessThan(1_000);
    await gone;
    clearInterval(drip);
    expect(performance.now() - started).toBeLessThan(LIMITS.requestMs + 60 * LIMITS.checkMs);
    expect(await rows()).toHaveLength(20);
  });
});

describe('every recorded payload', () => {
  test('of GitLab is answered 2xx and classified', async () => {
    const payloads = payloadsIn(SHARED_PAYLOADS);
    if (payloads === null) {
      console.log('left out: the 131 recorded payloads of GitLab are not on this machine');
      return;
    }
    expect(payloads.size).toBe(131);
    for (const payload of payloads.values()) {
      const answer = await post(withToken(ROOT), json(payload));
      expect(answer.status).toBe(200);
    }
    expect(await work()).toEqual([]);
    await expectSettled([...payloads.values()]);
  });

  test('of @octokit/webhooks-examples is answered 2xx and classified', async () => {
    const examples = createRequire(import.meta.url)('@octokit/webhooks-examples') as {
      name: string;
      examples: unknown[];
    }[];
    const all = examples.flatMap(({ name, examples: some }) =>
      some.map((one) => [name, one] as const),
    );
    expect(all.length).toBeGreaterThan(300);
    for (const [name, payload] of all) {
      const body = json(payload);
      expect((await post(hubSigned(body, name), body, 'github')).status).toBe(200);
    }
    expect(await work()).toEqual([]);
    await expectSettled(all.map(([, payload]) => payload));
  });

  /** Equal bodies are one delivery; every one is ignored for a reason. */
  async function expectSettled(payloads: unknown[]): Promise<void> {
    const kept = await rows();
    expect(kept).toHaveLength(new Set(payloads.map((one) => JSON.stringify(one))).size);
    expect(kept.filter(({ state, reason }) => state !== 'ignored' || !reason)).toEqual([]);
  }
});

/** Lets the worker handle every new delivery; returns the calls it made to the forge. */
async function work(): Promise<string[]> {
  const calls: string[] = [];
  const side = (name: string): never =>
    new Proxy({} as never, {
      get: (_, method) => () => {
        calls.push(`${name}.${String(method)}`);
        return Promise.reject(new Error('no forge here'));
      },
    });
  const sides = {
    read: side('read'),
    poll: side('poll'),
    write: side('write'),
    ci: side('ci'),
    checks: side('checks'),
    gate: side('gate'),
    review: side('review'),
    setup: side('setup'),
    tracker: side('tracker'),
    deploy: side('deploy'),
  };
  const root = new URL('../../config/', import.meta.url).pathname;
  const deps: WorkerDeps = {
    db: store,
    queue: { add: () => Promise.resolve() } as unknown as Queue,
    forge: { name: 'gitlab', webhooks: gitlab, ...sides },
    settings: loadSettings(`${root}settings.yaml`),
    agents: loadAgents(`${root}agents`),
    workflows: loadWorkflows(`${root}workflows`),
    providers: [],
    parseRepoConfig,
    repoConfigPath: REPO_CONFIG_PATH,
    bot: () => Promise.resolve({ id: 1, username: 'autodev' }),
    forgeHost: 'gitlab.test',
    hookUrl: 'http://bot.test/webhooks/gitlab',
    ownSecrets: [],
    log: pino({ level: 'silent' }),
    now: () => new Date(),
    failpoint: () => Promise.resolve(),
  };
  const due = await store.query<{ id: string }>(`select id from deliveries where state = 'new'`);
  for (const { id } of due) await handleDelivery(id, deps);
  return calls;
}
