import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';

const CLI = fileURLToPath(new URL('../src/cli.js', import.meta.url));

let folder;
let poem;
before(() => {
  folder = mkdtempSync(join(tmpdir(), 'wordfreq-'));
  poem = join(folder, 'poem.txt');
  writeFileSync(poem, 'The rain falls on the hill,\nthe rain falls in the sea. Rain.\n');
});
after(() => rmSync(folder, { recursive: true }));

function wordfreq(...args) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [CLI, ...args], {
    encoding: 'utf8',
  });
  return { status, stdout, stderr };
}

test('prints a table of the most frequent words', () => {
  assert.deepEqual(wordfreq('--top', '3', poem), {
    status: 0,
    stdout: 'word   count\nthe        4\nrain       3\nfalls      2\n',
    stderr: '',
  });
});

test('prints its options', () => {
  const { status, stdout } = wordfreq('--help');
  assert.equal(status, 0);
  assert.match(stdout, /^Usage: wordfreq \[options\] <file>/);
});

test('says what is wrong with its arguments', () => {
  assert.match(wordfreq().stderr, /Name exactly one file/);
  assert.match(wordfreq('--top', 'few', poem).stderr, /--top needs a number/);
  assert.equal(wordfreq(join(folder, 'missing.txt')).status, 2);
});
