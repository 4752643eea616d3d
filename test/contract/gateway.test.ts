/** The gateway between the official SDKs and the scripted provider. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import Anthropic from '@anthropic-ai/sdk';
import OpenAI from 'openai';
import { scriptFromSteps } from '../../sandbox/model/scripts.ts';
import { GRANT, startGatewayWorld, TOKEN } from '../support/gateway.ts';
import type { GatewayWorld } from '../support/gateway.ts';
import { until } from '../support/until.ts';

const KEYS = { openai: 'sk-CANARYopenai7f3k', anthropic: 'sk-ant-CANARYanthropic9x2' };
const TEXT = 'Ein längerer Text, mit Umlauten und 🙂, '.repeat(5);
const USAGE = {
  inputTokens: 1000,
  cachedInputTokens: 400,
  cacheWriteTokens: 100,
  outputTokens: 50,
};
/** 500 fresh at 4, 400 cached at 1, 100 written at 5, 50 out at 20 micro-dollars. */
const COST = 500 * 4 + 400 + 100 * 5 + 50 * 20;

let world: GatewayWorld;
let openai: OpenAI;
let anthropic: Anthropic;

beforeAll(async () => {
  const steps = [
    { text: TEXT, toolCalls: [{ name: 'read_file', arguments: { path: 'a' } }], usage: USAGE },
    { text: 'Done.', usage: USAGE },
  ];
  const slow = [{ text: TEXT, chunkDelayMs: 20 }];
  world = await startGatewayWorld({
    keys: KEYS,
    scripts: [
      scriptFromSteps({ name: 'slow', matches: (c) => c.system === 'slow', steps: slow }),
      scriptFromSteps({ name: 'main', steps }),
    ],
    deps: {
      limits: {
        ...{ firstMs: 300, idleMs: 300, maxOutputTokens: 2_000, bodyBytes: 1 << 20 },
        // Each test begins without the cool-downs of the one before.
        ...{ coolDownsFreshMs: -1, coolDownsStaleMs: -1 },
      },
    },
  });
  openai = new OpenAI({ baseURL: `${world.url}/openai/v1`, apiKey: TOKEN, logLevel: 'off' });
  anthropic = new Anthropic({ baseURL: `${world.url}/anthropic`, apiKey: TOKEN, logLevel: 'off' });
});
afterAll(() => world.close());

beforeEach(() => {
  world.model.requests.length = 0;
  world.coolDowns.rows.length = 0;
  world.ledger.rows.length = 0;
  world.ledger.settled.length = 0;
  world.ledger.reservations.length = 0;
  world.ledger.capMicrousd = 1e9;
});

const POST: Record<string, { path: string; upstream: string; body: Record<string, unknown> }> = {
  responses: {
    path: '/openai/v1/responses',
    upstream: '/v1/responses',
    body: { model: 'scripted', input: 'go' },
  },
  chat: {
    path: '/openai/v1/chat/completions',
    upstream: '/v1/chat/completions',
    body: { model: 'scripted', messages: [{ role: 'user', content: 'go' }] },
  },
  messages: {
    path: '/anthropic/v1/messages',
    upstream: '/v1/messages',
    body: {
      model: 'scripted',
      max_tokens: 500,
      messages: [{ role: 'user', content: 'go' }],
    },
  },
};
type Kind = keyof typeof POST;
const post = (kind: Kind, extra: object = {}, init: RequestInit = {}): Promise<Response> =>
  fetch(world.url + POST[kind]!.path, {
    method: 'POST',
    body: JSON.stringify({ ...POST[kind]!.body, ...extra }),
    headers: { authorization: `Bearer ${TOKEN}`, 'content-type': 'application/json' },
    ...init,
  });
const settled = (): Promise<void> =>
  until(() => world.ledger.rows.length === world.ledger.reservations.length, 30_000, 'the ledger');

