/** When changes count as made already: every byte the same, and nothing that a file's text cannot show. */
import { describe, expect, test } from '@jest/globals';
import { digestOf, findSame } from '../../../bot/worker/effects/same-changes.ts';
import type { ForgeRead } from '../../../bot/forge/forge.ts';
import type { Db } from '../../../bot/store/db.ts';
import type { FileChange } from '../../../schema/wire/result.ts';
import { attempt, run, SHA } from '../decide/builders.ts';

const HEAD = 'c'.repeat(40);

function change(
  path: string,
  content: string | Buffer | null,
  patch: Partial<FileChange> = {},
): FileChange {
  const base: FileChange = { path, action: content === null ? 'delete' : 'update', mode: '100644' };
  return {
    ...base,
    ...(content === null ? {} : { content: Buffer.from(content).toString('base64') }),
    ...patch,
  };
}

/** Files at the base of the work and at the default branch's head, as the API tells them. */
function forge(base: Record<string, string>, head: Record<string, string>, headSha = HEAD) {
  const asked: string[] = [];
  const read = {
    branch: () => Promise.resolve({ sha: headSha, message: '' }),
    file: (_project: number, path: string, ref: string) => {
      asked.push(`${path}@${ref.slice(0, 1)}`);
      return Promise.resolve((ref === SHA ? base : head)[path] ?? null);
    },
  } as unknown as ForgeRead;
  const db = { query: () => Promise.resolve([]) } as unknown as Db;
  return { asked, from: { read, db, projectId: 7 } };
}

const look = (
  changes: FileChange[],
  base: Record<string, string>,
  head: Record<string, string>,
  headSha?: string,
) => findSame(run(), attempt(), changes, forge(base, head, headSha).from);

describe('the default branch', () => {
  const there = { branch: 'main', sha: HEAD };

  test('has every file as it would become', async () => {
    const changes = [change('a.js', 'new\n'), change('old.js', null), change('b.js', 'b\n')];
    const head = { 'a.js': 'new\n', 'b.js': 'b\n' };
    expect(await look(changes, { 'a.js': 'x', 'old.js': 'x' }, head)).toEqual(there);
  });

  test.each<[string, FileChange[], Record<string, string>, Record<string, string>]>([
    ['one file differs', [change('a', '1'), change('b', '2')], {}, { a: '1', b: '3' }],
    ['one file is not there', [change('a', '1'), change('b', '2')], {}, { a: '1' }],
    [
      'a deleted file is still there',
      [change('a', '1'), change('b', null)],
      {},
      { a: '1', b: 'x' },
    ],
    ['only the mode would change', [change('a', '1', { mode: '100755' })], { a: '1' }, { a: '1' }],
    ['bytes that are no text', [change('a', Buffer.from([0xff, 0xfe]))], {}, { a: '\ufffd\ufffd' }],
    ['a replacement character', [change('a', '\ufffd')], {}, { a: '\ufffd' }],
    ['nothing changes', [], {}, {}],
    [
      'more files than are compared',
      Array.from({ length: 51 }, (_none, at) => change(`f${at}`, 'x')),
      {},
      Object.fromEntries(Array.from({ length: 51 }, (_none, at) => [`f${at}`, 'x'])),
    ],
  ])('does not have it: %s', async (_name, changes, base, head) => {
    expect(await look(changes, base, head)).toBeNull();
  });

  test('is not read file by file as long as nobody pushed', async () => {
    const { asked, from } = forge({}, { a: '1' }, SHA);
    expect(await findSame(run(), attempt(), [change('a', '1')], from)).toBeNull();
    expect(asked).toEqual([]);
  });

  test('is left at the first file that differs', async () => {
    const { asked, from } = forge({}, { a: '1', b: 'x', c: 'x' });
    const changes = [change('a', '1'), change('b', '2'), change('c', '3')];
    expect(await findSame(run(), attempt(), changes, from)).toBeNull();
    expect(asked).toEqual(['a@c', 'b@c']);
  });
});

describe('the digest', () => {
  const changes = [change('a', '1'), change('b', null)];

  test('does not depend on the order, nor on whether a file is new', () => {
    const others = [change('b', null), change('a', '1', { action: 'create' })];
    expect(digestOf(others)).toBe(digestOf(changes));
  });

  test.each<[string, FileChange[]]>([
    ['another content', [change('a', '2'), change('b', null)]],
    ['another path', [change('c', '1'), change('b', null)]],
    ['another mode', [change('a', '1', { mode: '100755' }), change('b', null)]],
    ['one file more', [...changes, change('c', '')]],
    ['an empty file for a deleted one', [change('a', '1'), change('b', '')]],
  ])('tells %s', (_name, others) => {
    expect(digestOf(others)).not.toBe(digestOf(changes));
  });
});
