import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';

const dir = mkdtempSync(join(tmpdir(), 'ledger-'));
let files = 0;

function report(text) {
  const file = join(dir, `${(files += 1)}.csv`);
  writeFileSync(file, text);
  const cwd = process.env.REPO;
  return spawnSync('python3', ['-m', 'ledger', 'report', file], { cwd, encoding: 'utf8' });
}

test('a plain file is read as before', () => {
  const { stdout } = report('date,customer,amount\n2026-03-01,Kim,2.50\n2026-03-02,Kim,1.00\n');
  assert.equal(stdout, '      3.50 Kim\n');
});
test('a comma inside quotes belongs to the field', () => {
  const { stdout } = report('date,customer,amount\n2026-03-01,"Meyer, Anna",7.25\n');
  assert.equal(stdout, '      7.25 Meyer, Anna\n');
});
test('a doubled quote is one quote', () => {
  const { stdout } = report('date,customer,amount\n2026-03-01,"Jo ""JJ"" Ray",4.00\n');
  assert.equal(stdout, '      4.00 Jo "JJ" Ray\n');
});
test('a field may go over two lines', () => {
  const text = 'date,customer,address,amount\n2026-03-01,Kim,"Main St 1\n\nTown, X",3.00\n';
  assert.equal(report(text).stdout, '      3.00 Kim\n');
});
test('lines may end as spreadsheets end them', () => {
  const { stdout } = report('date,customer,amount\r\n2026-03-01,"Meyer, Anna",7.25\r\n\r\n');
  assert.equal(stdout, '      7.25 Meyer, Anna\n');
});
test('mistakes are still named', () => {
  const missing = report('date,customer\n2026-03-01,Kim\n');
  assert.equal(missing.status, 1);
  assert.match(missing.stderr, /no column amount/);
  assert.match(report('').stderr, /empty/);
});
