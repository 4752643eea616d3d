/** The part of the store contract about projects, deliveries and runs. */
import { randomUUID } from 'node:crypto';
import { expect, jest, test } from '@jest/globals';
import {
  claimDelivery,
  deliveryById,
  dueDeliveries,
  insertDeliveries,
  insertDelivery,
  recentDeliveries,
  renewDelivery,
  retryDelivery,
  settleDelivery,
} from '../../bot/store/deliveries.ts';
import type { Deployment } from '../../bot/domain/runs.ts';
import { approvedHeads, noteApproval, voidApprovals } from '../../bot/store/approvals.ts';
import { settle } from '../../bot/store/budgets.ts';
import { sqlState } from '../../bot/store/errors.ts';
import { freeLeasesOfTheDead, newLeaseOwner } from '../../bot/store/leases.ts';
import { databaseNow } from '../../bot/store/locks.ts';
import {
  repoById,
  repoByProject,
  setHook,
  signingProjectIds,
  upsertRepo,
} from '../../bot/store/repos.ts';
import { activeRun, deployingRun, latestRun, runByChange } from '../../bot/store/run-queries.ts';
import { insertRun, runById, updateRun, type RunPatch } from '../../bot/store/runs.ts';
import { runView } from '../../bot/store/run-view.ts';
import type { Store } from '../../bot/store/store.ts';
import type { CallUsage } from '../../bot/store/usage.ts';
import {
  dueIds,
  LONG_LEASE,
  SHORT_LEASE,
  delivery,
  newRepo,
  newWork,
  runFor,
  times,
  usageOf,
} from '../support/store-rows.ts';
import { until } from '../support/until.ts';
import { A_DATE } from '../support/expected.ts';

export function repos(db: () => Store): void {
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

export function deliveries(db: () => Store): void {
  test('100 copies at once are one row', async () => {
    const one = delivery();
    const results = await times(100, () => insertDelivery(db(), one));
    expect(results.filter((result) => result.inserted)).toHaveLength(1);
    expect(new Set(results.map((result) => result.id)).size).toBe(1);
    const other = await insertDelivery(db(), { ...one, source: 'github' });
    expect(other.inserted).toBe(true);
  });

  test('deliveries stored together are stored once each, in the order they came', async () => {
    const there = delivery();
    const { id } = await insertDelivery(db(), there);
    const [one, two] = [delivery({ body: '{"a":"\\u0000 é"}' }), delivery({ source: 'github' })];
    const answers = await insertDeliveries(db(), [one, there, two, one]);
    expect(answers.map(({ inserted }) => inserted)).toEqual([true, false, true, false]);
    expect(answers[1]?.id).toBe(id);
    expect(answers[3]?.id).toBe(answers[0]?.id);
    expect(await deliveryById(db(), answers[0]?.id ?? '')).toMatchObject({ ...one, state: 'new' });
    const later = { ...delivery(), notBefore: new Date(Date.now() + 60_000) };
    const [, timer] = await insertDeliveries(db(), [delivery(), later]);
    expect(await dueIds(dueDeliveries, db(), 1_000)).not.toContain(timer?.id);
    expect(await insertDeliveries(db(), [])).toEqual([]);
    const many = Array.from({ length: 40 }, () => delivery());
    const ids = await insertDeliveries(db(), many);
    expect(new Set(ids.map((answer) => answer.id)).size).toBe(40);
    const kept = await deliveryById(db(), ids[39]?.id ?? '');
    expect(kept?.dedupeKey).toBe(many[39]?.dedupeKey);
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
      30_000,
      'the lease to run out',
    );

    // The first owner wakes up: nothing it writes counts any more.
    const late = { state: 'done', reason: 'late' } as const;
    expect(await settleDelivery(db(), id, 'slow', late)).toBe(false);
    expect(await retryDelivery(db(), id, 'slow', { delaySeconds: 0, reason: 'late' })).toBe(false);
    expect(await renewDelivery(db(), id, 'slow', LONG_LEASE)).toBe(false);
    expect(await renewDelivery(db(), id, 'quick', LONG_LEASE)).toBe(true);
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
    const due = await dueIds(dueDeliveries, db(), 1_000);
    expect(due).toContain(waiting);
    expect(due).not.toContain(held);
    expect(due).not.toContain(timer);

    expect(await retryDelivery(db(), held, 'me', { delaySeconds: 3_600, reason: '502' })).toBe(
      true,
    );
    expect(await dueIds(dueDeliveries, db(), 1_000)).not.toContain(held);
    expect(await deliveryById(db(), held)).toMatchObject({ reason: '502', leaseUntil: null });
    expect(await dueIds(dueDeliveries, db(), 1)).toHaveLength(1);
  });

  test('leases of dead processes end at the start where no other process can live', async () => {
    const { id } = await insertDelivery(db(), delivery());
    await claimDelivery(db(), id, 'dead', LONG_LEASE);
    await freeLeasesOfTheDead(db());
    const freed = db().kind === 'pglite';
    expect((await claimDelivery(db(), id, 'next', LONG_LEASE)) !== null).toBe(freed);
    expect(await settleDelivery(db(), id, 'dead', { state: 'done', reason: null })).toBe(!freed);
  });

  test('recent ones come newest first and without bodies', async () => {
    const { id } = await insertDelivery(db(), delivery({ body: 'secret text' }));
    const [newest] = await recentDeliveries(db(), { limit: 1 });
    expect(newest).toMatchObject({ id, eventName: 'Note Hook' });
    expect(newest).not.toHaveProperty('body');
  });
}

