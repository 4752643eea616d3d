/** The gateway at its limits: no key, no provider, slow clients, too many calls, many streams. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { connect } from 'node:net';
import { afterEach, expect, test } from '@jest/globals';
import { scriptFromSteps } from '../../sandbox/model/scripts.ts';
import type { Step } from '../../sandbox/model/scripts.ts';
import type { GatewayDeps } from '../../bot/gateway/types.ts';
import { startGatewayWorld, TOKEN } from '../support/gateway.ts';
import type { GatewayWorld } from '../support/gateway.ts';
import { until } from '../support/until.ts';

const closers: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0)) await close();
});

async function start(steps: Step[], deps?: Partial<GatewayDeps>): Promise<GatewayWorld> {
  const scripts = [scriptFromSteps({ name: 'only', steps })];
  const world = await startGatewayWorld({ scripts, ...(deps === undefined ? {} : { deps }) });
  closers.push(() => world.close());
  return world;
}

const ask = (url: string, extra: object = {}, signal?: AbortSignal): Promise<Response> =>
  fetch(`${url}/openai/v1/responses`, {
    method: 'POST',
    headers: { authorization: `Bearer ${TOKEN}` },
    body: JSON.stringify({ model: 'scripted', input: 'go', ...extra }),
    ...(signal === undefined ? {} : { signal }),
  });

test('a provider without a key is refused, naming the variable', async () => {
  const world = await start([{ text: 'x' }], { providers: { openai: null, anthropic: null } });
  const answer = await ask(world.url);
  expect(answer.status).toBe(403);
  expect(await answer.json()).toMatchObject({
    error: { code: 'provider_not_configured', fix: expect.stringContaining('OPENAI_API_KEY') },
  });
  expect(world.ledger.reservations).toHaveLength(0);
});

test('a provider that cannot be reached costs nothing', async () => {
  const closed = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => closed.once('listening', resolve));
  const { port } = closed.address() as AddressInfo;
  await new Promise((resolve) => closed.close(resolve));
  const access = { baseUrl: `http://127.0.0.1:${port}/v1`, apiKey: 'k' };
  const world = await start([], { providers: { openai: access, anthropic: null } });
  const answer = await ask(world.url);
  expect(answer.status).toBe(429);
  expect(await answer.json()).toMatchObject({
    error: { code: 'model_cooling', message: expect.stringContaining('could not be reached') },
  });
  expect(world.coolDowns.rows).toMatchObject([{ reason: 'unreachable', model: null }]);
  await until(() => world.ledger.rows.length === 1, 30_000, 'the row');
  expect(world.ledger.rows).toMatchObject([{ outcome: 'refused', costMicrousd: 0 }]);
  expect(world.ledger.reservedMicrousd).toBe(0);
});

test('a ledger that is down lets no call through', async () => {
  const world = await start([{ text: 'x' }]);
  world.ledger.reserve = () => Promise.reject(new Error('no database'));
  const answer = await ask(world.url);
  expect(answer.status).toBe(503);
  expect(await answer.json()).toMatchObject({ error: { code: 'gateway_unavailable' } });
  expect(world.model.requests).toHaveLength(0);
});

test('a ledger that cannot settle is logged, and the answer still arrives', async () => {
  const world = await start([{ text: 'whole answer' }]);
  world.ledger.settle = () => Promise.reject(new Error('no database'));
  expect(await (await ask(world.url)).text()).toContain('whole answer');
  await until(() => world.logged.some((line) => line.includes('not settled')), 30_000, 'the log');
});

test('an attempt has a bounded number of calls under way', async () => {
  const world = await start([{ text: 'x', delayMs: 200 }], { limits: { callsPerAttempt: 2 } });
  const answers = await Promise.all([ask(world.url), ask(world.url), ask(world.url)]);
  const statuses = answers.map(({ status }) => status);
  expect(statuses.toSorted()).toEqual([200, 200, 429]);
  await Promise.all(answers.map((answer) => answer.text()));
  expect((await ask(world.url)).status).toBe(200);
});

test('a slow sender is cut off', async () => {
  const world = await start([{ text: 'x' }], { limits: { bodyMs: 100 } });
  const { port } = new URL(world.url);
  const head = `POST /openai/v1/responses HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${TOKEN}\r\n`;
  const answer = await new Promise<string>((resolve) => {
    let text = '';
    const socket = connect(Number(port), '127.0.0.1', () => {
      socket.write(`${head}content-length: 100\r\n\r\n{"model"`);
    });
    socket.on('data', (chunk) => (text += String(chunk)));
    socket.on('close', () => resolve(text));
  });
  expect(answer).toContain('408');
  expect(answer).toContain('request_too_slow');
});

test('a client that does not read holds the provider back, and is let go in time', async () => {
  const text = 'y'.repeat(24 * 400_000);
  const world = await start([{ text }], { limits: { idleMs: 400 } });
  const before = process.memoryUsage().arrayBuffers;
  const answer = await ask(world.url, { stream: true });
  expect(answer.status).toBe(200);
  await until(() => world.ledger.rows.length === 1, 30_000, 'the gateway to let go');
  expect(world.ledger.rows).toMatchObject([{ outcome: 'cut' }]);
  // The answer is far larger than what was held for the client meanwhile.
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(40 * 1024 * 1024);
  await answer.body?.cancel().catch(() => undefined);
}, 60_000);

test('a hundred streams at once all arrive whole and are paid once', async () => {
  const world = await start([{ text: 'word '.repeat(60), chunkDelayMs: 5 }], {
    limits: { callsPerAttempt: 100, defaultOutputTokens: 500 },
  });
  const texts = await Promise.all(
    Array.from({ length: 100 }, async () => (await ask(world.url, { stream: true })).text()),
  );
  expect(texts.every((text) => text.includes('event: response.completed'))).toBe(true);
  await until(() => world.ledger.rows.length === 100, 30_000, 'all rows');
  expect(world.ledger.settled).toHaveLength(100);
  expect(world.ledger.reservedMicrousd).toBe(0);
});
