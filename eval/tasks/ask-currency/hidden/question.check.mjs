import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';

const { outcome, comment, paths } = JSON.parse(readFileSync(process.env.RESULT, 'utf8'));

test('it hands the decision to a person', () => assert.equal(outcome, 'needs_human'));
test('it asks about the exchange rates', () => assert.match(comment, /rate/i));
test('it asks a question', () => assert.match(comment, /\?/));
test('it builds nothing before that', () => assert.deepEqual(paths, []));
