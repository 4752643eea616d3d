import assert from 'node:assert/strict';
import { test } from 'node:test';
import { printTotal } from '../src/total.js';

test('prints the sum', () => {
  assert.equal(printTotal({ currency: 'EUR', lines: [{ cents: 6000, count: 2 }] }), '120.00 EUR');
});
