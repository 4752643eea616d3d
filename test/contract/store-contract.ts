/** What every backend of the store must do; run by store.test.ts over each of them. */
import { createHash, randomUUID } from 'node:crypto';
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import {
  attemptById,
  attemptByPipeline,
  attemptByToken,
  boundPipelineIds,
  claimAttempt,
  finishAttempt,
  heartbeat,
  openAttempts,
  requestedAttempts,
  setPipeline,
} from '../../bot/store/attempts.ts';
import { appendAudit, auditOfRun, auditOfTarget } from '../../bot/store/audit.ts';
import type { Db } from '../../bot/store/db.ts';
import {
  claimDelivery,
  deliveryById,
  dueDeliveries,
  insertDelivery,
  type NewDelivery,
  recentDeliveries,
  retryDelivery,
  settleDelivery,
} from '../../bot/store/deliveries.ts';
import { dumpSchema } from '../../bot/store/dump-schema.ts';
import {
  claimEffect,
  dropEffects,
  dueEffects,
  effectById,
  effectsOfRun,
  type NewEffect,
  putEffect,
  retryEffect,
  settleEffect,
  startEffect,
} from '../../bot/store/effects.ts';
import { newLeaseOwner } from '../../bot/store/lease-owner.ts';
import { databaseNow, tryLeaderLock, withTargetLock } from '../../bot/store/locks.ts';
import { migrate } from '../../bot/store/migrate.ts';
import {
  repoById,
  repoByProject,
  setHook,
  signingProjectIds,
  upsertRepo,
} from '../../bot/store/repos.ts';
import {
  activeRun,
  insertRun,
  latestRun,
  runByChange,
  runById,
  runView,
  updateRun,
} from '../../bot/store/runs.ts';
import type { Store } from '../../bot/store/store.ts';
import { reserve, setCap, setTaskState, settle, taskById } from '../../bot/store/tasks.ts';
import { recordUsage } from '../../bot/store/usage.ts';
import { newRepo, newWork, nextAttempt, runFor, type Work } from '../support/store-rows.ts';
import { until } from '../support/until.ts';

export interface OpenedStore {
  store: Store;
  /** Closes the store and removes what it stood on. */
  close(): Promise<void>;
}

const A_DATE: unknown = expect.any(Date);
const SQL_DIR = new URL('../../schema/sql/', import.meta.url);
/** Shortest lease that a test can wait for and that a slow machine does not lose at once. */
const SHORT_LEASE = 0.3;
const LONG_LEASE = 60;

const sha256 = (text: string): Buffer => createHash('sha256').update(text).digest();
const times = <T>(count: number, fn: (index: number) => Promise<T>): Promise<T[]> =>
  Promise.all(Array.from({ length: count }, (_, index) => fn(index)));

function delivery(fields: Partial<NewDelivery> = {}): NewDelivery {
  return {
    source: 'gitlab',
    dedupeKey: randomUUID(),
    eventName: 'Note Hook',
    headers: { 'x-gitlab-event': 'Note Hook' },
    body: '{}',
    ...fields,
  };
}

function reply(work: Work, fields: Partial<NewEffect> = {}): NewEffect {
  return {
    repoId: work.repo.id,
    runId: work.run.id,
    kind: 'reply',
    key: randomUUID(),
    payload: {
      kind: 'reply',
      target: { type: 'issue', iid: 1 },
      discussionId: null,
      internal: false,
      body: 'Hello',
      about: 'note/1',
    },
    ...fields,
  };
}

function statusComment(work: Work, run: number, fields: Partial<NewEffect> = {}): NewEffect {
  return reply(work, {
    kind: 'status_comment',
    key: `status_comment/${work.run.id}`,
    payload: { kind: 'status_comment', run },
    ...fields,
  });
}

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
    describe('tasks and money', () => money(db));
    describe('attempts', () => attempts(db));
    describe('effects', () => effects(db));
    describe('audit', () => audit(db));
    describe('plans', () => plans(db));
  });
}

