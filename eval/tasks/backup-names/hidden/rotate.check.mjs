import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';

const ROTATE = join(process.env.REPO, 'bin/rotate.sh');

/** A folder with these files, all touched at the same time, the first of them last. */
function folder(names) {
  const dir = join(mkdtempSync(join(tmpdir(), 'rotate-')), 'back ups');
  mkdirSync(dir);
  names.forEach((name, index) => {
    writeFileSync(join(dir, name), '');
    utimesSync(join(dir, name), 1e9 - index, 1e9 - index);
  });
  return dir;
}
const rotate = (dir, keep) => spawnSync('bash', [ROTATE, dir, keep], { encoding: 'utf8' });

test('the dates in the names count, not those of the files', () => {
  const dir = folder(['a-2026-01-01.tar', 'a-2026-01-02.tar', 'a-2026-01-03.tar']);
  const { status, stdout } = rotate(dir, '1');
  assert.deepEqual([status, stdout], [0, 'deleted a-2026-01-01.tar\ndeleted a-2026-01-02.tar\n']);
  assert.deepEqual(readdirSync(dir), ['a-2026-01-03.tar']);
});
test('names may hold spaces, stars, dashes and line breaks', () => {
  const odd = ['Year 2025-2026-01-01.tar', '*-2026-01-02.tar', '-rf-2026-01-03.tar'];
  const dir = folder([...odd, 'line\nbreak-2026-01-04.tar', 'x-2026-01-05.tar']);
  assert.equal(rotate(dir, '1').status, 0);
  assert.deepEqual(readdirSync(dir), ['x-2026-01-05.tar']);
});
test('shares with different names are compared by their dates', () => {
  const dir = folder(['b-2026-01-01.tar', 'a-2026-01-02.tar', 'b-2026-01-02.tar']);
  assert.equal(rotate(dir, '2').stdout, 'deleted b-2026-01-01.tar\n');
  assert.equal(rotate(dir, '1').stdout, 'deleted a-2026-01-02.tar\n');
});
test('nothing but backups is touched', () => {
  const others = ['photo.jpg', 'a-2026-01-01.tar.gz', 'notes 2026-01-01.tar', 'a-20260101.tar'];
  const dir = folder([...others, 'a-2026-01-01.tar', 'a-2026-01-02.tar']);
  mkdirSync(join(dir, 'old-2026-01-01.tar'));
  rotate(dir, '1');
  const left = [...others, 'a-2026-01-02.tar', 'old-2026-01-01.tar'];
  assert.deepEqual(readdirSync(dir).toSorted(), left.toSorted());
});
test('with few backups nothing happens', () => {
  const dir = folder(['a-2026-01-01.tar']);
  const { status, stdout } = rotate(dir, '5');
  assert.deepEqual([status, stdout, readdirSync(dir)], [0, '', ['a-2026-01-01.tar']]);
  assert.equal(rotate(folder([]), '1').status, 0);
});
test('a wrong number is refused before anything is deleted', () => {
  for (const keep of ['0', '-1', 'two', '']) {
    const dir = folder(['a-2026-01-01.tar', 'a-2026-01-02.tar']);
    const { status, stderr } = rotate(dir, keep);
    assert.equal(status, 2, keep);
    assert.notEqual(stderr, '');
    assert.equal(readdirSync(dir).length, 2);
  }
});