describe('the official SDKs', () => {
  test('responses, streamed and whole', async () => {
    const tools = [
      { type: 'function' as const, name: 'read_file', strict: false, parameters: null },
    ];
    const request = { model: 'scripted', input: 'go', tools };
    const streamed = await openai.responses.stream(request).finalResponse();
    const whole = await openai.responses.create(request);
    expect(streamed.output_text).toBe(TEXT);
    expect(whole.output_text).toBe(TEXT);
    expect(streamed.usage!.input_tokens_details.cached_tokens).toBe(400);
    expect(world.model.requests[0]!.body).toMatchObject({ store: false, max_output_tokens: 2000 });
  });

  test('chat completions, with the usage chunk even when it was not asked for', async () => {
    const request = {
      model: 'scripted',
      messages: [{ role: 'user' as const, content: 'go' }],
      stream: true as const,
    };
    let text = '';
    for await (const chunk of await openai.chat.completions.create(request)) {
      text += chunk.choices[0]?.delta.content ?? '';
    }
    expect(text).toBe(TEXT);
    await settled();
    expect(world.ledger.rows[0]).toMatchObject({ outcome: 'ok', costMicrousd: COST });
  });

  test('messages, streamed and whole, with key or bearer', async () => {
    const request = { ...(POST.messages!.body as unknown as Anthropic.MessageCreateParams) };
    const final = await anthropic.messages.stream(request).finalMessage();
    expect(final.content[0]).toMatchObject({ text: TEXT });
    const bearer = new Anthropic({
      baseURL: `${world.url}/anthropic`,
      apiKey: null,
      authToken: TOKEN,
    });
    const whole = await bearer.messages.create({ ...request, stream: false });
    expect(whole.stop_reason).toBe('tool_use');
    const beta = await bearer.beta.messages.create({
      ...(POST.messages!.body as unknown as Anthropic.Beta.MessageCreateParamsNonStreaming),
      betas: ['some-beta-2026-01-01'],
    });
    expect(beta.content).toHaveLength(2);
    expect(world.model.requests.at(-1)!.headers['anthropic-beta']).toBe('some-beta-2026-01-01');
  });

  test('the model list is the attempt’s own, and asks no provider', async () => {
    const { data } = await openai.models.list();
    expect(data.map(({ id }) => id)).toEqual(['scripted', 'unpriced']);
    expect(world.model.requests).toHaveLength(0);
  });
});

