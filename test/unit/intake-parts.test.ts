import { expect, test } from '@jest/globals';
import pino from 'pino';
import { createRefusalLog } from '../../bot/http/refusal-log.ts';
import { createTurns } from '../../bot/http/turns.ts';
import { until } from '../support/until.ts';

const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test('so many at once, the others in turn, whatever becomes of them', async () => {
  const turns = createTurns(2);
  const begun: number[] = [];
  const ends = new Map<number, { end: () => void; fail: () => void }>();
  const work = (number: number) => () =>
    new Promise<number>((resolve, reject) => {
      begun.push(number);
      ends.set(number, { end: () => resolve(number), fail: () => reject(new Error('gone')) });
    });
  const outcomes = Promise.allSettled([1, 2, 3, 4].map((number) => turns(work(number))));
  await settled();
  expect(begun).toEqual([1, 2]);
  ends.get(2)?.fail();
  await settled();
  expect(begun).toEqual([1, 2, 3]);
  ends.get(1)?.end();
  await settled();
  expect(begun).toEqual([1, 2, 3, 4]);
  ends.get(3)?.end();
  ends.get(4)?.end();
  expect((await outcomes).map(({ status }) => status)).toEqual([
    ...['fulfilled', 'rejected', 'fulfilled', 'fulfilled'],
  ]);
  const [late, later] = [turns(work(5)), turns(work(6))];
  await settled();
  expect(begun).toEqual([1, 2, 3, 4, 5, 6]);
  ends.get(5)?.end();
  ends.get(6)?.end();
  expect(await Promise.all([late, later])).toEqual([5, 6]);
});

test('a refusal is said at once, its repetitions as a number', async () => {
  const lines: { msg: string; reason: string; times?: number }[] = [];
  const log = pino({ base: null }, { write: (line: string) => void lines.push(JSON.parse(line)) });
  const refused = createRefusalLog(log, 30);
  for (let time = 0; time < 1_000; time += 1) refused('gitlab', 'wrong');
  refused('github', 'wrong');
  refused('gitlab', 'missing');
  expect(lines.map(({ msg, reason }) => [msg, reason])).toEqual([
    ['webhook refused', 'wrong'],
    ['webhook refused', 'wrong'],
    ['webhook refused', 'missing'],
  ]);
  await until(() => lines.length === 4, 2_000, 'the number');
  expect(lines[3]).toMatchObject({ msg: 'webhooks refused', reason: 'wrong', times: 999 });
  refused('gitlab', 'wrong');
  expect(lines[4]).toMatchObject({ msg: 'webhook refused', reason: 'wrong' });
});
