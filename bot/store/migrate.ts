/**
 * Forward-only migrations: schema/sql/NNNN_*.sql, each applied once, in order, in its own
 * transaction.
 */
import { createHash } from 'node:crypto';
import { readFile, readdir } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Db } from './db.ts';
import { StoreError } from './errors.ts';

const MIGRATIONS_DIR = fileURLToPath(new URL('../../schema/sql/', import.meta.url));
const FILE_NAME = /^(\d{4})_[a-z0-9_]+\.sql$/;
/** Spells `ADEV`: processes that start together migrate one after the other. */
const ADVISORY_LOCK = 0x41444556;

interface Migration {
  version: number;
  name: string;
  text: string;
  checksum: string;
}

type AppliedMigration = Pick<Migration, 'version' | 'name' | 'checksum'>;

/**
 * Brings the database to the newest schema and returns the versions it applied.
 * Throws StoreError `migration_changed` when an applied file has another text now, `database_newer`
 * when the database knows versions these files do not, `migration_numbering` for gaps in the files.
 */
export async function migrate(db: Db, dir: string = MIGRATIONS_DIR): Promise<number[]> {
  const migrations = await readMigrations(dir);
  const applied: number[] = [];
  for (;;) {
    const version = await db.tx((tx) => applyNext(tx, migrations));
    if (version === null) return applied;
    applied.push(version);
  }
}

/**
 * Versions that the database does not have yet; changes nothing.
 * Throws StoreError as `migrate` does.
 */
export async function pendingMigrations(db: Db, dir: string = MIGRATIONS_DIR): Promise<number[]> {
  const migrations = await readMigrations(dir);
  const [table] = await db.query<{ there: boolean }>(
    "select to_regclass('public.schema_migrations') is not null as there",
  );
  const done =
    table?.there === true
      ? await db.query<AppliedMigration>(
          'select version, name, checksum from schema_migrations order by version',
        )
      : [];
  for (const row of done) checkApplied(row, migrations);
  return migrations.slice(done.length).map(({ version }) => version);
}

/** Applies the first migration that is missing; null when there is none. */
async function applyNext(db: Db, migrations: Migration[]): Promise<number | null> {
  await db.query('select pg_advisory_xact_lock($1)', [ADVISORY_LOCK]);
  await db.query(`create table if not exists schema_migrations (
    version integer primary key,
    name text not null,
    checksum text not null,
    applied_at timestamptz not null default now())`);
  const done = await db.query<AppliedMigration>(
    'select version, name, checksum from schema_migrations order by version',
  );
  for (const row of done) checkApplied(row, migrations);
  const next = migrations[done.length];
  if (next === undefined) return null;
  await db.query(next.text);
  await db.query('insert into schema_migrations (version, name, checksum) values ($1, $2, $3)', [
    next.version,
    next.name,
    next.checksum,
  ]);
  return next.version;
}

function checkApplied(row: AppliedMigration, migrations: Migration[]): void {
  const known = migrations[row.version - 1];
  if (known === undefined) {
    throw new StoreError(
      'database_newer',
      `The database has schema version ${row.version} (${row.name}); this AutoDev knows versions ` +
        `up to ${migrations.length}. Run the AutoDev version that migrated it, or restore a backup.`,
    );
  }
  if (known.checksum !== row.checksum) {
    throw new StoreError(
      'migration_changed',
      `schema/sql/${known.name} was changed after it had been applied to this database. ` +
        'Put its text back as it was and make the change in a new file with the next number.',
    );
  }
}

async function readMigrations(dir: string): Promise<Migration[]> {
  const names = (await readdir(dir)).filter((name) => FILE_NAME.test(name)).toSorted();
  return Promise.all(
    names.map(async (name, index) => {
      const version = Number(name.slice(0, 4));
      if (version !== index + 1) {
        throw new StoreError(
          'migration_numbering',
          `${name} stands where version ${index + 1} belongs. Number the files of ${dir} 0001, ` +
            '0002, … without gaps or doubles.',
        );
      }
      // A checkout with CRLF line ends is the same migration.
      const text = (await readFile(path.join(dir, name), 'utf8')).replaceAll('\r\n', '\n');
      const checksum = createHash('sha256').update(text).digest('hex');
      return { version, name, text, checksum };
    }),
  );
}
