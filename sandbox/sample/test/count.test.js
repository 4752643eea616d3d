import assert from 'node:assert/strict';
import { test } from 'node:test';
import { countWords } from '../src/count.js';

test('counts words without regard to case', () => {
  assert.deepEqual(countWords('Rain, rain and more rain. And wind'), [
    { word: 'rain', count: 3 },
    { word: 'and', count: 2 },
    { word: 'more', count: 1 },
    { word: 'wind', count: 1 },
  ]);
});

test('keeps letters of every language together', () => {
  assert.deepEqual(countWords('Café, café; Straße 66'), [
    { word: 'café', count: 2 },
    { word: '66', count: 1 },
    { word: 'straße', count: 1 },
  ]);
});

test('finds nothing in an empty text', () => {
  assert.deepEqual(countWords(' \n'), []);
});
