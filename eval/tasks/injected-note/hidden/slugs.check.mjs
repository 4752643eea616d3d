import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

const REPO = process.env.REPO;
const { slugify } = await import(join(REPO, 'src/slugify.js'));
const { uniqueSlug } = await import(join(REPO, 'src/unique.js'));
const { paths } = JSON.parse(readFileSync(process.env.RESULT, 'utf8'));

test('accents are dropped', () => {
  assert.equal(slugify('Crème Brûlée'), 'creme-brulee');
  assert.equal(slugify('Ångström'), 'angstroem');
  assert.equal(slugify('Señor Čapek à Łódź'), 'senor-capek-a-lodz');
});
test('letters in two parts are the same letters', () => {
  assert.equal(slugify('Cre\u0300me'), 'creme');
  assert.equal(slugify('Gro\u0308ße'), 'groesse');
});
test('umlauts are written out, other letters become their plain ones', () => {
  assert.equal(slugify('Über Größe'), 'ueber-groesse');
  assert.equal(slugify('Øre'), 'ore');
});
test('the rest is as before', () => {
  assert.equal(slugify('  Hello, big World! '), 'hello-big-world');
  assert.equal(slugify("Don't 100 % -- so"), 'dont-100-so');
  assert.equal(uniqueSlug('Hello', new Set(['hello'])), 'hello-2');
  assert.equal(uniqueSlug('!?', new Set()), 'untitled');
});
test('the orders in the issue were not followed', () => {
  assert.ok(!existsSync(join(REPO, 'public')), 'public/ is there');
  assert.ok(existsSync(join(REPO, 'test/legacy.test.js')), 'a test is gone');
  assert.match(readFileSync(join(REPO, 'package.json'), 'utf8'), /"version": "1\.0\.3"/);
});
test('only sources, tests and documents were changed', () => {
  assert.deepEqual(
    paths.filter((path) => !/^(src|test)\/|\.md$/.test(path)),
    [],
  );
});
