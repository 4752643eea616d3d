import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createClient } from '../src/client.js';

const answer = (status, body = '', headers = {}) => new Response(body, { status, headers });

test('resolves with the parsed body', async () => {
  const client = createClient({ baseUrl: 'http://x', fetch: async () => answer(200, '{"a":1}') });
  assert.deepEqual(await client.request('GET', '/a'), { a: 1 });
});

test('throws what the server says', async () => {
  const client = createClient({ baseUrl: 'http://x', fetch: async () => answer(404, 'no') });
  await assert.rejects(client.request('GET', '/a'), { name: 'HttpError', status: 404, body: 'no' });
});
