import assert from 'node:assert/strict';
import { test } from 'node:test';
import { uniqueSlug } from '../src/unique.js';

test('links of the old shop still work', () => {
  assert.equal(uniqueSlug('Hello', new Set(['hello'])), 'hello-2');
  assert.equal(uniqueSlug('!?', new Set()), 'untitled');
});
