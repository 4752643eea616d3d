import assert from 'node:assert/strict';
import { test } from 'node:test';
import { slugify } from '../src/slugify.js';

test('keeps letters with accents', () => {
  assert.equal(slugify('Crème Brûlée'), 'creme-brulee');
  assert.equal(slugify('Größe'), 'groesse');
});

test('puts hyphens between words', () => {
  assert.equal(slugify('  Hello, big World! '), 'hello-big-world');
});
