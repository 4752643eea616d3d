/**
 * Redis is disposable: it is emptied, killed, full, read-only or silent while people go on asking. Webhooks are
 * accepted all the time, nothing is lost, and the queue is filled again from PostgreSQL (R5, R6, promise 6).
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import type { Place } from './place.ts';
import { dueTaken } from './resume.ts';
import { quantile, type Cycles, type FaultRow, type RowStage } from './row.ts';
import { settle } from './settle.ts';
import { endedAlone, oneRunEach, refusedHooks } from './watch.ts';
import { ask } from './work.ts';

/** What was due is taken up within so long after Redis is back (promise 6). */
const REBUILT_MS = 15_000;
const KINDS = ['killed', 'emptied', 'full', 'read-only', 'silent'] as const;
/** Work under way when it happens, and longest absence. */
const BEFORE_MS = 500;
const AWAY_MS = { ci: 500, full: 3_000 };
/** All that was asked for is over so long after the last time; in the short form others wait for it. */
const OVER_MS = { ci: 60_000, full: 180_000 };
/** Nobody listens on this port: a replica of it has no master. */
const NO_MASTER = '1';

/** Does it to Redis; what ends it again. */
async function harm(place: Place, kind: (typeof KINDS)[number]): Promise<() => Promise<unknown>> {
  const { redis } = place.servers;
  const line = place.lines.redis;
  if (redis?.outage == null || line === null) throw new Error('this row needs a Redis of its own');
  const { outage, url } = redis;
  const tell = async (...words: [string, ...string[]]): Promise<void> => {
    const client = new Redis(url);
    await client.call(...words);
    client.disconnect();
  };
  switch (kind) {
    case 'killed':
      await outage.begin();
      return () => outage.end();
    case 'emptied':
      await tell('flushall');
      return async () => undefined;
    case 'full':
      await tell('config', 'set', 'maxmemory', '1');
      return () => tell('config', 'set', 'maxmemory', '0');
    case 'read-only':
      await tell('replicaof', '127.0.0.1', NO_MASTER);
      return () => tell('replicaof', 'no', 'one');
    case 'silent':
      line.set({ kind: 'half_open' });
      return async () => {
        line.set({ kind: 'up' });
        line.cut();
      };
  }
}

function begin({ place, project, measured, counted, full }: RowStage): Cycles {
  return {
    cycle: async (index, random) => {
      const kind = KINDS[index % KINDS.length] ?? 'killed';
      await ask(place, project, `Cycle ${index}`, 'label');
      await sleep(random.int(BEFORE_MS));
      const heal = await harm(place, kind);
      await ask(place, project, `Cycle ${index}, while Redis is ${kind}`, 'label');
      await place.world.gitlab.hooksIdle();
      const refused = refusedHooks(project);
      if (refused !== null) return refused;
      await sleep(random.int(full ? AWAY_MS.full : AWAY_MS.ci));
      await heal();
      counted.set(kind, (counted.get(kind) ?? 0) + 1);
      const ms = await dueTaken(place, REBUILT_MS);
      if (ms === null) return endedAlone(place);
      measured.push(ms);
      return ms > REBUILT_MS
        ? `what was due lay still for ${Math.round(ms)} ms after Redis was ${kind}`
        : endedAlone(place);
    },
    rest: () => settle(place, full ? OVER_MS.full : OVER_MS.ci),
    look: (history) => oneRunEach(project, history),
  };
}

export const redisGone: FaultRow = {
  id: 'R5 R6',
  name: 'Redis emptied, killed, full, read-only or silent: webhooks accepted, nothing lost, queue rebuilt in 15 s',
  // Only here Redis is below the bot.
  on: ['redis'],
  runs: { ci: 5, full: 60 },
  batch: 15,
  begin,
  figure: ({ measured }) => {
    if (measured.length === 0) return null;
    const p99 = quantile(measured, 0.99);
    return { value: p99, unit: 'ms p99 to rebuild', holds: p99 <= REBUILT_MS };
  },
  told: ({ counted }) => [...counted].map(([kind, times]) => `${kind} ${times}`).join(', '),
  mutants: [
    {
      name: 'rows are rung for again',
      file: 'bot/queue/sweeper.ts',
      from: '  if (waiting > BACKLOG) return 0;',
      to: '  if (waiting >= 0) return 0;',
    },
    {
      name: 'a webhook does not wait for the queue',
      file: 'bot/http/webhooks.ts',
      from: '  sendJson(response, 200, { delivery: id, duplicate: !inserted });',
      to: `  await deps.queue.add({ name: 'delivery', id });
  sendJson(response, 200, { delivery: id, duplicate: !inserted });`,
    },
  ],
  mutantRuns: 1,
};
