import { createHash } from 'node:crypto';
import { expect, test } from '@jest/globals';
import { createAuthorizer, presentedToken } from '../../../bot/gateway/authorize.ts';
import type { Grant } from '../../../bot/gateway/types.ts';

const grantOf = (attemptId: number): Grant => ({
  attemptId,
  taskId: 1,
  runId: 1,
  repoId: 1,
  repoDayCapMicrousd: 1,
  models: [],
});

test('a thousand tokens with equal beginnings keep their identities (threat F4)', async () => {
  const tokens = Array.from({ length: 1000 }, (_, i) => `${'a'.repeat(200)}${i}`);
  const hashes = new Map(
    tokens.map((token, i) => [createHash('sha256').update(token).digest('hex'), grantOf(i)]),
  );
  const authorize = createAuthorizer(
    { authorize: async (hash) => hashes.get(hash.toString('hex')) ?? null },
    { now: () => 0, cacheMs: 2000, cacheEntries: 100 },
  );
  for (let round = 0; round < 2; round++) {
    const found = await Promise.all(tokens.map((token) => authorize(token)));
    expect(found.map((grant) => grant?.attemptId)).toEqual(tokens.map((_, i) => i));
  }
  expect(await authorize('a'.repeat(200))).toBeNull();
});

test('a live token is remembered for the time given, a dead one not at all', async () => {
  let now = 0;
  let alive = true;
  let lookups = 0;
  const ledger = {
    authorize: async () => {
      lookups++;
      return alive ? grantOf(1) : null;
    },
  };
  const authorize = createAuthorizer(ledger, { now: () => now, cacheMs: 2000, cacheEntries: 10 });
  await authorize('t');
  now = 1999;
  alive = false;
  expect(await authorize('t')).not.toBeNull();
  expect(lookups).toBe(1);
  now = 2000;
  expect(await authorize('t')).toBeNull();
  alive = true;
  expect(await authorize('t')).not.toBeNull();
  expect(lookups).toBe(3);
});

test.each([
  [{ authorization: 'Bearer abc' }, 'abc'],
  [{ authorization: 'bearer  abc' }, 'abc'],
  [{ 'x-api-key': 'abc' }, 'abc'],
  [{ authorization: 'Bearer abc', 'x-api-key': 'def' }, 'abc'],
  [{ authorization: 'Basic abc', 'x-api-key': 'def' }, 'def'],
  [{ authorization: 'Bearer a b' }, null],
  [{ authorization: 'Bearer ' }, null],
  [{ authorization: `Bearer ${'x'.repeat(5000)}` }, null],
  [{}, null],
])('%j presents %j', (headers, token) => {
  expect(presentedToken(headers)).toBe(token);
});
