/** Migrations only go forward, and every table is explained where people look. */
import { execFileSync } from 'node:child_process';
import { basename } from 'node:path';
import { expect, test } from '@jest/globals';
import { files, read, root } from './support/sources.ts';

const MIGRATION = /^schema\/sql\/\d{4}_[a-z0-9_]+[.]sql$/;
const migrations = files.filter((file) => MIGRATION.test(file)).toSorted();

function git(...args: string[]): string {
  return execFileSync('git', args, {
    cwd: root,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  });
}

/** The newest release whose migrations users may have run; null before the first one. */
function lastRelease(): string | null {
  try {
    return git('describe', '--tags', '--abbrev=0', '--match', 'v*').trim();
  } catch {
    return null;
  }
}

/** Migrations of `released` that are gone or differ in `current`. */
function altered(
  released: ReadonlyMap<string, string>,
  current: ReadonlyMap<string, string>,
): string[] {
  return [...released].filter(([file, text]) => current.get(file) !== text).map(([file]) => file);
}

/** What must not stand in a migration, with the reason. */
function faults(sql: string): string[] {
  const code = sql.replaceAll(/--[^\n]*/g, '').replaceAll(/\$\$[^]*?\$\$/g, '');
  const statements = code.split(';').map((statement) => statement.trim().toLowerCase());
  return statements.flatMap((statement) => {
    if (/^(begin|commit|rollback|start transaction)\b/.test(statement)) {
      return ['the runner wraps each file in one transaction'];
    }
    if (/\bconcurrently\b/.test(statement)) return ['concurrently cannot run in a transaction'];
    if (/^(drop|truncate)\b|\bdrop (column|table)\b/.test(statement)) {
      return ['the release before this one still reads what is dropped'];
    }
    const column = /\badd column\b[^,]*/.exec(statement)?.[0] ?? '';
    if (/\bnot null\b/.test(column) && !/\b(default|generated)\b/.test(column)) {
      return ['a new column that is not null needs a default: there are rows already'];
    }
    return [];
  });
}

test('they are numbered without a gap and have different names', () => {
  const numbers = migrations.map((file) => Number(basename(file).slice(0, 4)));
  expect(numbers).toEqual(numbers.map((_, index) => index + 1));
  expect(migrations.length).toBeGreaterThan(0);
  const strangers = files.filter((file) => file.startsWith('schema/sql/') && !MIGRATION.test(file));
  expect(strangers.filter((file) => file !== 'schema/sql/schema.dump.sql')).toEqual([]);
});

test('a released migration is never changed', () => {
  const release = lastRelease();
  const released = new Map(
    release === null
      ? []
      : git('ls-tree', '-r', '--name-only', release, 'schema/sql/')
          .split('\n')
          .filter((file) => MIGRATION.test(file))
          .map((file) => [file, git('show', `${release}:${file}`)] as const),
  );
  expect(altered(released, new Map(migrations.map((file) => [file, read(file)])))).toEqual([]);

  const before = new Map([
    ['a', '1'],
    ['b', '2'],
  ]);
  expect(
    altered(
      before,
      new Map([
        ['a', '1'],
        ['b', '2 '],
        ['c', '3'],
      ]),
    ),
  ).toEqual(['b']);
  expect(altered(before, new Map([['a', '1']]))).toEqual(['b']);
});

test('they hold nothing that cannot go forward', () => {
  expect(
    migrations.flatMap((file) => faults(read(file)).map((fault) => `${file}: ${fault}`)),
  ).toEqual([]);
});

test.each([
  ['begin; select 1; commit;', 2],
  ['create index concurrently i on t (a);', 1],
  ['alter table t drop column a;', 1],
  ['alter table t add column a text not null;', 1],
  ["alter table t add column a text not null default '';", 0],
  ['create table t (a text not null); -- drop table t;', 0],
])('the rule judges %j', (sql, count) => {
  expect(faults(sql)).toHaveLength(count);
});

test('docs/tables.md explains every table and no other', () => {
  const made = migrations
    .flatMap((file) => [...read(file).matchAll(/^create table (?:if not exists )?([a-z_]+)/gim)])
    .map((match) => match[1] ?? '');
  const explained = [...read('docs/tables.md').matchAll(/^\| `([a-z_]+)` \| \S.{20,} \|$/gm)];
  expect(explained.map((match) => match[1] ?? '').toSorted()).toEqual(
    [...made, 'schema_migrations'].toSorted(),
  );
});