export function runs(db: () => Store): void {
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
      statusNoteId: 9, stageSince: A_DATE, updatedAt: A_DATE }); // prettier-ignore
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

  test('a run that ended goes on again, but never beside another of its target', async () => {
    const repo = await newRepo(db());
    const first = await insertRun(db(), runFor(repo));
    const ended = { state: 'stopped_policy', stage: 'end', stoppedAt: 'implement' } as const;
    const verdict = { kind: 'refused', cause: 'c', next: 'n' } as const;
    expect(await updateRun(db(), first?.id ?? 0, 0, { ...ended, verdict })).toBe(true);
    const back = { state: 'running', stage: 'implement', stoppedAt: null, verdict: null } as const;
    const by = { id: 6, username: 'max' };
    const allowed = [{ path: '.a', blob: 'b'.repeat(40), mode: '100644' as const, by }];
    expect(await updateRun(db(), first?.id ?? 0, 1, { ...back, report: null, allowed })).toBe(true);
    expect(await runById(db(), first?.id ?? 0)).toMatchObject({
      ...back,
      report: null,
      allowed,
      finishedAt: null,
    });
    expect(await updateRun(db(), first?.id ?? 0, 2, { ...ended, verdict })).toBe(true);
    expect(await insertRun(db(), runFor(repo))).not.toBeNull();
    const refused = await updateRun(db(), first?.id ?? 0, 3, back).catch((error: unknown) => error);
    expect(sqlState(refused)).toBe('23505');
    expect(await runById(db(), first?.id ?? 0)).toMatchObject({ state: 'stopped_policy' });
  });

  test('a pipeline of the default branch finds the run that waits for it to deploy', async () => {
    const repo = await newRepo(db());
    const other = await newRepo(db());
    const sha = 'd'.repeat(40);
    const run = await insertRun(db(), runFor(repo, { stage: 'deploy' }));
    if (run === null) throw new Error('a new project has no run');
    const find = (pipelineId: number, of: string, repoId = repo.id): Promise<number | null> =>
      deployingRun(db(), repoId, pipelineId, of).then((found) => found?.id ?? null);
    const patch = async (fields: RunPatch): Promise<void> => {
      const version = (await runById(db(), run.id))?.version ?? 0;
      expect(await updateRun(db(), run.id, version, fields)).toBe(true);
    };
    expect(await find(77, sha)).toBeNull();
    await patch({ mergedSha: sha, waitsFor: 'checks' });
    expect([await find(77, sha), await find(77, 'e'.repeat(40))]).toEqual([run.id, null]);
    expect(await find(77, sha, other.id)).toBeNull();
    const deployment: Deployment = {
      environment: 'staging',
      jobId: 5,
      pipelineId: 77,
      sha: 'e'.repeat(40),
      url: '',
      state: 'running',
      since: '2026-11-21T12:00:00.000Z',
    };
    await patch({ mergedSha: null, deployment });
    expect([await find(77, ''), await find(78, '')]).toEqual([run.id, null]);
    expect((await runById(db(), run.id))?.deployment).toEqual(deployment);
    await patch({ state: 'completed' });
    expect(await find(77, sha)).toBeNull();
  });

  test('an approval is for a head, and void ones do not come back', async () => {
    const { id: repoId } = await newRepo(db());
    const on = { repoId, changeIid: 4 };
    const seen = (userId: number, sha: string, given = true): Promise<void> =>
      noteApproval(db(), { ...on, userId, sha, given });
    await seen(5, 'a');
    await seen(6, 'b');
    await noteApproval(db(), { repoId, changeIid: 5, userId: 5, sha: 'a', given: true });
    await voidApprovals(db(), { ...on, exceptAt: 'b' });
    expect([...(await approvedHeads(db(), repoId, 4))]).toEqual([[6, 'b']]);
    await voidApprovals(db(), { ...on, exceptAt: 'a' });
    expect([...(await approvedHeads(db(), repoId, 4))]).toEqual([]);
    expect([...(await approvedHeads(db(), repoId, 5))]).toEqual([[5, 'a']]);
    await seen(5, 'a');
    expect([...(await approvedHeads(db(), repoId, 4))]).toEqual([[5, 'a']]);
  });

  test('the view holds tasks, attempts without spec, and money by model', async () => {
    const work = await newWork(db());
    const call = (model: string, fields: Partial<CallUsage>): CallUsage => ({
      ...usageOf({ callId: randomUUID(), attemptId: work.attempt.id }, 1_234),
      ...{ model, inputTokens: 1_000, cachedInputTokens: 900, ...fields },
      outputTokens: 10,
    });
    await settle(db(), call('big', {}));
    await settle(db(), call('big', {}));
    await settle(db(), call('small', { costMicrousd: 1, outcome: 'cut' }));
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
