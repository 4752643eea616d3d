import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createCache } from '../src/cache.js';
import { nextDue } from '../src/schedule.js';

test('a value is gone after its time', () => {
  let now = 0;
  const cache = createCache('1m30s', () => now);
  cache.set('a', 1);
  now = 89_999;
  assert.equal(cache.get('a'), 1);
  now = 90_000;
  assert.equal(cache.get('a'), undefined);
});

test('says when it is due next', () => {
  assert.equal(nextDue(1_000, '1h', 5_000), 3_601_000);
});
