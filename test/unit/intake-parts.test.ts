import { expect, test } from '@jest/globals';
import pino from 'pino';
import { createRefusalLog } from '../../bot/http/refusal-log.ts';
import { createArriving } from '../../bot/gateway/read-body.ts';
import { createLargeBodies } from '../../bot/http/large-bodies.ts';
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

test('who comes when enough wait is told so', async () => {
  const turns = createTurns(1, 1);
  const done = Promise.withResolvers<void>();
  const [first, second] = [turns(() => done.promise), turns(() => Promise.resolve('second'))];
  expect(turns(() => Promise.resolve('third'))).toBeNull();
  done.resolve();
  await first;
  expect(await second).toBe('second');
  expect(await turns(() => Promise.resolve('fourth'))).toBe('fourth');
});

test('large bodies share their memory, and give it back when nobody needs it', async () => {
  const bodies = createLargeBodies({ bytes: 1_000, atOnce: 1, mostWaiting: 5, idleMs: 20 });
  const seen = await Promise.all(
    Array.from({ length: 3 }, () => bodies.run((memory) => Promise.resolve(memory))),
  );
  expect(new Set(seen.map((memory) => memory?.buffer)).size).toBe(1);
  expect(seen[0]).toHaveLength(1_000);
  await until(() => seen[0]?.length === 0, 2_000, 'the memory to be given back');
  expect(await bodies.run((memory) => Promise.resolve(memory.length))).toBe(1_000);
});

test('of bodies that are arriving the first one makes room', () => {
  const arriving = createArriving(100);
  const cut: string[] = [];
  const begin = (name: string) => {
    const body = arriving.begin(() => {
      cut.push(name);
      body.end();
    });
    return body;
  };
  const [one, two, three] = [begin('one'), begin('two'), begin('three')];
  one.add(40);
  two.add(40);
  three.add(20);
  expect(cut).toEqual([]);
  three.add(1);
  expect(cut).toEqual(['one']);
  three.add(39);
  two.end();
  three.add(40);
  expect(cut).toEqual(['one']);
  three.add(1);
  expect(cut).toEqual(['one', 'three']);
  two.add(0);
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
  await until(() => lines.length === 4, 30_000, 'the number');
  expect(lines[3]).toMatchObject({ msg: 'webhooks refused', reason: 'wrong', times: 999 });
  refused('gitlab', 'wrong');
  expect(lines[4]).toMatchObject({ msg: 'webhook refused', reason: 'wrong' });
});
