/**
 * The disk of the database is full while people ask: what cannot be kept is refused, and when there is room
 * again everything goes on without anybody's hand (R26). Whatever ended is started again, as service managers do.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { missingDisk } from './disk.ts';
import { onlyStored } from './postgres-restarts.ts';
import type { Cycles, FaultRow, RowStage } from './row.ts';
import { allBegun, hookAnswers, oneRunEach } from './watch.ts';
import { ask, say } from './work.ts';

/** Room for the database and its log, and not much more. */
const DISK_MB = 320;
const BEFORE_MS = 1_500;
const FULL_MS = { ci: 3_000, full: 10_000 };
/** Characters of each comment while it is full. */
const LONG = 60_000;
/** How often whatever ended is started again. */
const SERVICE_MS = 500;

function begin({ place, project, counted, full }: RowStage): Cycles {
  const { disk, lives, servers } = place;
  const server = servers.postgres?.outage ?? null;
  if (disk === null) throw new Error('the database has no disk of its own');
  const count = (what: string, more = 1): void =>
    void counted.set(what, (counted.get(what) ?? 0) + more);
  const service = async (): Promise<void> => {
    if (server?.over() === true) {
      count('restarts of PostgreSQL');
      await server.end().catch(() => undefined);
    }
    for (const life of lives) {
      if (life.alive()) continue;
      count('restarts of the bot');
      life.start();
    }
  };
  return {
    cycle: async (index, random) => {
      const before = await ask(place, project, `Cycle ${index}`, 'label');
      await sleep(random.int(BEFORE_MS));
      disk.fill();
      count('full');
      const until = performance.now() + (full ? FULL_MS.full : FULL_MS.ci);
      await ask(place, project, `Cycle ${index}, while it is full`, 'label');
      while (performance.now() < until) {
        // Large enough that the database has to ask for more of the disk.
        await say(place, project, before, 'sam', `/autodev help\n\n${random.token(LONG)}`);
        await service();
        await sleep(SERVICE_MS);
      }
      disk.free();
      await service();
      await place.startAll();
      return null;
    },
    rest: async () => {
      await service();
      await place.startAll();
      await allBegun(project);
    },
    look: (history) => {
      count('webhooks refused', hookAnswers(project).refusals.length);
      return oneRunEach(project, history);
    },
  };
}

export const fullDisk: FaultRow = {
  id: 'R26',
  name: 'the disk of the database is full: nothing accepted is lost, and all goes on when there is room again',
  // The queue in Redis lies on another disk.
  on: ['pglite', 'postgres'],
  ciOn: ['postgres'],
  runs: { ci: 1, full: 40 },
  batch: 5,
  twoProcesses: true,
  place: { name: 'small disk', diskMb: DISK_MB },
  missing: missingDisk,
  // Help is asked for again and again, and answered each time.
  but: ['note twice in words'],
  begin,
  told: ({ counted }) => [...counted].map(([what, times]) => `${what} ${times}`).join(', '),
  mutants: [onlyStored],
  mutantRuns: 2,
};
