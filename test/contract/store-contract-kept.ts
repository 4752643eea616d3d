/** The part of the store contract about what is kept for runs: held deliveries, files, first commits. */
import { randomUUID } from 'node:crypto';
import { expect, test } from '@jest/globals';
import type { Db } from '../../bot/store/db.ts';
import {
  claimDelivery,
  deliveryById,
  dueDeliveries,
  insertDelivery,
  replayDelivery,
  settleDelivery,
} from '../../bot/store/deliveries.ts';
import {
  claimFiles,
  claimsOfOthers,
  claimsOfRun,
  releaseFiles,
  renewFiles,
} from '../../bot/store/file-locks.ts';
import { holdDelivery, releaseHeld, releaseStranded } from '../../bot/store/held-deliveries.ts';
import { recordOwnEvent, runsToLookAt } from '../../bot/store/own-events.ts';
import { notePublished, runsThatPublished } from '../../bot/store/published.ts';
import type { RepoRow } from '../../bot/store/repos.ts';
import { dueRuns, quietRuns } from '../../bot/store/run-queries.ts';
import { insertRun, updateRun, type RunPatch, type RunRow } from '../../bot/store/runs.ts';
import type { Store } from '../../bot/store/store.ts';
import { dueIds, delivery, newRepo, runFor, times } from '../support/store-rows.ts';

async function newRun(db: Db, repo: RepoRow, targetIid = 1): Promise<RunRow> {
  const run = await insertRun(db, runFor(repo, { targetIid }));
  if (run === null) throw new Error(`issue ${targetIid} has an active run`);
  return run;
}

async function patch(db: Db, run: RunRow, change: RunPatch): Promise<void> {
  const [row] = await db.query<{ version: number }>('select version from runs where id = $1', [
    run.id,
  ]);
  expect(await updateRun(db, run.id, row?.version ?? -1, change)).toBe(true);
}

const hold = (db: Db, id: string, runId: number): ReturnType<typeof holdDelivery> =>
  db.tx((tx) => holdDelivery(tx, id, 'w', { runId, reason: 'kept' }));

async function claimed(db: Db): Promise<string> {
  const { id } = await insertDelivery(db, delivery({ dedupeKey: randomUUID() }));
  expect(await claimDelivery(db, id, 'w', 60)).not.toBeNull();
  return id;
}

