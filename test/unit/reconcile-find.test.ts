/** What the poll takes for missed, and how long that takes at most. Simulated clock, nothing waits. */
import { expect, test } from '@jest/globals';
import { loadSettings } from '../../bot/config/settings.ts';
import type { Issue } from '../../bot/domain/events.ts';
import type { LabelEvent, Moved, PolledNote } from '../../bot/forge/poll.ts';
import type { ActiveTarget } from '../../bot/store/reconcile.ts';
import {
  closedFound,
  noteFound,
  RECONCILE_LIMITS,
  sinceOf,
  wantedLabels,
  wantedNotes,
  windowOf,
} from '../../bot/worker/reconcile-find.ts';
import { issue, project } from './decide/builders.ts';

const T = Date.parse('2026-11-21T12:00:00Z');
const at = (seconds: number): Date => new Date(T + seconds * 1000);
const sam = { id: 3, username: 'sam' };
const settings = loadSettings(new URL('../../config/settings.yaml', import.meta.url).pathname);
const { reconcileSeconds } = settings.limits;

const note = (seconds: number, patch: Partial<PolledNote> = {}): PolledNote => ({
  id: Math.round(seconds * 1000),
  body: '/autodev implement',
  author: sam,
  internal: false,
  createdAt: at(seconds),
  updatedAt: at(seconds),
  ...patch,
});

/** A small seeded generator: the same numbers every time. */
function numbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 1_664_525 + 1_013_904_223) % 2 ** 32;
    return state / 2 ** 32;
  };
}

interface Seen {
  latency: number;
  times: number;
}

/**
 * Polls one project for an hour with the shipped interval. A poll begins up to two seconds late, takes up
 * to three, and some fail; the forge's clock is off by `skew` and tells whole seconds. The forge
 * moves the issue for a comment at most once a minute.
 */
function play(seed: number, skew: number, failing: number): Seen[] {
  const random = numbers(seed);
  const made = Array.from({ length: 40 }, () => random() * 3_600).toSorted((a, b) => a - b);
  const moves: number[] = [];
  for (const time of made) if (time - (moves.at(-1) ?? -61) > 60) moves.push(time);
  const seen = made.map((): Seen => ({ latency: Number.NaN, times: 0 }));
  let reconciledUntil: Date | null = null;
  for (let now = 0; now < 4_000; now += reconcileSeconds + random() * 2) {
    const took = random() * 3;
    if (random() < failing) continue;
    const bot = at(now - skew);
    const since = sinceOf({ reconciledUntil, createdAt: at(-skew) }, bot);
    const clock = at(Math.floor(now));
    const window = windowOf(since, clock, reconcileSeconds);
    const moved = moves.some((time) => time <= now && T + time * 1000 >= since.getTime());
    const there = made.filter((time) => time <= now && time > now - 400).map((time) => note(time));
    for (const found of moved ? wantedNotes(there, window, 1, false) : []) {
      const one = seen[made.findIndex((time) => note(time).id === found.id)] as Seen;
      one.times += 1;
      if (Number.isNaN(one.latency))
        one.latency = now + took - (found.createdAt.getTime() - T) / 1000;
    }
    reconciledUntil = clock;
    now += took;
  }
  return seen;
}

/** Latencies of a few thousand comments, shortest first. */
function latencies(failing: number): number[] {
  const all: number[] = [];
  for (let seed = 1; seed <= 25; seed += 1) {
    for (const skew of [0, 600, -600]) {
      for (const { latency } of play(seed, skew, failing)) all.push(latency);
    }
  }
  expect(all).toHaveLength(3_000);
  expect(all.filter((latency) => Number.isNaN(latency))).toEqual([]);
  return all.toSorted((a, b) => a - b);
}

test('with the default interval everything is found within 60 s, whatever the clocks say', () => {
  expect(reconcileSeconds).toBe(30);
  expect(latencies(0).at(-1)).toBeLessThan(60);
});

test('where one poll in ten fails, 99 of 100 comments are found within 90 s, and all in the end', () => {
  expect(latencies(0.1)[2_970]).toBeLessThan(90);
});

test('the look back covers what the forge may leave unmoved, and ends after a week', () => {
  const { overlapSeconds, graceSeconds } = RECONCILE_LIMITS;
  expect(overlapSeconds).toBeGreaterThan(60 + graceSeconds);
  const since = sinceOf({ reconciledUntil: at(0), createdAt: at(-1e6) }, at(30));
  expect(since).toEqual(at(-overlapSeconds));
  const week = 7 * 86_400;
  expect(sinceOf({ reconciledUntil: null, createdAt: at(0) }, at(2 * week))).toEqual(at(week));
});

test('only commands of people that are old enough, and any note while an agent works', () => {
  const window = windowOf(at(-120), at(30), reconcileSeconds);
  const notes = [
    note(-121),
    note(-60, { author: { id: 1, username: 'autodev' } }),
    note(-50, { body: 'looks good' }),
    note(-45, { body: 'looks better', updatedAt: at(-30) }),
    note(-40, { body: '> /autodev implement' }),
    note(-30),
    note(20),
  ];
  const ids = (agentWorks: boolean): number[] =>
    wantedNotes(notes, window, 1, agentWorks).map(({ id }) => id / 1000);
  expect(ids(false)).toEqual([-30]);
  expect(ids(true)).toEqual([-50, -40, -30]);
});

test('a note that changed since it was made counts as edited', () => {
  const on = { type: 'issue', issue: { ...issue, confidential: true } } as const;
  const found = noteFound(project, on, note(0), 'd1');
  expect(found).toMatchObject({
    key: 'poll:7:note:0',
    event: { action: 'created', actor: sam, note: { confidential: true, discussionId: 'd1' } },
  });
  const later = noteFound(project, on, note(0, { updatedAt: at(9) }), 'd1');
  expect(later.event).toMatchObject({ action: 'edited' });
  expect(later.key).not.toBe(found.key);
});

test('the newest addition of each label that is still there', () => {
  const event = (seconds: number, label: string, action: LabelEvent['action']): LabelEvent => ({
    ...{ label, action, by: sam },
    at: at(seconds),
  });
  const labelled: Issue = { ...issue, labels: ['autodev', 'bug', 'autodev::ask'] };
  const events = [
    event(-600, 'autodev::ask', 'add'),
    event(-60, 'autodev', 'add'),
    event(-50, 'autodev', 'remove'),
    event(-45, 'bug', 'add'),
    event(-40, 'autodev', 'add'),
    event(-30, 'autodev::fix', 'add'),
    event(-20, 'autodev::fix', 'remove'),
  ];
  const window = windowOf(at(-120), at(0), reconcileSeconds);
  expect(wantedLabels(events, labelled, window)).toEqual([events[4]]);
});

const active: ActiveTarget[] = [
  { runId: 1, issueIid: 12, working: true, changeIids: [4] },
  { runId: 2, issueIid: 13, working: false, changeIids: [5] },
];

test('an issue that was closed matters to an active run only', () => {
  const moved = (iid: number, state: Issue['state']): Moved<Issue> => ({
    item: { ...issue, iid, state },
    updatedAt: at(0),
    hasNotes: false,
    endedBy: sam,
  });
  expect(closedFound(project, moved(12, 'closed'), active)).toMatchObject([
    { event: { kind: 'issue', action: 'closed', actor: sam } },
  ]);
  expect(closedFound(project, moved(13, 'closed'), active)).toHaveLength(1);
  expect(closedFound(project, moved(12, 'opened'), active)).toEqual([]);
  expect(closedFound(project, moved(14, 'closed'), active)).toEqual([]);
});
