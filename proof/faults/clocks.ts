/**
 * Clocks that differ by up to twenty minutes from process to process, and one that is set back by an hour, while a
 * worker dies: leases go by the database's clock alone, so none is held twice or ends early (R10).
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { resumeAfter } from './resume.ts';
import { quantile, type Cycles, type FaultRow, type RowStage } from './row.ts';
import { ask, say } from './work.ts';
import { allCompleted, oneRunEach } from './watch.ts';

/** By number of the process: two that listen, two that work. Signed webhooks and tokens allow five minutes. */
const MINUTES = [4, 0, 10, -10];
const BEFORE_MS = 1_200;
const TAKEN_MS = 30_000;

/** SQL of a mutant: the time by the process's own clock, to the minute. */
const OWN_NOW =
  'now() + make_interval(mins => ${Math.round((Date.now() - performance.timeOrigin - performance.now()) / 60_000)})';

const flagsOf = (index: number): readonly string[] => [
  `--import=${new URL('./skewed-clock.ts', import.meta.url).href}?minutes=${MINUTES[index] ?? 0}`,
];

function begin({ place, project, measured, counted }: RowStage): Cycles {
  const workers = place.lives.filter(({ role }) => role === 'worker');
  return {
    cycle: async (index, random) => {
      await Promise.all(place.lives.map((life) => life.ready()));
      const iid = await ask(place, project, `Cycle ${index}`, 'label');
      await say(place, project, iid, 'sam', '/autodev help');
      await sleep(random.int(BEFORE_MS));
      const [set, dies] = index % 2 === 0 ? workers : workers.toReversed();
      if (set === undefined || dies === undefined) throw new Error('there are no two workers');
      set.signal('SIGUSR2');
      counted.set('set back', (counted.get('set back') ?? 0) + 1);
      await dies.kill();
      const ms = await resumeAfter(place, dies.pid);
      dies.start();
      if (ms !== null) measured.push(ms);
      return ms !== null && ms > TAKEN_MS ? `work lay still for ${Math.round(ms)} ms` : null;
    },
    look: (history) => allCompleted(project, history) ?? oneRunEach(project, history),
  };
}

export const clocks: FaultRow = {
  id: 'R10',
  name: 'clocks that are wrong by ten minutes or set back by an hour: no lease held twice, none early',
  // The embedded database and Redis keep no leases of their own.
  on: ['postgres'],
  runs: { ci: 2, full: 40 },
  batch: 10,
  place: { name: 'wrong clocks', flagsOf },
  begin,
  figure: ({ measured }) =>
    measured.length === 0
      ? null
      : { value: quantile(measured, 0.99), unit: 'ms p99 to be taken over', holds: true },
  told: ({ counted }) => `${counted.get('set back') ?? 0} clocks set back`,
  mutants: [
    {
      name: 'leases end by the clock of the database',
      file: 'bot/store/effects.ts',
      from: `       and (lease_until is null or lease_until <= now())
     returning \${COLUMNS}\`,
    [id, owner, leaseSeconds],
    'effects_claim',`,
      to: `       and (lease_until is null or lease_until <= ${OWN_NOW})
     returning \${COLUMNS}\`,
    [id, owner, leaseSeconds],`,
      also: [
        {
          file: 'bot/store/deliveries.ts',
          from: `       and (lease_until is null or lease_until <= now())
     returning \${SUMMARY}, body\`,
    [id, owner, leaseSeconds],
    'deliveries_claim',`,
          to: `       and (lease_until is null or lease_until <= ${OWN_NOW})
     returning \${SUMMARY}, body\`,
    [id, owner, leaseSeconds],`,
        },
      ],
    },
  ],
  mutantRuns: 6,
  mutantPlace: { webs: 2, workers: 2 },
};