describe.each(Object.keys(POST))('%s', (kind) => {
  test.each([true, false])(
    'bytes pass unchanged and usage is recorded (stream: %s)',
    async (stream) => {
      const answer = await post(kind, { stream });
      const through = await answer.text();
      const sent = world.model.requests[0]!;
      // The same request straight to the provider gives the same bytes but for its serial number.
      const direct = await fetch(world.model.url + POST[kind]!.upstream, {
        method: 'POST',
        body: sent.bodyText,
        headers: { authorization: `Bearer ${KEYS[kind === 'messages' ? 'anthropic' : 'openai']}` },
      });
      const unnumbered = (text: string): string =>
        text.replaceAll(/(resp|msg|call|fc|toolu|chatcmpl)([_-])\d+/g, '$1$2N');
      expect(unnumbered(through)).toBe(
        unnumbered(await direct.text()).replaceAll(
          /"created(_at)?":\d+/g,
          (_, at: string | undefined) =>
            `"created${at ?? ''}":${/"created(?:_at)?":(\d+)/.exec(through)![1]}`,
        ),
      );
      expect(answer.headers.get('content-type')).toMatch(
        stream ? /^text\/event-stream/ : /^application\/json/,
      );
      await settled();
      expect(world.ledger.rows).toEqual([
        {
          attemptId: GRANT.attemptId,
          callId: expect.any(String),
          provider: kind === 'messages' ? 'anthropic' : 'openai',
          model: 'scripted',
          inputTokens: 1000,
          cachedInputTokens: 400,
          outputTokens: 50,
          costMicrousd: COST,
          outcome: 'ok',
        },
      ]);
      expect(world.ledger.settled).toEqual([
        { reserved: world.ledger.reservations[0], spent: COST },
      ]);
      expect(world.ledger.reservedMicrousd).toBe(0);
    },
  );

  test('the provider sees its key and listed headers, nothing else of the client', async () => {
    const headers = {
      authorization: `Bearer ${TOKEN}`,
      'content-type': 'application/json',
      'user-agent': 'probe/1',
      'openai-beta': 'x=1',
      cookie: 'a=b',
      'x-forwarded-for': '10.0.0.1',
      'private-token': 'glpat-secret',
      'x-gitlab-token': 'hook-secret',
      'openai-organization': 'org-1',
    };
    await (await post(kind, {}, { headers })).text();
    const seen = world.model.requests[0]!.headers;
    const key = KEYS[kind === 'messages' ? 'anthropic' : 'openai'];
    expect(kind === 'messages' ? seen['x-api-key'] : seen['authorization']).toContain(key);
    expect(seen).toMatchObject({ 'user-agent': 'probe/1', 'openai-beta': 'x=1' });
    const names = Object.keys(seen).filter(
      (name) => !/^(sec-|accept|content-|connection|host)/.test(name),
    );
    const keyHeader = kind === 'messages' ? ['anthropic-version', 'x-api-key'] : ['authorization'];
    expect(names.toSorted()).toEqual([...keyHeader, 'openai-beta', 'user-agent'].toSorted());
    expect(JSON.stringify(seen)).not.toContain(TOKEN);
  });

  test('a client that leaves ends the call to the provider and pays for what was made', async () => {
    const stop = new AbortController();
    const system =
      kind === 'responses'
        ? { instructions: 'slow' }
        : kind === 'messages'
          ? { system: 'slow' }
          : {
              messages: [
                { role: 'system', content: 'slow' },
                { role: 'user', content: 'x' },
              ],
            };
    const answer = await post(kind, { ...system, stream: true }, { signal: stop.signal });
    const reader = answer.body!.getReader();
    await reader.read();
    stop.abort();
    await reader.read().catch(() => undefined);
    await until(() => world.model.requests[0]!.aborted, 30_000, 'the provider to see the end');
    await settled();
    expect(world.ledger.rows).toMatchObject([{ outcome: 'cut', model: 'scripted' }]);
    expect(world.ledger.rows[0]!.costMicrousd).toBeGreaterThan(0);
    expect(world.ledger.settled).toHaveLength(1);
  });

  test.each([
    [{ cutAfterBytes: 900 }, 'cut'],
    [{ hangAfterBytes: 900 }, 'cut'],
    [{ errorEventAt: 6 }, 'cut'],
    [{ malformedEventAt: 3 }, 'ok'],
  ])('a stream with %j ends for the client too, and is settled as %s', async (fault, outcome) => {
    world.model.fail(fault);
    const answer = await post(kind, { stream: true });
    const broke = await answer.text().then(
      () => false,
      () => true,
    );
    const cut = 'cutAfterBytes' in fault || 'hangAfterBytes' in fault;
    expect(broke).toBe(cut);
    await settled();
    expect(world.ledger.rows).toMatchObject([{ outcome }]);
    expect(world.ledger.rows[0]!.inputTokens).toBeGreaterThan(10);
    expect(world.ledger.settled).toHaveLength(1);
  });

  test('an error as the first event costs nothing', async () => {
    world.model.fail({ errorEventAt: 0 });
    await (await post(kind, { stream: true })).text();
    await settled();
    expect(world.ledger.rows).toMatchObject([{ outcome: 'refused', costMicrousd: 0 }]);
  });

  test('a provider that says nothing is given up, and left alone', async () => {
    world.model.fail({ hang: true });
    const silent = await post(kind, { stream: true });
    expect(silent.status).toBe(429);
    expect(await silent.text()).toContain('did not answer in time; it is left alone until');
    await settled();
    expect(world.ledger.rows).toMatchObject([{ outcome: 'cut' }]);
    expect(world.coolDowns.rows).toMatchObject([{ reason: 'timeout', model: 'scripted' }]);
  });

  test('errors pass with their status, without key, extra fields or headers', async () => {
    const key = KEYS[kind === 'messages' ? 'anthropic' : 'openai'];
    world.model.fail({
      status: 422,
      headers: { 'retry-after': '7', 'x-request-id': 'req_1', 'set-cookie': 'a=b', 'x-org': 'o' },
      body: {
        error: {
          type: 'invalid_request_error',
          message: `not so ${key} and sk-proj-****abcd`,
          debug: { authorization: key },
        },
      },
    });
    const answer = await post(kind);
    expect(answer.status).toBe(422);
    expect(answer.headers.get('retry-after')).toBe('7');
    expect(answer.headers.get('x-request-id')).toBe('req_1');
    expect(answer.headers.has('set-cookie') || answer.headers.has('x-org')).toBe(false);
    const body = (await answer.json()) as { error: object };
    expect(body.error).toEqual({
      type: 'invalid_request_error',
      message: 'not so [key] and [key]',
    });
    await settled();
    expect(world.ledger.rows).toMatchObject([
      { outcome: 'refused', costMicrousd: 0, inputTokens: 0, outputTokens: 0 },
    ]);
    expect(world.ledger.settled[0]!.spent).toBe(0);
    expect(world.coolDowns.rows).toEqual([]);
  });

  test('a key the provider refuses is the installation’s matter, not the attempt’s end', async () => {
    world.model.fail({ status: 401, body: { error: { message: `Incorrect key ${KEYS.openai}` } } });
    const answer = await post(kind);
    expect(answer.status).toBe(403);
    expect(await answer.json()).toMatchObject({ error: { code: 'provider_key_refused' } });
  });

  test('a redirect is not followed', async () => {
    world.model.fail({ status: 307, headers: { location: 'http://127.0.0.1:1/steal' } });
    const answer = await post(kind);
    expect(answer.status).toBe(502);
    expect(world.model.requests).toHaveLength(1);
  });
});