export function held(db: () => Store): void {
  test('what is kept for a paused run is not due, and is due in its order afterwards', async () => {
    const run = await newRun(db(), await newRepo(db()));
    await patch(db(), run, { state: 'paused' });
    const ids: string[] = [];
    for (let count = 0; count < 5; count += 1) ids.push(await claimed(db()));
    // Kept in another order than they came in.
    for (const id of ids.toReversed()) {
      expect(await hold(db(), id, run.id)).toEqual({ paused: true });
    }
    const [first = ''] = ids;
    expect(await deliveryById(db(), first)).toMatchObject({ state: 'held', reason: 'kept' });
    expect(await claimDelivery(db(), first, 'x', 60)).toBeNull();
    expect((await dueIds(dueDeliveries, db(), 1000)).filter((id) => ids.includes(id))).toEqual([]);
    expect(await replayDelivery(db(), first)).toBe('waiting');
    expect(await releaseStranded(db(), 10)).toEqual([]);
    expect(await db().tx((tx) => releaseHeld(tx, run.id))).toEqual(ids);
    expect((await dueIds(dueDeliveries, db(), 1000)).filter((id) => ids.includes(id))).toEqual(ids);
    expect(await claimDelivery(db(), first, 'x', 60)).toMatchObject({ attempts: 1 });
    expect(await releaseHeld(db(), run.id)).toEqual([]);
  });

  test('nothing is kept for a run that goes on, is over or unknown, nor by a lost lease', async () => {
    const run = await newRun(db(), await newRepo(db()));
    const id = await claimed(db());
    expect(await hold(db(), id, run.id)).toEqual({ paused: false });
    expect(await hold(db(), id, 2 ** 40)).toEqual({ paused: false });
    await patch(db(), run, { state: 'paused' });
    expect(
      await db().tx((tx) => holdDelivery(tx, id, 'other', { runId: run.id, reason: '' })),
    ).toBeNull();
    expect(await deliveryById(db(), id)).toMatchObject({ state: 'new' });
    await expect(holdDelivery(db(), id, 'w', { runId: run.id, reason: '' })).rejects.toMatchObject({
      code: 'transaction_required',
    });
  });

  test('what stayed behind when a run ended is found', async () => {
    const run = await newRun(db(), await newRepo(db()));
    await patch(db(), run, { state: 'paused' });
    const id = await claimed(db());
    await hold(db(), id, run.id);
    expect(await releaseStranded(db(), 10)).toEqual([]);
    await patch(db(), run, { state: 'stopped_user' });
    expect(await releaseStranded(db(), 10)).toEqual([id]);
    expect(await deliveryById(db(), id)).toMatchObject({ state: 'new', reason: null });
  });

  test('a look that is still to come for a run is known until it was taken', async () => {
    const run = await newRun(db(), await newRepo(db()));
    const awaited = async (): Promise<boolean> => (await runsToLookAt(db())).has(run.id);
    expect(await awaited()).toBe(false);
    const { id } = await recordOwnEvent(db(), { kind: 'wake', runId: run.id }, `look:${run.id}`);
    expect(await awaited()).toBe(true);
    await claimDelivery(db(), id, 'w', 60);
    expect(await awaited()).toBe(true);
    await settleDelivery(db(), id, 'w', { state: 'done', reason: '' });
    expect(await awaited()).toBe(false);
  });

  test('deferred runs are due by the database, and paused ones are not looked at', async () => {
    const run = await newRun(db(), await newRepo(db()));
    const mine = async (): Promise<unknown[]> =>
      (await dueRuns(db(), 1000)).filter(({ id }) => id === run.id);
    const seen = async (): Promise<boolean> =>
      (await quietRuns(db(), 'person', -1, 1000)).includes(run.id);
    await patch(db(), run, { waitsFor: 'person' });
    expect(await seen()).toBe(true);
    const soon = new Date(Date.now() + 3_600_000);
    await patch(db(), run, { state: 'paused', pausedUntil: soon, pausedBy: 'dana' });
    expect([await seen(), await mine()]).toEqual([false, []]);
    const past = new Date(Date.now() - 1000);
    await patch(db(), run, { pausedUntil: past });
    expect(await mine()).toEqual([{ id: run.id, until: past }]);
    await patch(db(), run, { state: 'running', pausedUntil: null, pausedBy: null });
    expect([await seen(), await mine()]).toEqual([true, []]);
  });
}

