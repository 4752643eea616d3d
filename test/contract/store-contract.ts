/** What every backend of the store must do; run by store.test.ts over each of them. */
import { randomUUID } from 'node:crypto';
import { cp, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { attemptByToken, openAttempts, requestedAttempts } from '../../bot/store/attempts.ts';
import { appendAudit, auditOfRun, auditOfTarget } from '../../bot/store/audit.ts';
import type { Db } from '../../bot/store/db.ts';
import { claimDelivery, dueDeliveries, insertDelivery } from '../../bot/store/deliveries.ts';
import { dumpSchema } from '../../bot/store/dump-schema.ts';
import { claimEffect, dueEffects } from '../../bot/store/effects.ts';
import { tryLeaderLock, withTargetLock } from '../../bot/store/locks.ts';
import { migrate, pendingMigrations } from '../../bot/store/migrate.ts';
import type { Store } from '../../bot/store/store.ts';
import { delivery, newWork, sha256, times } from '../support/store-rows.ts';

import { findings } from './store-contract-findings.ts';
import { files, held, published } from './store-contract-kept.ts';
import { estimates, messages, money } from './store-contract-money.ts';
import { deliveries, repos, runs } from './store-contract-runs.ts';
import { families, taskTrees } from './store-contract-tasks.ts';
import { attempts, effects } from './store-contract-work.ts';

export interface OpenedStore {
  store: Store;
  /** Closes the store and removes what it stood on. */
  close(): Promise<void>;
}

const SQL_DIR = new URL('../../schema/sql/', import.meta.url);

/** Declares the whole contract for one backend; `open` gives an empty database, not yet migrated. */
export function defineStoreContract(label: string, open: () => Promise<OpenedStore>): void {
  describe(`store on ${label}`, () => {
    let opened: OpenedStore;
    let store: Store;
    beforeAll(async () => {
      opened = await open();
      store = opened.store;
    });
    afterAll(() => opened.close());

    const db = (): Store => store;
    describe('migrations', () => migrations(db));
    describe('queries and transactions', () => transactions(db));
    describe('repos', () => repos(db));
    describe('deliveries', () => deliveries(db));
    describe('runs', () => runs(db));
    describe('money', () => money(db));
    describe('messages', () => messages(db));
    describe('findings', () => findings(db));
    describe('held deliveries', () => held(db));
    describe('files', () => files(db));
    describe('first commits', () => published(db));
    describe('estimates', () => estimates(db));
    describe('attempts', () => attempts(db));
    describe('effects', () => effects(db));
    describe('task trees', () => taskTrees(db));
    describe('families of runs', () => families(db));
    describe('audit', () => audit(db));
    describe('plans', () => plans(db));
  });
}

/** The migrations of the repository, oldest first. */
async function sqlFiles(): Promise<string[]> {
  const names = await readdir(SQL_DIR);
  return names.filter((name) => /^\d{4}_/.test(name)).toSorted();
}

const versions = async (): Promise<number[]> =>
  (await sqlFiles()).map((name) => Number(name.slice(0, 4)));

function migrations(db: () => Store): void {
  test('two processes that start at once apply each file once', async () => {
    expect(await pendingMigrations(db())).toEqual(await versions());
    const applied = await times(2, () => migrate(db()));
    expect(applied.flat().toSorted((a, b) => a - b)).toEqual(await versions());
    await expect(migrate(db())).resolves.toEqual([]);
    expect(await pendingMigrations(db())).toEqual([]);
  });

  test('the dump in the repository is what the migrations make', async () => {
    const dump = await readFile(new URL('schema.dump.sql', SQL_DIR), 'utf8');
    expect(await dumpSchema(db())).toBe(dump);
  });

  test('a changed file, a newer database and a gap are refused, and the text says what to do', async () => {
    const dir = await mkdtemp(path.join(tmpdir(), 'autodev-sql-'));
    try {
      await cp(SQL_DIR, dir, { recursive: true });
      const first = path.join(dir, '0001_init.sql');
      const text = await readFile(first, 'utf8');

      await writeFile(first, `${text}-- one more line\n`);
      await expect(migrate(db(), dir)).rejects.toMatchObject({
        code: 'migration_changed',
        message: expect.stringContaining('0001_init.sql was changed'),
      });

      await writeFile(first, text.replaceAll('\n', '\r\n'));
      await expect(migrate(db(), dir)).resolves.toEqual([]);

      const last = (await sqlFiles()).at(-1) ?? '';
      await rm(path.join(dir, last));
      await expect(migrate(db(), dir)).rejects.toMatchObject({ code: 'database_newer' });

      await writeFile(path.join(dir, '0900_later.sql'), 'select 1;');
      await expect(migrate(db(), dir)).rejects.toMatchObject({ code: 'migration_numbering' });
    } finally {
      await rm(dir, { recursive: true, force: true });
    }
  });

  test('a file that fails leaves nothing behind', async () => {
    const dir = await mkdtemp(path.join(tmpdir(), 'autodev-sql-'));
    try {
      await cp(SQL_DIR, dir, { recursive: true });
      const next = String((await versions()).length + 1).padStart(4, '0');
      const bad = path.join(dir, `${next}_bad.sql`);
      await writeFile(bad, 'create table half (id int);\nselect 1 / 0;');
      await expect(migrate(db(), dir)).rejects.toThrow('division by zero');
      expect(await db().query("select to_regclass('half') as half")).toEqual([{ half: null }]);
      await expect(migrate(db())).resolves.toEqual([]);
    } finally {
      await rm(dir, { recursive: true, force: true });
    }
  });
}

function transactions(db: () => Store): void {
  const boom = (state: string): string =>
    `do $$ begin raise exception 'boom' using errcode = '${state}'; end $$`;

  test('values arrive as numbers, dates, buffers and parsed JSON', async () => {
    const [row] = await db().query(
      `select 9007199254740991::int8 as big, 7::int4 as small, true as yes, null as nothing,
         '2026-01-02T03:04:05.678Z'::timestamptz as at, '{"a":[1]}'::jsonb as json,
         '\\x0102'::bytea as bytes, $1::text as text`,
      ["it's"],
    );
    expect(row).toEqual({
      big: Number.MAX_SAFE_INTEGER,
      small: 7,
      yes: true,
      nothing: null,
      at: new Date('2026-01-02T03:04:05.678Z'),
      json: { a: [1] },
      bytes: Buffer.from([1, 2]),
      text: "it's",
    });
    await expect(db().query('select 9007199254740993::int8')).rejects.toMatchObject({
      code: 'unsafe_integer',
    });
  });

  test('statements of many clients never mix, however large they are', async () => {
    const big = 'x'.repeat(300_000);
    const rows = await times(200, (index) =>
      index % 2 === 0
        ? db().query<{ v: number }>(`select length($1) + ${index} as v, 1 as w`, [big])
        : db().query<{ v: number }>(`select $1::int + 300000 as v`, [index]),
    );
    expect(rows.map(([row]) => row?.v)).toEqual(rows.map((_, index) => 300_000 + index));
  });

  test('an error of one client leaves the others alone', async () => {
    const outcomes = await Promise.allSettled(
      Array.from({ length: 100 }, (_, index) =>
        index % 3 === 0
          ? db().query('select * from nowhere where id = $1', [index])
          : db().query<{ v: number }>('select $1::int as v', [index]),
      ),
    );
    const failed = outcomes.filter((outcome) => outcome.status === 'rejected');
    expect(failed).toHaveLength(34);
    outcomes.forEach((outcome, index) => {
      if (outcome.status === 'fulfilled') expect(outcome.value).toEqual([{ v: index }]);
    });
  });

  test('what throws is rolled back, and a tx in a tx is part of it', async () => {
    const key = randomUUID();
    const attempt = db().tx(async (tx) => {
      await tx.tx((inner) => insertDelivery(inner, delivery({ dedupeKey: key })));
      throw new Error('changed my mind');
    });
    await expect(attempt).rejects.toThrow('changed my mind');
    const { inserted } = await insertDelivery(db(), delivery({ dedupeKey: key }));
    expect(inserted).toBe(true);
  });

  test.each(['40001', '40P01'])('%s runs the whole function again', async (state) => {
    let runs = 0;
    const key = randomUUID();
    const value = await db().tx(async (tx) => {
      runs += 1;
      const { inserted } = await insertDelivery(tx, delivery({ dedupeKey: key }));
      if (runs < 3) await tx.query(boom(state));
      return inserted;
    });
    expect({ runs, value }).toEqual({ runs: 3, value: true });
  });

  test('a conflict that never ends is given up, another error at once', async () => {
    let runs = 0;
    const conflict = db().tx(async (tx) => {
      runs += 1;
      await tx.query(boom('40001'));
    });
    await expect(conflict).rejects.toThrow('boom');
    expect(runs).toBe(6);

    runs = 0;
    const failure = db().tx(async (tx) => {
      runs += 1;
      await tx.query(boom('P0001'));
    });
    await expect(failure).rejects.toThrow('boom');
    expect(runs).toBe(1);
  });

  test('the store itself is not usable inside a transaction, only what tx passes', async () => {
    await db().tx(async (tx) => {
      await expect(db().query('select 1')).rejects.toMatchObject({
        code: 'query_outside_transaction',
      });
      await expect(db().tx(async () => 1)).rejects.toMatchObject({
        code: 'query_outside_transaction',
      });
      await tx.query('select 1');
    });
    await expect(db().query('select 1')).resolves.toHaveLength(1);
  });

  test('a target is locked for one transaction at a time', async () => {
    await expect(withTargetLock(db(), 1, 'issue', 1)).rejects.toMatchObject({
      code: 'transaction_required',
    });
    let inside = 0;
    let most = 0;
    await times(8, () =>
      db().tx(async (tx) => {
        await withTargetLock(tx, 1, 'issue', 1);
        inside += 1;
        most = Math.max(most, inside);
        await tx.query('select 1');
        inside -= 1;
      }),
    );
    expect(most).toBe(1);
    expect(await db().tx((tx) => tryLeaderLock(tx, 'test'))).toBe(true);
  });
}

function audit(db: () => Store): void {
  test('entries are kept in order and cannot be changed, deleted or emptied', async () => {
    const { repo, run } = await newWork(db());
    const about = { repoId: repo.id, runId: run.id, targetType: 'issue', targetIid: 1 } as const;
    const first = await appendAudit(db(), { ...about, entry: { decided: 'start' } });
    const second = await appendAudit(db(), { ...about, entry: { decided: 'stop' } });
    await appendAudit(db(), { entry: { about: 'nothing in particular' } });
    const found = await auditOfTarget(db(), repo.id, 'issue', 1, 10);
    expect(found.map((row) => row.id)).toEqual([second, first]);
    expect(found[0]?.entry).toEqual({ decided: 'stop' });
    expect(await auditOfRun(db(), run.id, 1)).toHaveLength(1);

    const never = 'audit rows are never changed or deleted';
    await expect(db().query("update audit set entry = '{}'")).rejects.toThrow(never);
    await expect(db().query('delete from audit where id = $1', [first])).rejects.toThrow(never);
    await expect(db().query('truncate audit')).rejects.toThrow(never);
  });
}

/** A Db that explains what it is asked instead of doing it. */
function explaining(db: Db, plans: string[]): Db {
  return {
    query: async (text, params) => {
      const rows = await db.query<Record<string, string>>(`explain ${text}`, params);
      plans.push(rows.map((row) => Object.values(row).join('')).join('\n'));
      return [];
    },
    tx: (fn) => fn(explaining(db, plans)),
  };
}

function plans(db: () => Store): void {
  test('claims and due queries read no whole table when it has 10,000 rows', async () => {
    const work = await newWork(db());
    await db().query(
      `insert into deliveries (source, dedupe_key, event_name, headers, body, state)
       select 'gitlab', 'plan-' || i, 'x', '{}', '{}', 'done' from generate_series(1, 10000) i`,
    );
    await db().query(
      `insert into effects (repo_id, run_id, kind, key, payload, state)
       select $1, $2, 'reply', 'plan-' || i, '{}', 'done' from generate_series(1, 10000) i`,
      [work.repo.id, work.run.id],
    );
    await db().query(
      `insert into attempts (task_id, run_id, repo_id, fence, state, spec, ref, sha, launch_id)
       select $1, $2, $3, i, 'lost', '{}', 'main', '', $4 from generate_series(2, 10001) i`,
      [work.task.id, work.run.id, work.repo.id, work.attempt.launchId],
    );
    await db().query('analyze');
    const found: string[] = [];
    const explain = explaining(db(), found);
    await dueDeliveries(explain, 100);
    await claimDelivery(explain, randomUUID(), 'me', 5);
    await dueEffects(explain, 100);
    await claimEffect(explain, 1, 'me', 5);
    await openAttempts(explain, { heartbeatSeconds: 40, limit: 100 });
    await attemptByToken(explain, sha256('x'));
    await requestedAttempts(explain, work.repo.id);
    expect(found).toHaveLength(7);
    for (const plan of found) expect(plan).not.toMatch(/Seq Scan on (deliveries|effects|attempts)/);
  });
}
