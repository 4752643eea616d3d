/** The part of the store contract about attempts and effects. */
import { randomUUID } from 'node:crypto';
import { expect, test } from '@jest/globals';
import {
  attemptById,
  attemptsByPipeline,
  attemptByToken,
  claimAttempt,
  finishAttempt,
  heartbeat,
  openAttempts,
  requestedAttempts,
} from '../../bot/store/attempts.ts';
import { pipelineOf, setPipeline, takenPipelines, takePipeline } from '../../bot/store/launches.ts';
import {
  claimEffect,
  dropEffects,
  dueEffects,
  effectById,
  effectsOfRun,
  type NewEffect,
  putEffect,
  renewEffect,
  retryEffect,
  settleEffect,
  startEffect,
} from '../../bot/store/effects.ts';
import { grantByToken } from '../../bot/store/grants.ts';
import { newLeaseOwner } from '../../bot/store/leases.ts';
import type { Store } from '../../bot/store/store.ts';
import {
  CONTEXT,
  dueIds,
  LONG_LEASE,
  SHORT_LEASE,
  newWork,
  nextAttempt,
  reply,
  sha256,
  SPEC,
  statusComment,
  times,
} from '../support/store-rows.ts';
import { until } from '../support/until.ts';
import { A_DATE } from '../support/expected.ts';

/** The attempt that a token stands for, for whoever asks: the job API and the gateway. */
async function foundBy(store: Store, token: string): Promise<(number | undefined)[]> {
  const hash = sha256(token);
  return [(await attemptByToken(store, hash))?.id, (await grantByToken(store, hash))?.attemptId];
}

