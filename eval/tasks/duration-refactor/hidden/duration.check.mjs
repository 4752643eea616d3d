import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

const SRC = join(process.env.REPO, 'src');
const { createCache } = await import(join(SRC, 'cache.js'));
const { nextDue } = await import(join(SRC, 'schedule.js'));
const GOOD = { '0s': 0, '90s': 90_000, '5m': 300_000, '2h30m': 9_000_000, '1d1s': 86_401_000 };
const BAD = ['', '5', '5x', '3m2h', ' 5m', '-5m', '1.5h', '5M', null, undefined];

/** How long a cache keeps a value, found by asking it. */
function ttlOf(text) {
  let now = 0;
  const cache = createCache(text, () => now);
  cache.set('a', 1);
  now = GOOD[text] - 1;
  const before = cache.get('a');
  now = GOOD[text];
  return [before, cache.get('a')];
}

test('there is one module that understands durations', async () => {
  const { parseDuration } = await import(join(SRC, 'duration.js'));
  for (const [text, ms] of Object.entries(GOOD)) assert.equal(parseDuration(text), ms);
  for (const text of BAD) assert.equal(parseDuration(text), null, String(text));
});
test('both others use it and have no arithmetic of their own', () => {
  for (const name of ['cache.js', 'schedule.js']) {
    const text = readFileSync(join(SRC, name), 'utf8');
    assert.match(text, /from '\.\/duration\.js'|from "\.\/duration\.js"/, name);
    assert.doesNotMatch(text, /\\d|3[_]?600|86[_]?400|\* 60\b/, name);
  }
  const holders = readdirSync(SRC).filter((name) =>
    readFileSync(join(SRC, name), 'utf8').includes('(\\d+)h'),
  );
  assert.ok(holders.length <= 1, holders.join());
});
test('the cache keeps values as long as before', () => {
  for (const text of ['90s', '5m', '2h30m', '1d1s']) assert.deepEqual(ttlOf(text), [1, undefined]);
  assert.equal(createCache('0s', () => 0).get('a'), undefined);
});
test('the cache refuses in its own words', () => {
  for (const text of BAD) {
    const message = `ttl "${text}" is not a duration such as 90s or 2h30m`;
    assert.throws(() => createCache(text), { name: 'TypeError', message });
  }
});
test('the schedule is due when it was', () => {
  assert.equal(nextDue(1_000, '1h', 5_000), 3_601_000);
  assert.equal(nextDue(0, '2h30m', 9_000_000), 18_000_000);
  assert.equal(nextDue(500, '1d', 0), 500);
});
test('the schedule refuses in its own words', () => {
  for (const text of BAD) {
    const message = `cannot repeat every "${text}"`;
    assert.throws(() => nextDue(0, text, 1), { name: 'RangeError', message });
  }
  const message = 'cannot repeat without a pause';
  assert.throws(() => nextDue(0, '0s', 1), { name: 'RangeError', message });
});
