import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';

const { createClient } = await import(`${process.env.REPO}/src/client.js`);
const NOW = Date.parse('2026-05-01T12:00:00Z');

/** A client whose server gives these answers in turn, and what happened. */
function world(answers, options = {}) {
  const seen = { waits: [], calls: 0 };
  const fetch = async () => {
    const [status, headers = {}, body = ''] = answers[Math.min(seen.calls, answers.length - 1)];
    seen.calls += 1;
    return new Response(body, { status, headers });
  };
  const sleep = async (ms) => void seen.waits.push(ms);
  const client = createClient({ baseUrl: 'http://x', fetch, sleep, now: () => NOW, ...options });
  return { client, seen };
}
const OK = [200, {}, '{"ok":true}'];

test('waits the seconds that the server names', async () => {
  const { client, seen } = world([[429, { 'retry-after': '7' }], OK]);
  assert.deepEqual(await client.request('GET', '/a'), { ok: true });
  assert.deepEqual(seen.waits, [7000]);
});
test('waits until the date that the server names', async () => {
  const later = new Date(NOW + 12_000).toUTCString();
  const { client, seen } = world([[503, { 'retry-after': later }], OK]);
  await client.request('HEAD', '/a');
  assert.deepEqual(seen.waits, [12_000]);
});
test('a date in the past means now', async () => {
  const before = new Date(NOW - 60_000).toUTCString();
  const { client, seen } = world([[503, { 'retry-after': before }], OK]);
  await client.request('GET', '/a');
  assert.equal(seen.calls, 2);
  assert.ok(seen.waits.every((ms) => ms === 0));
});
test('backs off without the header, or with a strange one', async () => {
  const { client, seen } = world([[503], [503, { 'retry-after': 'soon' }], OK]);
  await client.request('GET', '/a');
  assert.deepEqual(seen.waits, [500, 1000]);
});
test('never waits longer than 30 seconds', async () => {
  const { client, seen } = world([[429, { 'retry-after': '900' }], OK]);
  await client.request('GET', '/a');
  assert.deepEqual(seen.waits, [30_000]);
});
test('gives up after three further tries, or as many as it is told', async () => {
  const first = world([[429, {}, 'busy']]);
  const error = { name: 'HttpError', status: 429, body: 'busy' };
  await assert.rejects(first.client.request('GET', '/a'), error);
  assert.deepEqual([first.seen.calls, first.seen.waits.length], [4, 3]);
  const none = world([[429]], { retries: 0 });
  await assert.rejects(none.client.request('GET', '/a'), { status: 429 });
  assert.equal(none.seen.calls, 1);
});
test('does nothing twice that is not safe, and retries no other status', async () => {
  for (const [method, status] of [
    ['POST', 503],
    ['DELETE', 429],
    ['GET', 500],
    ['GET', 404],
  ]) {
    const { client, seen } = world([[status]]);
    await assert.rejects(client.request(method, '/a', method === 'POST' ? {} : undefined));
    assert.equal(seen.calls, 1, `${method} ${status}`);
  }
});
test('the README names the option', () => {
  assert.match(readFileSync(`${process.env.REPO}/README.md`, 'utf8'), /`retries`/);
});