export function attempts(db: () => Store): void {
  const claimOf = (fields: { jti?: string; token?: string; seconds?: number } = {}) => ({
    jti: fields.jti ?? randomUUID(),
    jobId: 5,
    childPipelineId: 6,
    tokenHash: sha256(fields.token ?? randomUUID()),
    tokenSeconds: fields.seconds ?? 600,
    deadlineSeconds: 600,
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
    expect(await foundBy(db(), token)).toEqual([work.attempt.id, work.attempt.id]);
    const { id: attemptId, taskId, runId, repoId } = work.attempt;
    expect(await grantByToken(db(), sha256(token))).toEqual({
      ...{ attemptId, taskId, runId, repoId },
      ...{ models: SPEC.models, repoDayCapMicrousd: CONTEXT.repoDayCapMicrousd },
    });
    const progress = { turn: 3, doing: 'npm test' };
    expect(await heartbeat(db(), work.attempt.id, { progress, seen: 3 })).toBe('ok');
    expect(await attemptById(db(), work.attempt.id)).toMatchObject({ progress, jobId: 5 });

    const second = await nextAttempt(db(), work);
    expect(await foundBy(db(), token)).toEqual([undefined, undefined]);
    expect(await heartbeat(db(), work.attempt.id, { progress, seen: 0 })).toBe('gone');
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
    expect(await foundBy(db(), token)).toEqual([undefined, undefined]);
    expect(await finishAttempt(db(), work.attempt.id, { state: 'cancelled', cause: '' })).toBe(
      false,
    );
    const second = await nextAttempt(db(), work);
    const expired = randomUUID();
    await claimAttempt(db(), second.id, claimOf({ token: expired, seconds: -1 }));
    expect(await foundBy(db(), expired)).toEqual([undefined, undefined]);
    const rows = await db().query('select 1 from attempts where token_hash = $1', [sha256(token)]);
    expect(rows).toEqual([]);
  });

  test('a pipeline belongs to one attempt', async () => {
    const work = await newWork(db());
    const pipeline = {
      pipelineId: 77,
      pipelineUrl: 'http://p/77',
      sha: 'c'.repeat(40),
      claimSeconds: null,
    };
    const ids = async (): Promise<number[]> =>
      (await requestedAttempts(db(), work.repo.id)).map((attempt) => attempt.id);
    expect(await ids()).toEqual([work.attempt.id]);
    expect(await setPipeline(db(), work.attempt.launchId, pipeline)).toBe(true);
    expect(await setPipeline(db(), work.attempt.launchId, pipeline)).toBe(true);
    expect(await setPipeline(db(), work.attempt.launchId, { ...pipeline, pipelineId: 78 })).toBe(
      false,
    );
    expect(await ids()).toEqual([]);
    expect((await attemptsByPipeline(db(), work.repo.id, 77))[0]).toMatchObject({
      id: work.attempt.id,
      state: 'waiting',
      sha: 'c'.repeat(40),
    });
    const second = await nextAttempt(db(), work);
    await expect(setPipeline(db(), second.launchId, pipeline)).rejects.toMatchObject({
      code: '23505',
    });
    expect(await takePipeline(db(), second.launchId, 77)).toBe(false);
    expect(await takePipeline(db(), work.attempt.launchId, 77)).toBe(true);
    expect(await takePipeline(db(), work.attempt.launchId, 78)).toBe(false);
    expect(await pipelineOf(db(), second.launchId)).toBeNull();
    expect(await takenPipelines(db(), work.repo.id, [76, 77, 78])).toEqual([77]);
    expect(await takenPipelines(db(), work.repo.id, [])).toEqual([]);
    expect(await takenPipelines(db(), work.repo.id + 1, [77])).toEqual([]);
  });

  test('the sweeper sees what nobody claimed, what fell silent and what took too long', async () => {
    const unclaimed = await newWork(db());
    const silent = await newWork(db());
    const late = await newWork(db());
    const fine = await newWork(db());
    const pipeline = { pipelineUrl: null, sha: 'c'.repeat(40) };
    await setPipeline(db(), unclaimed.attempt.launchId, {
      ...pipeline,
      pipelineId: 1,
      claimSeconds: -60,
    });
    await claimAttempt(db(), silent.attempt.id, claimOf());
    await db().query("update attempts set heartbeat_at = now() - interval '1 hour' where id = $1", [
      silent.attempt.id,
    ]);
    await claimAttempt(db(), late.attempt.id, { ...claimOf(), deadlineSeconds: -60 });
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

export function effects(db: () => Store): void {
  test('asking 50 times at once is asking once', async () => {
    const work = await newWork(db());
    const wish = reply(work);
    const asked = await times(50, () => putEffect(db(), wish));
    expect(asked.filter((answer) => answer.inserted)).toHaveLength(1);
    expect(new Set(asked.map((answer) => answer.id)).size).toBe(1);
    const id = asked[0]?.id ?? 0;
    await putEffect(db(), { ...wish, payload: { kind: 'status_comment', run: 1, urgent: true } });
    expect(await effectById(db(), id)).toMatchObject({ payload: wish.payload, revision: 1 });
  });

  test('of 20 claimers one gets it; a lost claim cannot start, settle or retry', async () => {
    const work = await newWork(db());
    const { id } = await putEffect(db(), reply(work));
    const claims = await times(20, () => claimEffect(db(), id, newLeaseOwner(), SHORT_LEASE));
    const won = claims.filter((claim) => claim !== null);
    expect(won).toHaveLength(1);
    const slow = won[0] ?? { fence: 0 };
    expect(slow).toMatchObject({ fence: 1, attempts: 1, startedAt: null });
    await until(
      async () => (await claimEffect(db(), id, 'quick', LONG_LEASE)) !== null,
      30_000,
      'the lease to run out',
    );
    expect(await startEffect(db(), id, slow.fence)).toBe(false);
    expect(await settleEffect(db(), id, slow.fence, 1, { state: 'done' })).toBe('lost');
    expect(await retryEffect(db(), id, slow.fence, { delaySeconds: 0, error: 'x' })).toBe(false);
    expect(await renewEffect(db(), id, slow.fence, LONG_LEASE)).toBe(false);
    expect(await renewEffect(db(), id, 2, LONG_LEASE)).toBe(true);
    expect(await startEffect(db(), id, 2)).toBe(true);
    expect(await settleEffect(db(), id, 2, 1, { state: 'done', receipt: { kind: 'react' } })).toBe(
      'settled',
    );
    expect(await settleEffect(db(), id, 2, 1, { state: 'failed' })).toBe('lost');
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
    expect(await renewEffect(db(), id, 1, LONG_LEASE)).toBe(true);
    expect(await startEffect(db(), id, 1)).toBe(true);
  });

  test('a status comment asked for again is one row with the newest text', async () => {
    const work = await newWork(db());
    const { id } = await putEffect(db(), statusComment(work, 1));
    expect(await putEffect(db(), statusComment(work, 2))).toEqual({ id, inserted: false });
    expect(await effectById(db(), id)).toMatchObject({
      payload: { kind: 'status_comment', run: 2, urgent: true },
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
    expect(settled).toBe('asked_again');
    expect(await effectById(db(), id)).toMatchObject({ state: 'pending', receipt, revision: 2 });
    expect(await dueIds(dueEffects, db(), 1_000)).toContain(id);

    const again = await claimEffect(db(), id, 'me', LONG_LEASE);
    expect(again).toMatchObject({ payload: { run: 2 }, receipt, fence: 2 });
    expect(await settleEffect(db(), id, 2, 2, { state: 'done' })).toBe('settled');
    expect(await effectById(db(), id)).toMatchObject({ state: 'done', receipt });

    await putEffect(db(), statusComment(work, 3, { delaySeconds: 3_600 }));
    expect(await dueIds(dueEffects, db(), 1_000)).not.toContain(id);
    const first = await effectById(db(), id);
    expect(first?.state).toBe('pending');
    await putEffect(db(), statusComment(work, 4, { delaySeconds: 3_601 }));
    expect(await effectById(db(), id)).toMatchObject({ revision: 4, notBefore: first?.notBefore });
    await putEffect(db(), statusComment(work, 5));
    expect(await dueIds(dueEffects, db(), 1_000)).toContain(id);
  });

  test('what is asked for with a pause while it is applied waits for that pause', async () => {
    const work = await newWork(db());
    const { id } = await putEffect(db(), statusComment(work, 1));
    const claim = await claimEffect(db(), id, 'me', LONG_LEASE);
    expect(await renewEffect(db(), id, 1, LONG_LEASE)).toBe(true);
    await putEffect(db(), statusComment(work, 2, { delaySeconds: 3_600 }));
    expect(await settleEffect(db(), id, 1, claim?.revision ?? 0, { state: 'done' })).toBe(
      'asked_again',
    );
    expect(await dueIds(dueEffects, db(), 1_000)).not.toContain(id);
    expect(await claimEffect(db(), id, 'me', LONG_LEASE)).toBeNull();
  });

  test('what is asked for at once while it is applied waits for no later wish', async () => {
    const work = await newWork(db());
    const { id } = await putEffect(db(), statusComment(work, 1));
    const claim = await claimEffect(db(), id, 'me', LONG_LEASE);
    await putEffect(db(), statusComment(work, 2));
    await putEffect(db(), statusComment(work, 3, { delaySeconds: 3_600 }));
    expect(await renewEffect(db(), id, 1, LONG_LEASE)).toBe(true);
    await settleEffect(db(), id, 1, claim?.revision ?? 0, { state: 'done' });
    expect(await claimEffect(db(), id, 'me', LONG_LEASE)).toMatchObject({ payload: { run: 3 } });
  });

  test('a status comment whose worker is killed is due when its lease ends', async () => {
    const work = await newWork(db());
    const { id } = await putEffect(db(), statusComment(work, 1));
    expect(await claimEffect(db(), id, 'dead', SHORT_LEASE)).not.toBeNull();
    expect(await dueIds(dueEffects, db(), 1_000)).not.toContain(id);
    const due = async (): Promise<boolean> => (await dueIds(dueEffects, db(), 1_000)).includes(id);
    await until(due, 5_000, 'the end of the lease');
    expect(await claimEffect(db(), id, 'me', LONG_LEASE)).toMatchObject({ fence: 2 });
  });

  test('a retry waits, and says why', async () => {
    const work = await newWork(db());
    const { id } = await putEffect(db(), reply(work));
    await claimEffect(db(), id, 'me', LONG_LEASE);
    expect(await dueIds(dueEffects, db(), 1_000)).not.toContain(id);
    expect(await retryEffect(db(), id, 1, { delaySeconds: 3_600, error: '503' })).toBe(true);
    expect(await dueIds(dueEffects, db(), 1_000)).not.toContain(id);
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
