import { afterEach, beforeEach, expect, jest, test } from '@jest/globals';
import { LEASE_SECONDS, LeaseLost, requireLease, whileLeased } from '../../bot/worker/lease.ts';

let now = 0;
beforeEach(() => {
  now = 1_000;
  jest.spyOn(performance, 'now').mockImplementation(() => now);
});
afterEach(() => {
  jest.restoreAllMocks();
});

/** A process that slept for so long finds itself in the middle of its work. */
const sleepFor = (seconds: number): void => void (now += seconds * 1000);

test('a fresh lease is trusted without asking', async () => {
  const renew = jest.fn(async () => true);
  await whileLeased(now, renew, requireLease);
  expect(renew).not.toHaveBeenCalled();
});

test('after a sleep the database is asked, and a lease that others hold now forbids the write', async () => {
  const write = jest.fn();
  const work = async (): Promise<void> => {
    sleepFor(LEASE_SECONDS);
    await requireLease();
    write();
  };
  await expect(whileLeased(now, async () => false, work)).rejects.toThrow(LeaseLost);
  expect(write).not.toHaveBeenCalled();
  await expect(whileLeased(now, async () => true, work)).resolves.toBeUndefined();
  expect(write).toHaveBeenCalledTimes(1);
});

test('a sleep while the claim was made counts', async () => {
  const since = now;
  sleepFor(LEASE_SECONDS);
  await expect(whileLeased(since, async () => false, requireLease)).rejects.toThrow(LeaseLost);
});

test('a sleep while the database was asked makes it ask again', async () => {
  const answers = [true, false];
  const renew = async (): Promise<boolean> => {
    const answer = answers.shift() ?? false;
    sleepFor(LEASE_SECONDS);
    return answer;
  };
  const work = async (): Promise<void> => {
    sleepFor(LEASE_SECONDS);
    await requireLease();
  };
  await expect(whileLeased(now, renew, work)).rejects.toThrow(LeaseLost);
  expect(answers).toEqual([]);
});

test('a database that cannot be asked forbids the write', async () => {
  const work = async (): Promise<void> => {
    sleepFor(LEASE_SECONDS);
    await requireLease();
  };
  const away = (): Promise<boolean> => Promise.reject(new Error('away'));
  await expect(whileLeased(now, away, work)).rejects.toThrow('away');
});

test('work without a lease may write', async () => {
  await expect(requireLease()).resolves.toBeUndefined();
});
