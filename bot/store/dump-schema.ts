/** The schema of a database as text that is the same wherever the same migrations ran. */
import type { Db } from './db.ts';

const HEADER = '-- Made by `npm run schema:dump`; do not edit.';

interface Column {
  table: string;
  name: string;
  type: string;
  notNull: boolean;
  identity: string;
  preset: string | null;
}

interface Definition {
  table: string;
  text: string;
}

/**
 * Tables, columns, types, defaults, constraints, indexes, functions and triggers of schema
 * `public`, sorted by name where order has no meaning. Not meant to be run.
 */
export async function dumpSchema(db: Db): Promise<string> {
  const columns = await readColumns(db);
  const constraints = await readConstraints(db);
  const indexes = await readIndexes(db);
  const triggers = await readTriggers(db);
  const tables = [...new Set(columns.map((column) => column.table))].map((table) => {
    const lines = [
      ...columns.filter((column) => column.table === table).map(columnText),
      ...constraints.filter((row) => row.table === table).map((row) => row.text),
    ];
    const after = [...indexes, ...triggers].filter((row) => row.table === table);
    return [
      `table ${table} (`,
      lines.map((line) => `  ${line}`).join(',\n'),
      ');',
      ...after.map((row) => `${row.text};`),
    ].join('\n');
  });
  const functions = await readFunctions(db);
  return `${[HEADER, ...tables, ...functions].join('\n\n')}\n`;
}

function columnText(column: Column): string {
  const parts = [column.name, column.type];
  if (column.identity !== '') parts.push('generated always as identity');
  else if (column.preset !== null) parts.push(`default ${column.preset}`);
  if (column.notNull) parts.push('not null');
  return parts.join(' ');
}

function readColumns(db: Db): Promise<Column[]> {
  return db.query<Column>(
    `select c.relname as "table", a.attname as name, format_type(a.atttypid, a.atttypmod) as type,
       a.attnotnull as "notNull", a.attidentity::text as identity,
       pg_get_expr(d.adbin, d.adrelid) as preset
     from pg_class c
     join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
     left join pg_attrdef d on d.adrelid = c.oid and d.adnum = a.attnum
     where c.relnamespace = 'public'::regnamespace and c.relkind = 'r'
     order by c.relname, a.attnum`,
  );
}

/** PostgreSQL 18 lists `not null` as a constraint of its own; the column says it already. */
function readConstraints(db: Db): Promise<Definition[]> {
  return db.query<Definition>(
    `select c.relname as "table",
       'constraint ' || k.conname || ' ' || pg_get_constraintdef(k.oid) as text
     from pg_constraint k join pg_class c on c.oid = k.conrelid
     where c.relnamespace = 'public'::regnamespace and k.contype <> 'n'
     order by c.relname, k.conname`,
  );
}

function readIndexes(db: Db): Promise<Definition[]> {
  return db.query<Definition>(
    `select c.relname as "table", pg_get_indexdef(i.indexrelid) as text
     from pg_index i join pg_class c on c.oid = i.indrelid
     where c.relnamespace = 'public'::regnamespace
       and not exists (select 1 from pg_constraint k where k.conindid = i.indexrelid
         and k.contype in ('p', 'u', 'x'))
     order by c.relname, i.indexrelid::regclass::text`,
  );
}

function readTriggers(db: Db): Promise<Definition[]> {
  return db.query<Definition>(
    `select c.relname as "table", pg_get_triggerdef(t.oid) as text
     from pg_trigger t join pg_class c on c.oid = t.tgrelid
     where c.relnamespace = 'public'::regnamespace and not t.tgisinternal
     order by c.relname, t.tgname`,
  );
}

async function readFunctions(db: Db): Promise<string[]> {
  const rows = await db.query<{ text: string }>(
    `select pg_get_functiondef(p.oid) as text from pg_proc p
     where p.pronamespace = 'public'::regnamespace order by p.proname, p.oid::regprocedure::text`,
  );
  return rows.map((row) => `${row.text.trim()};`);
}
