import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseDuration } from '../src/duration.js';

test('understands durations and nothing else', () => {
  assert.equal(parseDuration('1d2h3m4s'), 93_784_000);
  assert.equal(parseDuration('0s'), 0);
  for (const text of ['', '5', '5x', '3m2h', null]) assert.equal(parseDuration(text), null);
});
