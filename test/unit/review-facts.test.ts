/** Who can say that a finding is not wanted: people with rights, by id, and nobody when in doubt. */
import { expect, test } from '@jest/globals';
import type { ThreadInfo } from '../../bot/forge/review.ts';
import type { WorkerDeps } from '../../bot/worker/deps.ts';
import type { RepoRow } from '../../bot/store/repos.ts';
import { reviewFacts } from '../../bot/worker/review-facts.ts';
import { bot, HEAD, known, SHA } from './decide/builders.ts';

const LEVELS: Readonly<Record<number, number>> = { 3: 30, 4: 20, 5: 40 };
const person = (id: number) => ({ id, username: `user${id}` });
const AT = new Date('2026-01-02T03:04:05Z');

interface Scene {
  thread?: Partial<ThreadInfo>;
  /** Who gave which emoji to the first note. */
  reactions?: [name: string, userId: number][];
  level?: (id: number) => number;
}

/** The one thread of a finding, as it is told to decide. */
async function factsOf(scene: Scene) {
  const { thread = {}, reactions = [], level = (id) => LEVELS[id] ?? 0 } = scene;
  const first = { id: 71, authorId: bot.id, body: 'x' };
  const asked: number[] = [];
  const forge = {
    review: {
      threads: async () => [
        { id: 'thread', resolved: false, resolvedBy: null, notes: [first], ...thread },
        { id: 'other', resolved: true, resolvedBy: person(3), notes: [first] },
      ],
      reactions: async (_project: number, _iid: number, noteId: number) => {
        asked.push(noteId);
        return reactions.map(([name, id]) => ({ name, user: person(id), at: AT }));
      },
    },
    read: {
      accessLevel: async (_project: number, id: number) => level(id),
      file: async (_project: number, path: string, sha: string) => `${path} at ${sha}\n`,
    },
  };
  const deps = { forge, bot: async () => bot } as unknown as WorkerDeps;
  const look = { iid: 4, head: HEAD, known: [known()], raisedIn: [] };
  const facts = await reviewFacts(look, { id: 1, projectId: 7 } as RepoRow, deps);
  return { facts, asked, thread: facts.threads[0] };
}

test.each<[string, Scene, number | null, number | null]>([
  ['nobody', {}, null, null],
  ['a Developer by 👎', { reactions: [['thumbsdown', 3]] }, 3, null],
  [
    'the newest with rights',
    {
      reactions: [
        ['-1', 4],
        ['thumbsdown', 5],
      ],
    },
    5,
    null,
  ],
  ['a Reporter by 👎', { reactions: [['thumbsdown', 4]] }, null, null],
  ['a stranger by 👎', { reactions: [['thumbsdown', 9]] }, null, null],
  [
    'a Developer by another emoji',
    {
      reactions: [
        ['thumbsup', 3],
        ['eyes', 3],
      ],
    },
    null,
    null,
  ],
  ['the bot itself', { reactions: [['thumbsdown', bot.id]], level: () => 50 }, null, null],
  ['a Maintainer who resolves', { thread: { resolved: true, resolvedBy: person(5) } }, null, 5],
  ['a Reporter who resolves', { thread: { resolved: true, resolvedBy: person(4) } }, null, null],
  [
    'the bot that resolves',
    { thread: { resolved: true, resolvedBy: bot }, level: () => 50 },
    null,
    null,
  ],
])('%s', async (_what, scene, down, resolvedBy) => {
  const { thread, asked } = await factsOf(scene);
  expect([thread?.thumbsDown?.by.id ?? null, thread?.resolvedBy?.id ?? null]).toEqual([
    down,
    resolvedBy,
  ]);
  expect(asked).toEqual([71]);
});

test('a thread whose first note somebody else wrote says nothing', async () => {
  const notes = [{ id: 71, authorId: 3, body: 'x' }];
  const { facts, asked } = await factsOf({ thread: { notes }, reactions: [['thumbsdown', 3]] });
  expect([facts.threads, asked]).toEqual([[], []]);
});

test('rights that cannot be read are an error, not a yes', async () => {
  const level = (): number => {
    throw new Error('no answer');
  };
  await expect(factsOf({ reactions: [['thumbsdown', 3]], level })).rejects.toThrow('no answer');
});

test('files are read as they were and are', async () => {
  const { facts } = await factsOf({});
  expect(facts.files.map(({ sha, path }) => [sha, path])).toEqual([
    [HEAD, 'src/cli.js'],
    [SHA, 'src/cli.js'],
  ]);
});
