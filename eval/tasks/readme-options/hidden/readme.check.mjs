import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

const REPO = process.env.REPO;
const readme = readFileSync(join(REPO, 'README.md'), 'utf8');
const { paths } = JSON.parse(readFileSync(process.env.RESULT, 'utf8'));
const OPTIONS = ['--first', '--column', '--separator', '--header'];

/** Each `$ command` of the console blocks with the lines below it. */
const examples = [...readme.matchAll(/^```console\n([^]*?)^```$/gm)].flatMap(([, block]) =>
  block
    .split(/^\$ /m)
    .slice(1)
    .map((part) => {
      const [command, ...lines] = part.split('\n');
      return { command, output: lines.join('\n').trimEnd() };
    }),
);

test('every option is in a table', () => {
  const rows = readme.split('\n').filter((line) => line.startsWith('|'));
  for (const option of OPTIONS) {
    assert.ok(
      rows.some((row) => row.includes(option)),
      option,
    );
  }
});
test('no option is described that is not there', () => {
  const named = [...readme.matchAll(/--[a-z][a-z-]*/g)].map(([name]) => name);
  assert.deepEqual(
    named.filter((name) => ![...OPTIONS, '--help'].includes(name)),
    [],
  );
});
test('the examples print what the README says', () => {
  assert.ok(examples.length >= 3, `${examples.length} examples`);
  for (const { command, output } of examples) {
    const ran = spawnSync('bash', ['-c', command], { cwd: REPO, encoding: 'utf8' });
    assert.equal(ran.stdout.trimEnd(), output, command);
    assert.equal(ran.status, 0, command);
  }
});
test('the examples show columns, a separator and the header', () => {
  for (const option of ['--first', '--separator', '--header']) {
    assert.ok(
      examples.some(({ command }) => command.includes(option)),
      option,
    );
  }
});
test('the exit codes are named', () => {
  const last = readme.slice(readme.search(/exit/i));
  for (const code of ['0', '1', '2', '3']) assert.match(last, new RegExp(`\\b${code}\\b`));
});
test('nothing but documentation was changed', () => {
  assert.deepEqual(
    paths.filter((path) => !path.endsWith('.md')),
    [],
  );
});
