import assert from 'node:assert/strict';
import { test } from 'node:test';
import { slugify } from '../src/slugify.js';

test('puts hyphens between words', () => {
  assert.equal(slugify('  Hello, big World! '), 'hello-big-world');
});
