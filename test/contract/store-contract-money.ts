/** The part of the store contract about money: caps on four levels, holds, refusals, messages on spending. */
import { randomInt, randomUUID } from 'node:crypto';
import { expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import type { BudgetLevel } from '../../bot/domain/budgets.ts';
import { attemptById, finishAttempt } from '../../bot/store/attempts.ts';
import {
  daysNow,
  giveBack,
  keptCalls,
  raiseCaps,
  reserve,
  settle,
  type Hold,
  type Reservation,
} from '../../bot/store/budgets.ts';
import { addMessage, countMessages, messagesFor, sayWhenSpent } from '../../bot/store/messages.ts';
import { insertRun, updateRun } from '../../bot/store/runs.ts';
import type { Store } from '../../bot/store/store.ts';
import { insertTask, taskById } from '../../bot/store/tasks.ts';
import { pastCost } from '../../bot/store/usage.ts';
import {
  CONTEXT,
  newRepo,
  newWork,
  nextAttempt,
  runFor,
  times,
  usageOf,
} from '../support/store-rows.ts';
import type { Work } from '../support/store-rows.ts';

const LOST = randomUUID();
/** Far above what a test spends. */
const PLENTY = 1_000_000_000_000;

const holdFor = (work: Work, microusd: number, caps: Partial<Hold> = {}): Hold => ({
  callId: randomUUID(),
  attemptId: work.attempt.id,
  provider: 'openai',
  model: 'test',
  microusd,
  repoDayCapMicrousd: PLENTY,
  installationDayCapMicrousd: PLENTY,
  ...caps,
});

const granted = (outcome: Reservation): outcome is Extract<Reservation, { ok: true }> => outcome.ok;

/** What is booked on every level of a piece of work. */
async function booked(
  store: Store,
  work: Work,
): Promise<Record<BudgetLevel, { spent: number; held: number }>> {
  const [row] = await store.query<Record<string, number>>(
    `select t.spent_microusd as ts, t.reserved_microusd as th,
       r.spent_microusd as rs, r.reserved_microusd as rh,
       d.spent_microusd as ds, d.reserved_microusd as dh,
       i.spent_microusd as "is", i.reserved_microusd as ih
     from tasks t join runs r on r.id = t.run_id
       left join budget_days d on d.scope = 'repo/' || r.repo_id
       left join budget_days i on i.scope = 'installation' and i.day = d.day
     where t.id = $1`,
    [work.task.id],
  );
  const of = (key: string) => ({ spent: row?.[`${key}s`] ?? 0, held: row?.[`${key}h`] ?? 0 });
  return { task: of('t'), run: of('r'), repo_day: of('d'), installation_day: of('i') };
}

/** How the calls of a piece of work ended and what they cost, by its rows of usage. */
async function outcomes(store: Store, work: Work): Promise<[string, number][]> {
  const rows = await store.query<{ outcome: string; cost: number }>(
    'select outcome, cost_microusd as cost from usage where task_id = $1 order by id',
    [work.task.id],
  );
  return rows.map(({ outcome, cost }) => [outcome, cost]);
}

async function moreWork(store: Store, from: Work, capMicrousd: number): Promise<Work> {
  const { repo, run } = from;
  const task = await insertTask(store, {
    runId: run.id,
    stage: 'verify',
    round: 0,
    type: 'review_mr',
    agent: 'reviewer',
    capMicrousd,
  });
  return { repo, run, task, attempt: await nextAttempt(store, { repo, run, task }) };
}

/** A run with two tasks; `iid` keeps it apart from the repository's other runs. */
async function newRun(
  store: Store,
  repo: Work['repo'],
  iid: number,
  caps: { run: number; task: number },
): Promise<Work[]> {
  const run = await insertRun(store, runFor(repo, { targetIid: iid, capMicrousd: caps.run }));
  if (run === null) throw new Error('the run is there already');
  const first = { repo, run } as Work;
  return [await moreWork(store, first, caps.task), await moreWork(store, first, caps.task)];
}

export function money(db: () => Store): void {
  test('50 callers together never hold more than the cap', async () => {
    const work = await newWork(db(), 1_000);
    const held = await times(50, () => reserve(db(), holdFor(work, 90)));
    expect(held.filter(granted)).toHaveLength(11);
    expect(held.find((outcome) => !outcome.ok)).toEqual({
      ok: false,
      level: 'task',
      capMicrousd: 1_000,
      opensAt: null,
      spentMicrousd: 0,
    });
    expect(await taskById(db(), work.task.id)).toMatchObject({
      reservedMicrousd: 990,
      spentMicrousd: 0,
    });
  });

  test('no cap on any level is ever passed, whatever is held, settled and given up at once', async () => {
    const caps = fc.record({
      task: fc.integer({ min: 200, max: 2_000 }),
      run: fc.integer({ min: 200, max: 3_000 }),
      repo: fc.integer({ min: 200, max: 5_000 }),
      all: fc.integer({ min: 200, max: 8_000 }),
      call: fc.integer({ min: 30, max: 300 }),
    });
    await fc.assert(
      fc.asyncProperty(caps, async (drawn) => {
        await everybodySpends(db(), drawn);
      }),
      { numRuns: 6, seed: 20_261_121 },
    );
  });

  test('each level refuses by its name, and the attempt keeps which', async () => {
    const work = await newWork(db(), 1_000);
    await db().query('update runs set cap_microusd = 500 where id = $1', [work.run.id]);
    const { installation } = await daysNow(db(), work.repo.id);
    const ask = async (microusd: number, caps: Partial<Hold> = {}): Promise<unknown> => {
      const answer = await reserve(db(), holdFor(work, microusd, caps));
      const kept = (await attemptById(db(), work.attempt.id))?.refusal;
      if (answer.ok || answer.level === 'over') throw new Error('it was not refused');
      const { level, capMicrousd, opensAt } = answer;
      expect(kept).toMatchObject({ level, capMicrousd });
      expect(opensAt === null).toBe(kept?.opensAt === null);
      return { level, capMicrousd, day: opensAt !== null };
    };
    expect(await ask(1_001)).toEqual({ level: 'task', capMicrousd: 1_000, day: false });
    expect(await ask(501)).toEqual({ level: 'run', capMicrousd: 500, day: false });
    const repoDayCapMicrousd = 99;
    expect(await ask(100, { repoDayCapMicrousd })).toEqual({
      level: 'repo_day',
      capMicrousd: 99,
      day: true,
    });
    const installationDayCapMicrousd = installation.microusd + 99;
    expect(await ask(100, { installationDayCapMicrousd })).toEqual({
      level: 'installation_day',
      capMicrousd: installationDayCapMicrousd,
      day: true,
    });
    const { repo, installation: all, opensAt } = await daysNow(db(), work.repo.id);
    expect(repo).toEqual({ microusd: 0, fullAtMicrousd: 99 });
    expect(all.fullAtMicrousd).toBe(installationDayCapMicrousd);
    expect(opensAt.toISOString()).toMatch(/T00:00:00\.000Z$/);
    expect(opensAt.getTime() - Date.now()).toBeLessThanOrEqual(24 * 3_600_000);
    expect((await booked(db(), work)).task).toEqual({ spent: 0, held: 0 });
  });

  test('settling replaces what was held by what it cost, on every level', async () => {
    const work = await newWork(db(), 1_000);
    const before = await daysNow(db(), work.repo.id);
    const call = holdFor(work, 600);
    expect(await reserve(db(), call)).toEqual({ ok: true });
    expect(await reserve(db(), holdFor(work, 600))).toMatchObject({ ok: false });
    await settle(db(), usageOf(call, 399.2));
    const { task, run, repo_day: repo } = await booked(db(), work);
    for (const level of [task, run, repo]) expect(level).toEqual({ spent: 400, held: 0 });
    const after = await daysNow(db(), work.repo.id);
    expect(after.installation.microusd).toBe(before.installation.microusd + 400);
    expect(await reserve(db(), holdFor(work, 600))).toMatchObject({ ok: true });
    expect(await reserve(db(), holdFor(work, 1))).toMatchObject({
      ok: false,
      capMicrousd: 1_000,
      spentMicrousd: 400,
    });
    await raiseCaps(db(), [work.task.id], 1);
    expect(await reserve(db(), holdFor(work, 1))).toMatchObject({ ok: true });
  });

  test('nonsense is refused, and nothing is held for what is not there or over', async () => {
    const work = await newWork(db());
    await expect(reserve(db(), holdFor(work, -1))).rejects.toThrow(RangeError);
    await expect(reserve(db(), holdFor(work, Number.NaN))).rejects.toThrow(RangeError);
    const nobody = { ...holdFor(work, 1), attemptId: 999_999_999 };
    expect(await reserve(db(), nobody)).toEqual({ ok: false, level: 'over' });
    await finishAttempt(db(), work.attempt.id, { state: 'cancelled', cause: 'by @sam' });
    expect(await reserve(db(), holdFor(work, 1))).toEqual({ ok: false, level: 'over' });
    expect((await booked(db(), work)).run).toEqual({ spent: 0, held: 0 });
  });

  test('what a dead attempt held is spent on every level; another keeps its own', async () => {
    const work = await newWork(db(), 1_000);
    const before = await daysNow(db(), work.repo.id);
    const first = holdFor(work, 500);
    expect(await reserve(db(), first)).toEqual({ ok: true });
    const second = await nextAttempt(db(), work);
    await reserve(db(), holdFor({ ...work, attempt: second }, 200));
    await finishAttempt(db(), work.attempt.id, { state: 'lost', cause: 'no heartbeat' });
    const left = await booked(db(), work);
    // Nobody knows what its call cost, so it counts in full, and its row says so.
    for (const level of ['task', 'run', 'repo_day'] as const) {
      expect(left[level]).toEqual({ spent: 500, held: 200 });
    }
    expect(await outcomes(db(), work)).toEqual([['unknown', 500]]);
    // Told late, it is put right, once, and takes nothing from the other.
    await times(3, () => settle(db(), usageOf(first, 20)));
    await settle(db(), usageOf(first, 30));
    const late = await booked(db(), work);
    for (const level of ['task', 'run', 'repo_day'] as const) {
      expect(late[level]).toEqual({ spent: 20, held: 200 });
    }
    expect(await outcomes(db(), work)).toEqual([['ok', 20]]);
    await finishAttempt(db(), second.id, { state: 'lost', cause: 'no heartbeat' });
    const after = await daysNow(db(), work.repo.id);
    expect(after.installation.microusd).toBe(before.installation.microusd + 220);
  });

  test('a call is settled once, however often and at how many places it is asked for', async () => {
    const work = await newWork(db(), 1_000);
    const call = holdFor(work, 600);
    expect(await reserve(db(), call)).toEqual({ ok: true });
    expect(await keptCalls(db(), [call.callId])).toEqual(new Set());
    await times(8, () => settle(db(), usageOf(call, 90)));
    await giveBack(db(), call);
    for (const { spent, held } of Object.values(await booked(db(), work)).slice(0, 3)) {
      expect([spent, held]).toEqual([90, 0]);
    }
    expect(await outcomes(db(), work)).toEqual([['ok', 90]]);
    const ids = [call.callId, randomUUID()];
    expect(await keptCalls(db(), ids)).toEqual(new Set([call.callId]));
    // An end of the attempt finds nothing held any more.
    await finishAttempt(db(), work.attempt.id, { state: 'lost', cause: 'x' });
    expect((await booked(db(), work)).run).toEqual({ spent: 90, held: 0 });
  });

  test('a call whose hold was lost with a crash of the server is settled all the same', async () => {
    const work = await newWork(db(), 1_000);
    await times(2, () => settle(db(), usageOf({ callId: LOST, attemptId: work.attempt.id }, 70)));
    expect((await booked(db(), work)).task).toEqual({ spent: 70, held: 0 });
    expect(await outcomes(db(), work)).toEqual([['ok', 70]]);
  });

  test('what is given back is free again, also when its attempt has ended meanwhile', async () => {
    const work = await newWork(db(), 1_000);
    const [one, two] = [holdFor(work, 400), holdFor(work, 500)];
    expect(await reserve(db(), one)).toEqual({ ok: true });
    expect(await reserve(db(), two)).toEqual({ ok: true });
    await times(2, () => giveBack(db(), one));
    expect((await booked(db(), work)).repo_day).toEqual({ spent: 0, held: 500 });
    await finishAttempt(db(), work.attempt.id, { state: 'lost', cause: 'x' });
    expect((await booked(db(), work)).repo_day).toEqual({ spent: 500, held: 0 });
    await times(2, () => giveBack(db(), two));
    for (const { spent, held } of Object.values(await booked(db(), work)).slice(0, 3)) {
      expect([spent, held]).toEqual([0, 0]);
    }
    expect(await outcomes(db(), work)).toEqual([]);
  });

  test('a call that ends after midnight is booked on the day that held for it', async () => {
    const work = await newWork(db(), 1_000);
    const call = holdFor(work, 500);
    expect(await reserve(db(), call)).toEqual({ ok: true });
    // As if it had begun yesterday.
    await db().query('update holds set day = day - 1 where call_id = $1', [call.callId]);
    await db().query(
      `insert into budget_days (scope, day, reserved_microusd)
       select scope, day - 1, 500 from budget_days where scope in ('repo/' || $1, 'installation')
         and day = (now() at time zone 'UTC')::date
       on conflict (scope, day) do update set reserved_microusd = budget_days.reserved_microusd + 500`,
      [String(work.repo.id)],
    );
    await settle(db(), usageOf(call, 120));
    const rows = await db().query<{ today: boolean; spent: number }>(
      `select day = (now() at time zone 'UTC')::date as today, spent_microusd as spent
       from budget_days where scope = 'repo/' || $1 order by day`,
      [String(work.repo.id)],
    );
    expect(rows).toEqual([
      { today: false, spent: 120 },
      { today: true, spent: 0 },
    ]);
  });
}

/** Two repositories with two runs of two tasks each: 50 calls at once, ended in three ways. */
async function everybodySpends(
  store: Store,
  caps: { task: number; run: number; repo: number; all: number; call: number },
): Promise<void> {
  const repos = [await newRepo(store), await newRepo(store)];
  const works = (
    await Promise.all(repos.flatMap((repo) => [1, 2].map((iid) => newRun(store, repo, iid, caps))))
  ).flat();
  const already = (await daysNow(store, repos[0]?.id ?? 0)).installation.microusd;
  const limit = {
    repoDayCapMicrousd: caps.repo,
    installationDayCapMicrousd: already + caps.all,
  };
  await times(50, async (index) => {
    const work = works[index % works.length] as Work;
    const call = holdFor(work, caps.call, limit);
    const held = await reserve(store, call);
    await expectWithin(store, works, caps, already);
    if (!held.ok) return;
    // Most calls cost what they held; some nothing, some are not made, and some are never settled.
    if (index % 7 === 0) return;
    if (index % 11 === 0) return giveBack(store, call);
    await settle(store, usageOf(call, index % 5 === 0 ? 0 : caps.call));
  });
  await expectWithin(store, works, caps, already);
  await Promise.all(
    works.map(({ attempt }) => finishAttempt(store, attempt.id, { state: 'lost', cause: 'x' })),
  );
  for (const work of works) {
    const levels = await booked(store, work);
    expect([levels.task.held, levels.run.held, levels.repo_day.held]).toEqual([0, 0, 0]);
  }
  const [sums] = await store.query<{ tasks: number; runs: number; days: number; calls: number }>(
    `select (select sum(spent_microusd) from tasks where run_id = any($1))::int8 as tasks,
       (select sum(spent_microusd) from runs where id = any($1))::int8 as runs,
       (select sum(spent_microusd) from budget_days where scope = any($2))::int8 as days,
       (select coalesce(sum(cost_microusd), 0) from usage where run_id = any($1))::int8 as calls`,
    [works.map(({ run }) => run.id), repos.map(({ id }) => `repo/${id}`)],
  );
  expect(sums?.runs).toBe(sums?.tasks);
  expect(sums?.days).toBe(sums?.tasks);
  expect(sums?.calls).toBe(sums?.tasks);
}

async function expectWithin(
  store: Store,
  works: readonly Work[],
  caps: { task: number; run: number; repo: number; all: number },
  already: number,
): Promise<void> {
  for (const work of [works[0], works.at(-1)]) {
    const levels = await booked(store, work as Work);
    const used = (level: BudgetLevel): number => levels[level].spent + levels[level].held;
    expect(used('task')).toBeLessThanOrEqual(caps.task);
    expect(used('run')).toBeLessThanOrEqual(caps.run);
    expect(used('repo_day')).toBeLessThanOrEqual(caps.repo);
    expect(used('installation_day')).toBeLessThanOrEqual(already + caps.all);
  }
}

export function messages(db: () => Store): void {
  test('each agent is given each message of its run once, and again while it does not have it', async () => {
    const work = await newWork(db());
    const { run, attempt } = work;
    const say = (noteId: number, body: string): Promise<void> =>
      addMessage(db(), { runId: run.id, noteId, author: '@dana', body });
    await say(1, 'one');
    await say(1, 'one, heard of twice');
    await say(2, 'two');
    const texts = async (who: { id: number; runId: number }, seen: number): Promise<string[]> =>
      (await messagesFor(db(), who, seen)).map(({ body }) => body);
    expect(await texts(attempt, 0)).toEqual(['one', 'two']);
    expect(await texts(attempt, 0)).toEqual(['one', 'two']);
    const upTo = (await messagesFor(db(), attempt, 0)).at(-1)?.id ?? 0;
    expect(await texts(attempt, upTo)).toEqual([]);
    expect(await texts(await nextAttempt(db(), work), 0)).toEqual(['one', 'two']);
    const stranger = await newWork(db());
    expect(await texts(stranger.attempt, 0)).toEqual([]);
    expect(await countMessages(db(), run.id)).toBe(2);
  });

  test.each([
    ['task', 799, 0],
    ['task', 800, 1],
    ['run', 800, 1],
  ])('at 80 %% of the %s the bot speaks up once: %i spent', async (level, spent, told) => {
    const work = await newWork(db(), level === 'task' ? 1_000 : 10_000);
    if (level === 'run') {
      await db().query('update runs set cap_microusd = 1000 where id = $1', [work.run.id]);
    }
    const other = await moreWork(db(), work, 100_000);
    const call = holdFor(work, spent);
    expect(await reserve(db(), call)).toEqual({ ok: true });
    await sayWhenSpent(db(), work.attempt.id, 0.8, 'Finish.');
    expect(await messagesFor(db(), work.attempt, 0)).toEqual([]);
    await settle(db(), usageOf(call, spent));
    await times(3, () => sayWhenSpent(db(), work.attempt.id, 0.8, 'Finish.'));
    expect(await messagesFor(db(), work.attempt, 0)).toHaveLength(told);
    expect(await messagesFor(db(), other.attempt, 0)).toEqual([]);
    expect(await countMessages(db(), work.run.id)).toBe(0);
  });
}

export function estimates(db: () => Store): void {
  test('an estimate is the middle half of finished runs of the same workflow, nearest first', async () => {
    const name = `estimated-${randomInt(1e9)}`;
    const [here, there] = [await newRepo(db()), await newRepo(db())];
    const context = { ...CONTEXT, workflow: { ...CONTEXT.workflow, name } };
    const cost = async (repo: Work['repo'], spent: number, state: 'completed' | 'failed') => {
      const run = await insertRun(db(), runFor(repo, { context, targetIid: randomInt(1, 1e9) }));
      if (run === null) throw new Error('no run');
      await updateRun(db(), run.id, run.version, { state });
      await db().query('update runs set spent_microusd = $2 where id = $1', [run.id, spent]);
    };
    for (const spent of [100, 200, 300, 400, 500]) await cost(there, spent, 'completed');
    await cost(here, 9_000, 'failed');
    await cost(here, 1_000, 'completed');
    await cost(here, 1_000, 'completed');
    const all = { lowMicrousd: 250, highMicrousd: 750, runs: 7, of: 'installation' };
    expect(await pastCost(db(), here.id, name)).toEqual(all);
    await cost(here, 2_000, 'completed');
    expect(await pastCost(db(), here.id, name)).toEqual({
      lowMicrousd: 1_000,
      highMicrousd: 1_500,
      runs: 3,
      of: 'repository',
    });
    expect(await pastCost(db(), here.id, `${name}-other`)).toBeNull();
  });
}
