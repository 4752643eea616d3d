/**
 * PostgreSQL is restarted again and again, also without warning, while people go on asking: no delivery that
 * was accepted is lost, no effect is doubled, and no process of the bot has to be restarted (R8, promise 7).
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Mutant } from '../proof.ts';
import { dueTaken } from './resume.ts';
import { quantile, type Cycles, type FaultRow, type RowStage } from './row.ts';
import { allBegun, endedAlone, oneRunEach, untold } from './watch.ts';
import { ask } from './work.ts';

/** Fast shutdown, immediate shutdown, and no shutdown at all. */
const SIGNALS = ['SIGINT', 'SIGQUIT', 'SIGKILL'] as const;
const BEFORE_MS = 800;
const AWAY_MS = { ci: 500, full: 2_000 };
/** What was due is taken up within so long. */
const RESUMED_MS = 15_000;

function begin({ place, project, measured, counted, full }: RowStage): Cycles {
  return {
    cycle: async (index, random) => {
      const outage = place.servers.postgres?.outage;
      if (outage == null) throw new Error('this row needs a PostgreSQL of its own');
      const signal = SIGNALS[index % SIGNALS.length] ?? 'SIGKILL';
      await ask(place, project, `Cycle ${index}`, random.chance(0.5) ? 'label' : 'implement');
      await sleep(random.int(BEFORE_MS));
      await outage.begin(signal);
      await ask(place, project, `Cycle ${index}, while PostgreSQL is away`, 'label');
      await place.world.gitlab.hooksIdle();
      await sleep(random.int(full ? AWAY_MS.full : AWAY_MS.ci));
      await outage.end();
      counted.set(signal, (counted.get(signal) ?? 0) + 1);
      const ms = await dueTaken(place, RESUMED_MS);
      if (ms === null) return endedAlone(place);
      measured.push(ms);
      return ms > RESUMED_MS
        ? `what was due lay still for ${Math.round(ms)} ms after ${signal}`
        : endedAlone(place);
    },
    // A webhook that came meanwhile was refused, and is found by the poll.
    rest: () => allBegun(project),
    look: (history) => oneRunEach(project, history) ?? untold(history),
  };
}

/** A database that takes nothing makes the mutant answer 200 all the same. */
export const onlyStored: Mutant = {
  name: 'only what is stored is accepted',
  file: 'bot/http/webhooks.ts',
  from: '  const insert = gather((batch: NewDelivery[]) => insertDeliveries(deps.db, batch), {',
  to: `  const insert = gather((batch: NewDelivery[]) => insertDeliveries(deps.db, batch).catch(
    () => batch.map(() => ({ id: crypto.randomUUID(), inserted: false }))), {`,
};

export const postgresRestarts: FaultRow = {
  id: 'R8',
  name: 'PostgreSQL restarted or killed every few seconds: nothing lost or doubled, work goes on by itself',
  // The embedded database has no server.
  on: ['postgres', 'redis'],
  ciOn: ['postgres'],
  runs: { ci: 3, full: 60 },
  batch: 15,
  begin,
  figure: ({ measured }) => {
    if (measured.length === 0) return null;
    const p99 = quantile(measured, 0.99);
    return { value: p99, unit: 'ms p99 to resume', holds: p99 <= RESUMED_MS };
  },
  told: ({ counted }) => [...counted].map(([signal, times]) => `${signal} ${times}`).join(', '),
  mutants: [
    {
      name: 'a lost connection does not end the process',
      file: 'bot/store/store.ts',
      from: "  pool.on('error', () => undefined);",
      to: '',
    },
    onlyStored,
  ],
  mutantRuns: 2,
};