describe('refusals', () => {
  const viaSdk: Record<string, (model: string) => Promise<unknown>> = {
    openai: (model) => openai.responses.create({ model, input: 'x' }),
    anthropic: (model) => anthropic.messages.create({ model, max_tokens: 9, messages: [] }),
  };

  test.each(['openai', 'anthropic'])(
    '%s: over the cap is terminal and names the sums',
    async (name) => {
      world.ledger.capMicrousd = world.ledger.spentMicrousd + 10;
      const error = await viaSdk[name]!('scripted').catch((caught: unknown) => caught);
      expect(error).toMatchObject({ status: 403 });
      expect((error as Error).message).toMatch(
        /budget of this task is \$\d+\.\d\d; \$\d+\.\d\d are spent/,
      );
      expect(JSON.stringify(error)).toContain('budget_exceeded');
      expect(world.model.requests).toHaveLength(0);
      // One look at the ledger, so neither SDK tried again.
      expect(world.ledger.reservations).toHaveLength(0);
    },
  );

  test.each([
    ['run', null, /budget of this run is .*a maintainer can raise the budget/],
    [
      'repo_day',
      '2026-11-22T00:00:00.000Z',
      /this repository for today .*opens again at 2026-11-22/,
    ],
    ['installation_day', '2026-11-22T00:00:00.000Z', /this installation for today .*opens again/],
  ] as const)('a full %s is terminal too, and says what helps', async (level, opensAt, message) => {
    world.ledger.capMicrousd = world.ledger.spentMicrousd + 10;
    world.ledger.full = { level, opensAt };
    const error = await viaSdk['openai']!('scripted').catch((caught: unknown) => caught);
    world.ledger.full = { level: 'task', opensAt: null };
    expect(error).toMatchObject({ status: 403 });
    expect((error as Error).message).toMatch(message);
    expect(world.model.requests).toHaveLength(0);
  });

  test.each([
    ['openai', 'other', 403, 'model_not_allowed'],
    ['anthropic', 'other', 403, 'model_not_allowed'],
    ['openai', 'unlisted', 403, 'model_not_allowed'],
    ['openai', 'unpriced', 403, 'model_not_priced'],
  ])('%s/%s → %i %s', async (provider, model, status, code) => {
    const error = await viaSdk[provider]!(model).catch((caught: unknown) => caught);
    expect(error).toMatchObject({ status });
    expect(JSON.stringify(error)).toContain(code);
    expect(world.model.requests).toHaveLength(0);
  });

  test('the model is the one that was checked, however often the body names it', async () => {
    const body = '{"model":"other","input":"x","model":"scripted"}';
    await (await post('responses', {}, { body })).text();
    expect(world.model.requests[0]!.bodyText).not.toContain('other');
  });

  test.each(['', 'Bearer ', `Bearer ${TOKEN}x`, `Bearer ${TOKEN.slice(0, -1)}`, 'Basic abc'])(
    'the authorization %j is no attempt',
    async (authorization) => {
      const answer = await post('responses', {}, { headers: { authorization } });
      expect(answer.status).toBe(401);
      expect(answer.headers.get('x-should-retry')).toBe('false');
      expect(await answer.json()).toMatchObject({
        error: { code: 'attempt_over', fix: expect.any(String) },
      });
    },
  );

  test('an SDK reports the end of the attempt at once', async () => {
    const before = world.ledger.lookups;
    const options = { baseURL: `${world.url}/anthropic`, apiKey: 'dead-token-of-yesterday' };
    const dead = new Anthropic({ ...options, logLevel: 'off' });
    const error = await dead.messages
      .create({ model: 'scripted', max_tokens: 9, messages: [] })
      .catch((caught: unknown) => caught);
    expect(error).toMatchObject({ status: 401, error: { error: { code: 'attempt_over' } } });
    expect(world.ledger.lookups).toBe(before + 1);
  });

  test('unknown routes, other methods and bodies that are no JSON', async () => {
    const headers = { authorization: `Bearer ${TOKEN}` };
    const get = (path: string, method = 'GET'): Promise<number> =>
      fetch(world.url + path, { headers, method }).then((answer) => answer.status);
    expect(await get('/openai/v1/files')).toBe(404);
    expect(await get('/openai/v1/responses')).toBe(404);
    expect(await get('/anthropic/v1/files', 'POST')).toBe(404);
    expect(await get('/constructor', 'POST')).toBe(404);
    expect((await post('chat', {}, { body: '{"model":' })).status).toBe(400);
    expect((await post('chat', {}, { body: '[]' })).status).toBe(400);
    expect((await post('chat', { stream: 'yes' })).status).toBe(400);
    expect((await post('chat', { max_tokens: -1 })).status).toBe(400);
    expect((await post('responses', { input: 'x'.repeat(1 << 20) })).status).toBe(413);
    expect(world.model.requests).toHaveLength(0);
  });
});

