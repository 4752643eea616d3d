import { expect, test } from '@jest/globals';
import { gather } from '../../bot/store/gather.ts';
import { until } from '../support/until.ts';

/** A `send` that the test ends call by call. */
function held() {
  const calls: { items: number[]; end: (error?: Error) => void }[] = [];
  const send = (items: number[]): Promise<string[]> =>
    new Promise((resolve, reject) => {
      const end = (error?: Error): void =>
        error ? reject(error) : resolve(items.map((item) => `<${item}>`));
      calls.push({ items, end });
    });
  return { calls, send };
}
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test('an item goes at once, with those of the same moment; what comes meanwhile goes together', async () => {
  const { calls, send } = held();
  const put = gather(send, { most: 10 });
  const answers = [put(1), put(2)];
  await turn();
  answers.push(put(3), put(4));
  expect(calls.map(({ items }) => items)).toEqual([[1, 2]]);
  calls[0]?.end();
  await turn();
  answers.push(put(5));
  expect(calls.map(({ items }) => items)).toEqual([
    [1, 2],
    [3, 4],
  ]);
  calls[1]?.end();
  await turn();
  calls[2]?.end();
  expect(await Promise.all(answers)).toEqual(['<1>', '<2>', '<3>', '<4>', '<5>']);
  const later = put(5);
  await turn();
  expect(calls.at(-1)?.items).toEqual([5]);
  calls.at(-1)?.end();
  expect(await later).toBe('<5>');
});

test('a call weighs no more than it may; a heavier item goes alone', async () => {
  const batches: number[][] = [];
  const put = gather(
    (items: number[]) => {
      batches.push(items);
      return Promise.resolve(items);
    },
    { most: 10, weight: (item) => item },
  );
  const all = [1, 4, 6, 1, 50, 2, 8, 3];
  expect(await Promise.all(all.map((item) => put(item)))).toEqual(all);
  expect(batches).toEqual([[1, 4], [6, 1], [50], [2, 8], [3]]);
});

test('a bad item fails only itself', async () => {
  let sends = 0;
  const put = gather(
    (items: number[]) => {
      sends += 1;
      return items.includes(13) ? Promise.reject(new Error('bad')) : Promise.resolve(items);
    },
    { most: 10 },
  );
  const outcome = await Promise.allSettled([1, 2, 13, 4].map((item) => put(item)));
  expect(outcome.map(({ status }) => status)).toEqual([
    'fulfilled',
    'fulfilled',
    'rejected',
    'fulfilled',
  ]);
  expect(sends).toBe(5);
  sends = 0;
  await expect(put(13)).rejects.toThrow('bad');
  expect(await put(5)).toBe(5);
});

test('after a call for several it rests, so that more can come; after a single one it does not', async () => {
  const { calls, send } = held();
  const put = gather(send, { most: 10, restMs: 30 });
  void put(1);
  await turn();
  void put(2);
  void put(3);
  calls[0]?.end();
  await turn();
  expect(calls.map(({ items }) => items)).toEqual([[1], [2, 3]]);
  const ended = performance.now();
  calls[1]?.end();
  void put(4);
  await turn();
  void put(5);
  await until(() => calls.length === 3, 30_000, 'the call after the rest');
  expect(performance.now() - ended).toBeGreaterThan(25);
  expect(calls[2]?.items).toEqual([4, 5]);
  calls[2]?.end();
});