export function files(db: () => Store): void {
  const claim = (run: RunRow, paths: string[], hours = 4): Promise<string[]> =>
    db().tx((tx) => claimFiles(tx, { repoId: run.repoId, runId: run.id, paths, hours }));
  const two = async (): Promise<[RunRow, RunRow]> => {
    const repo = await newRepo(db());
    return [await newRun(db(), repo, 1), await newRun(db(), repo, 2)];
  };

  test('a claimed file is told with its run, and is free when that ends, loses it or expires', async () => {
    const [one, other] = await two();
    expect(await claim(one, ['b', 'a', 'a'])).toEqual(['a', 'b']);
    expect(await claim(one, ['a'])).toEqual(['a']);
    expect(await claim(other, ['a', 'c'])).toEqual(['c']);
    const told = await claimsOfOthers(db(), other.repoId, other.id, ['a', 'c', 'z']);
    expect(told).toEqual([
      {
        path: 'a',
        runId: one.id,
        target: { type: 'issue', iid: 1 },
        requester: 'sam',
        until: expect.any(Date),
      },
    ]);
    expect((told[0]?.until.getTime() ?? 0) - Date.now()).toBeGreaterThan(3.9 * 3_600_000);
    expect((await claimsOfRun(db(), other.id)).map(({ path }) => path)).toEqual(['c']);

    await releaseFiles(db(), one.id, ['a', 'c']);
    expect(await claim(other, ['a'])).toEqual(['a']);
    await patch(db(), one, { state: 'completed' });
    expect(await claim(other, ['b'])).toEqual(['b']);
    await releaseFiles(db(), other.id);
    expect(await claimsOfRun(db(), other.id)).toEqual([]);

    await claim(other, ['a'], -1);
    expect(await claimsOfRun(db(), other.id)).toEqual([]);
    const third = await newRun(db(), { id: one.repoId } as RepoRow, 3);
    expect(await claim(third, ['a'])).toEqual(['a']);
  });

  test('other repositories do not matter', async () => {
    const [one] = await two();
    const [elsewhere] = await two();
    await claim(one, ['a']);
    expect(await claim(elsewhere, ['a'])).toEqual(['a']);
  });

  test('claims of runs at work are renewed, those of paused runs run out', async () => {
    const [one, asleep] = await two();
    await claim(one, ['a'], 1);
    await claim(asleep, ['b'], 1);
    await patch(db(), asleep, { state: 'paused' });
    const hours = async (run: RunRow): Promise<number> =>
      Math.round(
        (((await claimsOfRun(db(), run.id))[0]?.until.getTime() ?? 0) - Date.now()) / 3_600_000,
      );
    await renewFiles(db(), 4);
    expect([await hours(one), await hours(asleep)]).toEqual([4, 1]);
    // More than half of the time is left: not written again.
    await renewFiles(db(), 6);
    expect(await hours(one)).toBe(4);
  });

  test('of claims at once one has each file, and all or none rolls back', async () => {
    const repo = await newRepo(db());
    const runs: RunRow[] = [];
    for (let iid = 1; iid <= 8; iid += 1) runs.push(await newRun(db(), repo, iid));
    const wanted = ['a', 'b', 'c'];
    let next = 0;
    const got = await times(runs.length, async () => {
      const run = runs[next++] as RunRow;
      const paths = run.id % 2 === 0 ? wanted : wanted.toReversed();
      return db()
        .tx(async (tx) => {
          const claims = await claimFiles(tx, {
            repoId: repo.id,
            runId: run.id,
            paths,
            hours: 4,
          });
          if (claims.length < paths.length) throw new Error('not all');
          return claims;
        })
        .catch(() => []);
    });
    expect(got.filter((claims) => claims.length > 0)).toEqual([wanted]);
    const held = await Promise.all(runs.map((run) => claimsOfRun(db(), run.id)));
    expect(
      held
        .map((claims) => claims.length)
        .toSorted((a, b) => a - b)
        .at(-1),
    ).toBe(3);
    expect(held.flat()).toHaveLength(3);
  });
}

export function published(db: () => Store): void {
  const note = (run: RunRow, digest: string, sha: string): Promise<void> =>
    db().tx((tx) => notePublished(tx, run.id, { digest, sha }));

  test('a twin is found while its first commit is its only one and not merged', async () => {
    const repo = await newRepo(db());
    const one = await newRun(db(), repo, 1);
    const twin = await newRun(db(), repo, 2);
    const find = (digest = 'd'): Promise<unknown> =>
      runsThatPublished(db(), repo.id, twin.id, digest);
    await note(one, 'd', 'sha1');
    expect(await find()).toEqual([{ issueIid: 1, changeIid: null, sha: 'sha1' }]);
    expect(await find('other')).toEqual([]);
    expect(await runsThatPublished(db(), repo.id, one.id, 'd')).toEqual([]);
    await patch(db(), one, { branch: 'autodev/1', changeIid: 41 });
    expect(await find()).toEqual([{ issueIid: 1, changeIid: 41, sha: 'sha1' }]);
    await patch(db(), one, { state: 'completed' });
    expect(await find()).toEqual([{ issueIid: 1, changeIid: 41, sha: 'sha1' }]);
    await note(one, 'd', 'sha2');
    expect(await find()).toEqual([]);
  });

  test('a merged one, and one that ended before it opened anything, is no twin', async () => {
    const repo = await newRepo(db());
    const twin = await newRun(db(), repo, 9);
    const merged = await newRun(db(), repo, 1);
    await note(merged, 'd', 'sha1');
    await patch(db(), merged, { changeIid: 41, mergedSha: 'abc' });
    const ended = await newRun(db(), repo, 2);
    await note(ended, 'd', 'sha2');
    await patch(db(), ended, { state: 'failed' });
    expect(await runsThatPublished(db(), repo.id, twin.id, 'd')).toEqual([]);
  });
}