test('no key appears in any answer or log, also when the provider sends it back', async () => {
  const answers: string[] = [];
  for (const kind of Object.keys(POST)) {
    const key = KEYS[kind === 'messages' ? 'anthropic' : 'openai'];
    for (const status of [400, 401, 403, 404, 429, 500, 529]) {
      for (const body of [
        { error: { message: key, type: key, code: key } },
        { message: key },
        { error: key },
        key,
      ]) {
        const headers = { 'x-request-id': key, 'retry-after': '1', 'x-key': key };
        world.coolDowns.rows.length = 0;
        world.model.fail({ status, body, headers });
        const answer = await post(kind);
        answers.push(await answer.text(), JSON.stringify([...answer.headers]));
      }
    }
    for (const fault of [{ reset: true as const }, { cutAfterBytes: 0 }, { cutAfterBytes: 5 }]) {
      world.coolDowns.rows.length = 0;
      world.model.fail(fault);
      answers.push(String(await (await post(kind)).text().catch((error: Error) => error)));
    }
  }
  await settled();
  const all = [...answers, ...world.logged].join('\n');
  expect(all.length).toBeGreaterThan(10_000);
  expect(all).not.toContain('CANARY');
  expect(world.ledger.reservedMicrousd).toBe(0);
});

test('fifty calls at once never hold or spend more than the cap', async () => {
  const before = world.ledger.spentMicrousd;
  const one = await post('responses');
  await one.text();
  await settled();
  const price = world.ledger.reservations[0]!;
  world.ledger.peakMicrousd = 0;
  world.ledger.capMicrousd = world.ledger.spentMicrousd + Math.floor(price * 7.5);
  const results = await Promise.all(
    Array.from({ length: 50 }, async () => {
      const answer = await post('responses', { stream: true });
      await answer.text();
      return answer.status;
    }),
  );
  await settled();
  const made = results.filter((status) => status === 200).length;
  expect(made).toBeGreaterThanOrEqual(7);
  expect(results.filter((status) => status === 403)).toHaveLength(50 - made);
  expect(world.model.requests).toHaveLength(made + 1);
  expect(world.ledger.peakMicrousd).toBeLessThanOrEqual(world.ledger.capMicrousd);
  expect(world.ledger.spentMicrousd).toBe(before + COST * (made + 1));
});