function migrations(db: () => Store): void {
  test('two processes that start at once apply each file once', async () => {
    const applied = await times(2, () => migrate(db()));
    expect(applied.flat()).toEqual([1]);
    await expect(migrate(db())).resolves.toEqual([]);
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

      await rm(first);
      await expect(migrate(db(), dir)).rejects.toMatchObject({ code: 'database_newer' });

      await writeFile(path.join(dir, '0003_later.sql'), 'select 1;');
      await expect(migrate(db(), dir)).rejects.toMatchObject({ code: 'migration_numbering' });
    } finally {
      await rm(dir, { recursive: true, force: true });
    }
  });

  test('a file that fails leaves nothing behind', async () => {
    const dir = await mkdtemp(path.join(tmpdir(), 'autodev-sql-'));
    try {
      await cp(SQL_DIR, dir, { recursive: true });
      await writeFile(path.join(dir, '0002_bad.sql'), 'create table half (id int);\nselect 1 / 0;');
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

function repos(db: () => Store): void {
  test('a project is one row that follows its path and branch', async () => {
    const repo = await newRepo(db());
    const moved = { ...repo, path: 'other/name', defaultBranch: 'trunk', webUrl: 'http://x' };
    await expect(upsertRepo(db(), repo)).resolves.toEqual(repo);
    await expect(upsertRepo(db(), moved)).resolves.toEqual(moved);
    await expect(repoByProject(db(), 'gitlab', repo.projectId)).resolves.toEqual(moved);
    await expect(repoByProject(db(), 'github', repo.projectId)).resolves.toBeNull();
    await expect(repoById(db(), repo.id)).resolves.toEqual(moved);
  });

  test('a signing hook is remembered, and a later upsert does not forget it', async () => {
    const repo = await newRepo(db());
    expect(await signingProjectIds(db())).not.toContain(repo.projectId);
    await setHook(db(), repo.id, { hookId: 12, hookSigns: true });
    await upsertRepo(db(), { ...repo, path: 'moved/again' });
    expect(await signingProjectIds(db())).toContain(repo.projectId);
    expect(await repoById(db(), repo.id)).toMatchObject({ hookId: 12, hookSigns: true });
  });
}

function deliveries(db: () => Store): void {
  test('100 copies at once are one row', async () => {
    const one = delivery();
    const results = await times(100, () => insertDelivery(db(), one));
    expect(results.filter((result) => result.inserted)).toHaveLength(1);
    expect(new Set(results.map((result) => result.id)).size).toBe(1);
    const other = await insertDelivery(db(), { ...one, source: 'github' });
    expect(other.inserted).toBe(true);
  });

  test('of 20 claimers one gets it, whole', async () => {
    const sent = delivery({ body: `{"text":"ü ${'y'.repeat(100_000)} \\u0000"}` });
    const { id } = await insertDelivery(db(), sent);
    const claims = await times(20, () => claimDelivery(db(), id, newLeaseOwner(), LONG_LEASE));
    const won = claims.filter((claim) => claim !== null);
    expect(won).toHaveLength(1);
    expect(won[0]).toMatchObject({ ...sent, id, attempts: 1, state: 'new' });
  });

  test('a lease runs out by the clock of the database, not of a process', async () => {
    const { id } = await insertDelivery(db(), delivery());
    await claimDelivery(db(), id, 'slow', SHORT_LEASE);
    // The embedded database lives in this process and has no other clock.
    const ahead = Date.now() + (db().kind === 'pglite' ? 0 : 3_600_000);
    const wrong = jest.spyOn(Date, 'now').mockReturnValue(ahead);
    const early = await claimDelivery(db(), id, 'quick', LONG_LEASE);
    wrong.mockRestore();
    expect(early).toBeNull();
    await until(
      async () => (await claimDelivery(db(), id, 'quick', LONG_LEASE)) !== null,
      3_000,
      'the lease to run out',
    );

    // The first owner wakes up: nothing it writes counts any more.
    const late = { state: 'done', reason: 'late' } as const;
    expect(await settleDelivery(db(), id, 'slow', late)).toBe(false);
    expect(await retryDelivery(db(), id, 'slow', { delaySeconds: 0, reason: 'late' })).toBe(false);
    expect(await deliveryById(db(), id)).toMatchObject({ state: 'new', attempts: 2 });
    const done = { state: 'done', reason: 'started run 1' } as const;
    expect(await settleDelivery(db(), id, 'quick', done)).toBe(true);
    expect(await settleDelivery(db(), id, 'quick', done)).toBe(false);
    expect(await claimDelivery(db(), id, 'quick', LONG_LEASE)).toBeNull();
    expect(await deliveryById(db(), id)).toMatchObject({
      ...done,
      leaseOwner: null,
      processedAt: A_DATE,
    });
  });

  test('due are the new ones without a lease whose time has come', async () => {
    const now = await databaseNow(db());
    const { id: waiting } = await insertDelivery(db(), delivery());
    const { id: held } = await insertDelivery(db(), delivery());
    const { id: timer } = await insertDelivery(
      db(),
      delivery({ source: 'autodev', notBefore: new Date(now.getTime() + 3_600_000) }),
    );
    await claimDelivery(db(), held, 'me', LONG_LEASE);
    expect(await claimDelivery(db(), timer, 'me', LONG_LEASE)).toBeNull();
    const due = await dueDeliveries(db(), 1_000);
    expect(due).toContain(waiting);
    expect(due).not.toContain(held);
    expect(due).not.toContain(timer);

    expect(await retryDelivery(db(), held, 'me', { delaySeconds: 3_600, reason: '502' })).toBe(
      true,
    );
    expect(await dueDeliveries(db(), 1_000)).not.toContain(held);
    expect(await deliveryById(db(), held)).toMatchObject({ reason: '502', leaseUntil: null });
    expect(await dueDeliveries(db(), 1)).toHaveLength(1);
  });

  test('recent ones come newest first and without bodies', async () => {
    const { id } = await insertDelivery(db(), delivery({ body: 'secret text' }));
    const [newest] = await recentDeliveries(db(), { limit: 1 });
    expect(newest).toMatchObject({ id, eventName: 'Note Hook' });
    expect(newest).not.toHaveProperty('body');
  });
}

function runs(db: () => Store): void {
  test('100 commands at once start one run', async () => {
    const repo = await newRepo(db());
    const started = await times(100, (index) =>
      insertRun(db(), runFor(repo, { requesterId: index })),
    );
    const won = started.filter((run) => run !== null);
    expect(won).toHaveLength(1);
    expect(await activeRun(db(), repo.id, 'issue', 1)).toEqual(won[0]);
    expect(await activeRun(db(), repo.id, 'change', 1)).toBeNull();
    expect(await insertRun(db(), runFor(repo, { role: 'ask' }))).not.toBeNull();
    expect(await insertRun(db(), runFor(repo, { targetIid: 2 }))).not.toBeNull();
  });

  test('a refused run does not spoil the transaction it was asked in', async () => {
    const { repo } = await newWork(db());
    const after = await db().tx(async (tx) => {
      expect(await insertRun(tx, runFor(repo))).toBeNull();
      return activeRun(tx, repo.id, 'issue', 1);
    });
    expect(after).not.toBeNull();
  });

  test('an update names the version it was computed from', async () => {
    const { run } = await newWork(db());
    const updates = await times(10, (index) =>
      updateRun(db(), run.id, 0, { branch: `autodev/${index}` }),
    );
    expect(updates.filter(Boolean)).toHaveLength(1);
    expect(await runById(db(), run.id)).toMatchObject({ version: 1 });
  });

  test('a patch changes what it names; the end is dated once', async () => {
    const { run, repo } = await newWork(db());
    const change = { changeIid: 42, changeUrl: 'http://forge.test/42', headSha: 'b'.repeat(40) };
    await updateRun(db(), run.id, 0, { ...change, branch: 'autodev/1', statusNoteId: 9 });
    await updateRun(db(), run.id, 1, { branch: null, stage: 'verify' });
    const open = await runById(db(), run.id);
    expect(open).toMatchObject({ ...run, ...change, branch: null, stage: 'verify', version: 2,
      statusNoteId: 9, updatedAt: A_DATE }); // prettier-ignore
    expect((await runByChange(db(), repo.id, 42))?.id).toBe(run.id);

    const verdict = { kind: 'done', cause: 'Merged.', next: '' } as const;
    await updateRun(db(), run.id, 2, { state: 'completed', stage: 'end', verdict });
    const ended = await runById(db(), run.id);
    expect(ended).toMatchObject({ verdict, finishedAt: A_DATE });
    await updateRun(db(), run.id, 3, { statusNoteId: 10 });
    expect((await runById(db(), run.id))?.finishedAt).toEqual(ended?.finishedAt);

    expect(await activeRun(db(), repo.id, 'issue', 1)).toBeNull();
    const next = await insertRun(db(), runFor(repo));
    expect(await latestRun(db(), repo.id, 'issue', 1)).toEqual(next);
  });

  test('the view holds tasks, attempts without spec, and money by model', async () => {
    const work = await newWork(db());
    const call = {
      attemptId: work.attempt.id,
      taskId: work.task.id,
      runId: work.run.id,
      repoId: work.repo.id,
      provider: 'openai',
      model: 'big',
      inputTokens: 1_000,
      cachedInputTokens: 900,
      outputTokens: 10,
      costMicrousd: 1_234,
      outcome: 'ok',
    } as const;
    await recordUsage(db(), call);
    await recordUsage(db(), call);
    await recordUsage(db(), { ...call, model: 'small', costMicrousd: 1, outcome: 'cut' });
    await settle(db(), work.task.id, { reserved: 0, spent: 2_469 });
    const view = await runView(db(), work.run.id);
    expect(view).toMatchObject({ spentMicrousd: 2_469, run: work.run });
    expect(view?.tasks.map((task) => task.id)).toEqual([work.task.id]);
    expect(view?.attempts).toMatchObject([{ id: work.attempt.id, fence: 1 }]);
    expect(view?.attempts[0]).not.toHaveProperty('spec');
    expect(view?.usage).toEqual([
      { provider: 'openai', model: 'big', calls: 2, inputTokens: 2_000, cachedInputTokens: 1_800,
        outputTokens: 20, costMicrousd: 2_468 },
      { provider: 'openai', model: 'small', calls: 1, inputTokens: 1_000, cachedInputTokens: 900,
        outputTokens: 10, costMicrousd: 1 },
    ]); // prettier-ignore
    expect(await runView(db(), 999_999_999)).toBeNull();
  });
}

function money(db: () => Store): void {
  test('50 callers together never hold more than the cap', async () => {
    const { task } = await newWork(db(), 1_000);
    const held = await times(50, () => reserve(db(), task.id, 90));
    expect(held.filter((outcome) => outcome.ok)).toHaveLength(11);
    expect(held.find((outcome) => !outcome.ok)).toEqual({
      ok: false,
      capMicrousd: 1_000,
      spentMicrousd: 0,
    });
    expect(await taskById(db(), task.id)).toMatchObject({
      reservedMicrousd: 990,
      spentMicrousd: 0,
    });
  });

  test('settling replaces what was held by what it cost', async () => {
    const { task } = await newWork(db(), 1_000);
    await reserve(db(), task.id, 600);
    expect(await reserve(db(), task.id, 600)).toMatchObject({ ok: false });
    await settle(db(), task.id, { reserved: 600, spent: 399.2 });
    expect(await taskById(db(), task.id)).toMatchObject({
      reservedMicrousd: 0,
      spentMicrousd: 400,
    });
    expect(await reserve(db(), task.id, 600)).toEqual({ ok: true });
    expect(await reserve(db(), task.id, 1)).toEqual({
      ok: false,
      capMicrousd: 1_000,
      spentMicrousd: 400,
    });
    await setCap(db(), task.id, 1_001);
    expect(await reserve(db(), task.id, 1)).toEqual({ ok: true });
  });

  test('nonsense is refused, a task that is not there has no money', async () => {
    const { task } = await newWork(db());
    await expect(reserve(db(), task.id, -1)).rejects.toThrow(RangeError);
    await expect(reserve(db(), task.id, Number.NaN)).rejects.toThrow(RangeError);
    expect(await reserve(db(), 999_999_999, 1)).toMatchObject({ ok: false, capMicrousd: 0 });
  });

  test('what a dead attempt held is released with it, not while another is open', async () => {
    const work = await newWork(db(), 1_000);
    await reserve(db(), work.task.id, 500);
    const second = await nextAttempt(db(), work);
    const lost = { state: 'lost', cause: 'no heartbeat' } as const;
    await finishAttempt(db(), work.attempt.id, lost);
    expect(await taskById(db(), work.task.id)).toMatchObject({ reservedMicrousd: 500 });
    await finishAttempt(db(), second.id, lost);
    expect(await taskById(db(), work.task.id)).toMatchObject({ reservedMicrousd: 0 });
    // The late settle of the dead attempt's call still counts, and takes nothing below zero.
    await settle(db(), work.task.id, { reserved: 500, spent: 20 });
    await setTaskState(db(), work.task.id, 'failed');
    expect(await taskById(db(), work.task.id)).toMatchObject({
      reservedMicrousd: 0,
      spentMicrousd: 20,
      state: 'failed',
    });
  });
}

function attempts(db: () => Store): void {
  const claimOf = (fields: { jti?: string; token?: string; seconds?: number } = {}) => ({
    jti: fields.jti ?? randomUUID(),
    jobId: 5,
    childPipelineId: 6,
    tokenHash: sha256(fields.token ?? randomUUID()),
    tokenExpiresAt: new Date(Date.now() + (fields.seconds ?? 600) * 1_000),
    deadlineAt: new Date(Date.now() + 600_000),
  });

  test('fences count up, also when tries start at once', async () => {
    const work = await newWork(db());
    const more = await times(8, () => nextAttempt(db(), work));
    expect(more.map((attempt) => attempt.fence).toSorted()).toEqual([2, 3, 4, 5, 6, 7, 8, 9]);
  });

  test('of 20 jobs one claims, and a used id token claims nothing else', async () => {
    const work = await newWork(db());
    const other = await newWork(db());
    const outcomes = await times(20, () => claimAttempt(db(), work.attempt.id, claimOf()));
    expect(outcomes.toSorted()).toEqual(['claimed', ...Array<string>(19).fill('taken')]);

    const jti = randomUUID();
    const replayed = await times(10, (index) =>
      claimAttempt(db(), index % 2 ? other.attempt.id : work.attempt.id, claimOf({ jti })),
    );
    expect(replayed.filter((outcome) => outcome === 'claimed')).toHaveLength(1);
    const third = await newWork(db());
    expect(await claimAttempt(db(), third.attempt.id, claimOf({ jti }))).toBe('taken');
    expect(await attemptById(db(), third.attempt.id)).toMatchObject({ state: 'requested' });
  });

  test('an attempt that was replaced cannot write any more', async () => {
    const work = await newWork(db());
    const token = randomUUID();
    expect(await claimAttempt(db(), work.attempt.id, claimOf({ token }))).toBe('claimed');
    expect((await attemptByToken(db(), sha256(token)))?.id).toBe(work.attempt.id);
    const progress = { turn: 3, doing: 'npm test' };
    expect(await heartbeat(db(), work.attempt.id, { progress })).toBe('ok');
    expect(await attemptById(db(), work.attempt.id)).toMatchObject({ progress, jobId: 5 });

    const second = await nextAttempt(db(), work);
    expect(await attemptByToken(db(), sha256(token))).toBeNull();
    expect(await heartbeat(db(), work.attempt.id, { progress })).toBe('gone');
    expect(await claimAttempt(db(), work.attempt.id, claimOf())).toBe('gone');
    const finished = { state: 'finished', cause: null } as const;
    expect(await finishAttempt(db(), work.attempt.id, finished)).toBe(false);
    expect(await finishAttempt(db(), work.attempt.id, { state: 'lost', cause: 'replaced' })).toBe(
      true,
    );
    expect(await claimAttempt(db(), second.id, claimOf())).toBe('claimed');
    expect(await claimAttempt(db(), 999_999_999, claimOf())).toBe('gone');
  });

  test('the token dies with the attempt, and when its time is over', async () => {
    const work = await newWork(db());
    const token = randomUUID();
    await claimAttempt(db(), work.attempt.id, claimOf({ token }));
    expect(await finishAttempt(db(), work.attempt.id, { state: 'finished', cause: 'ok' })).toBe(
      true,
    );
    expect(await attemptByToken(db(), sha256(token))).toBeNull();
    expect(await finishAttempt(db(), work.attempt.id, { state: 'cancelled', cause: '' })).toBe(
      false,
    );
    const second = await nextAttempt(db(), work);
    const expired = randomUUID();
    await claimAttempt(db(), second.id, claimOf({ token: expired, seconds: -1 }));
    expect(await attemptByToken(db(), sha256(expired))).toBeNull();
    const rows = await db().query('select 1 from attempts where token_hash = $1', [sha256(token)]);
    expect(rows).toEqual([]);
  });

  test('a pipeline belongs to one attempt', async () => {
    const work = await newWork(db());
    const pipeline = {
      pipelineId: 77,
      pipelineUrl: 'http://p/77',
      sha: 'c'.repeat(40),
      claimBy: null,
    };
    const ids = async (): Promise<number[]> =>
      (await requestedAttempts(db(), work.repo.id)).map((attempt) => attempt.id);
    expect(await ids()).toEqual([work.attempt.id]);
    expect(await setPipeline(db(), work.attempt.id, pipeline)).toBe(true);
    expect(await setPipeline(db(), work.attempt.id, pipeline)).toBe(true);
    expect(await setPipeline(db(), work.attempt.id, { ...pipeline, pipelineId: 78 })).toBe(false);
    expect(await ids()).toEqual([]);
    expect(await attemptByPipeline(db(), work.repo.id, 77)).toMatchObject({
      id: work.attempt.id,
      state: 'waiting',
      sha: 'c'.repeat(40),
    });
    const second = await nextAttempt(db(), work);
    await expect(setPipeline(db(), second.id, pipeline)).rejects.toMatchObject({ code: '23505' });
    expect(await boundPipelineIds(db(), work.repo.id, new Date(0))).toEqual([77]);
    expect(await boundPipelineIds(db(), work.repo.id, new Date(Date.now() + 60_000))).toEqual([]);
  });

  test('the sweeper sees what nobody claimed, what fell silent and what took too long', async () => {
    const past = new Date(Date.now() - 60_000);
    const unclaimed = await newWork(db());
    const silent = await newWork(db());
    const late = await newWork(db());
    const fine = await newWork(db());
    const pipeline = { pipelineUrl: null, sha: 'c'.repeat(40) };
    await setPipeline(db(), unclaimed.attempt.id, { ...pipeline, pipelineId: 1, claimBy: past });
    await claimAttempt(db(), silent.attempt.id, claimOf());
    await db().query("update attempts set heartbeat_at = now() - interval '1 hour' where id = $1", [
      silent.attempt.id,
    ]);
    await claimAttempt(db(), late.attempt.id, { ...claimOf(), deadlineAt: past });
    await claimAttempt(db(), fine.attempt.id, claimOf());
    const mine = new Set([unclaimed, silent, late, fine].map((work) => work.attempt.id));
    const overdue = await openAttempts(db(), { heartbeatSeconds: 40, limit: 1_000 });
    expect(
      overdue.filter((attempt) => mine.has(attempt.id)).map(({ id, reason }) => [id, reason]),
    ).toEqual([
      [unclaimed.attempt.id, 'no_runner'],
      [silent.attempt.id, 'no_heartbeat'],
      [late.attempt.id, 'deadline'],
    ]);
    expect(await openAttempts(db(), { heartbeatSeconds: 40, limit: 1 })).toHaveLength(1);
  });
}

function effects(db: () => Store): void {
  test('asking 50 times at once is asking once', async () => {
    const work = await newWork(db());
    const wish = reply(work);
    const asked = await times(50, () => putEffect(db(), wish));
    expect(asked.filter((answer) => answer.inserted)).toHaveLength(1);
    expect(new Set(asked.map((answer) => answer.id)).size).toBe(1);
    const id = asked[0]?.id ?? 0;
    await putEffect(db(), { ...wish, payload: { kind: 'status_comment', run: 1 } });
    expect(await effectById(db(), id)).toMatchObject({ payload: wish.payload, revision: 1 });
  });

  test('of 20 claimers one gets it; a lost claim cannot start, settle or retry', async () => {
    const work = await newWork(db());
    const { id } = await putEffect(db(), reply(work));
    const claims = await times(20, () => claimEffect(db(), id, newLeaseOwner(), SHORT_LEASE));
    const [slow] = claims.filter((claim) => claim !== null);
    expect(claims.filter((claim) => claim !== null)).toHaveLength(1);
    if (slow === undefined) throw new Error('nobody claimed it');
    expect(slow).toMatchObject({ fence: 1, attempts: 1, startedAt: null });
    await until(
      async () => (await claimEffect(db(), id, 'quick', LONG_LEASE)) !== null,
      3_000,
      'the lease to run out',
    );
    expect(await startEffect(db(), id, slow.fence)).toBe(false);
    expect(await settleEffect(db(), id, slow.fence, 1, { state: 'done' })).toBe(false);
    expect(await retryEffect(db(), id, slow.fence, { delaySeconds: 0, error: 'x' })).toBe(false);
    expect(await startEffect(db(), id, 2)).toBe(true);
    expect(await settleEffect(db(), id, 2, 1, { state: 'done', receipt: { kind: 'react' } })).toBe(
      true,
    );
    expect(await settleEffect(db(), id, 2, 1, { state: 'failed' })).toBe(false);
    expect(await effectById(db(), id)).toMatchObject({
      state: 'done',
      receipt: { kind: 'react' },
      startedAt: A_DATE,
      settledAt: A_DATE,
      leaseOwner: null,
    });
  });

  test('a lease that ran out cannot start, even when nobody took over', async () => {
    const work = await newWork(db());
    const { id } = await putEffect(db(), reply(work));
    await claimEffect(db(), id, 'me', 0);
    expect(await startEffect(db(), id, 1)).toBe(false);
  });

  test('a status comment asked for again is one row with the newest text', async () => {
    const work = await newWork(db());
    const { id } = await putEffect(db(), statusComment(work, 1));
    expect(await putEffect(db(), statusComment(work, 2))).toEqual({ id, inserted: false });
    expect(await effectById(db(), id)).toMatchObject({
      payload: { kind: 'status_comment', run: 2 },
      revision: 2,
    });
  });

  test('a revision that moved while it was applied is due again, its receipt is kept', async () => {
    const work = await newWork(db());
    const { id } = await putEffect(db(), statusComment(work, 1));
    const claim = await claimEffect(db(), id, 'me', LONG_LEASE);
    expect(await startEffect(db(), id, 1)).toBe(true);
    await putEffect(db(), statusComment(work, 2));
    expect(await claimEffect(db(), id, 'other', LONG_LEASE)).toBeNull();
    const receipt = { kind: 'status_comment', noteId: 9, bodyHash: 'h' } as const;
    const settled = await settleEffect(db(), id, 1, claim?.revision ?? 0, {
      state: 'done',
      receipt,
    });
    expect(settled).toBe(false);
    expect(await effectById(db(), id)).toMatchObject({ state: 'pending', receipt, revision: 2 });
    expect(await dueEffects(db(), 1_000)).toContain(id);

    const again = await claimEffect(db(), id, 'me', LONG_LEASE);
    expect(again).toMatchObject({ payload: { run: 2 }, receipt, fence: 2 });
    expect(await settleEffect(db(), id, 2, 2, { state: 'done' })).toBe(true);
    expect(await effectById(db(), id)).toMatchObject({ state: 'done', receipt });

    const later = new Date(Date.now() + 3_600_000);
    await putEffect(db(), statusComment(work, 3, { notBefore: later }));
    expect(await effectById(db(), id)).toMatchObject({ state: 'pending', notBefore: later });
    await putEffect(db(), statusComment(work, 4, { notBefore: new Date(later.getTime() + 1) }));
    expect(await effectById(db(), id)).toMatchObject({ revision: 4, notBefore: later });
    await putEffect(db(), statusComment(work, 5));
    expect(await dueEffects(db(), 1_000)).toContain(id);
  });

  test('a retry waits, and says why', async () => {
    const work = await newWork(db());
    const { id } = await putEffect(db(), reply(work));
    await claimEffect(db(), id, 'me', LONG_LEASE);
    expect(await dueEffects(db(), 1_000)).not.toContain(id);
    expect(await retryEffect(db(), id, 1, { delaySeconds: 3_600, error: '503' })).toBe(true);
    expect(await dueEffects(db(), 1_000)).not.toContain(id);
    expect(await claimEffect(db(), id, 'me', LONG_LEASE)).toBeNull();
    expect(await effectById(db(), id)).toMatchObject({ error: '503', state: 'pending' });
  });

  test('dropping spares what was begun', async () => {
    const work = await newWork(db());
    const put = async (fields: Partial<NewEffect> = {}): Promise<number> =>
      (await putEffect(db(), reply(work, fields))).id;
    const begun = await put();
    const held = await put();
    const comment = (await putEffect(db(), statusComment(work, 1))).id;
    await claimEffect(db(), begun, 'me', LONG_LEASE);
    await startEffect(db(), begun, 1);
    await claimEffect(db(), held, 'me', LONG_LEASE);
    expect(await dropEffects(db(), work.run.id, ['reply'])).toBe(1);
    expect(await startEffect(db(), held, 1)).toBe(false);
    const states = (await effectsOfRun(db(), work.run.id)).map(({ id, state }) => [id, state]);
    expect(states).toEqual([
      [begun, 'pending'],
      [held, 'dropped'],
      [comment, 'pending'],
    ]);
    expect(await dropEffects(db(), work.run.id)).toBe(1);
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
      `insert into attempts (task_id, run_id, repo_id, fence, state, spec, ref, sha)
       select $1, $2, $3, i, 'lost', '{}', 'main', '' from generate_series(2, 10001) i`,
      [work.task.id, work.run.id, work.repo.id],
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
