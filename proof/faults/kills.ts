/**
 * kill -9 of the bot's processes, at random times and at every failpoint, while people go on asking: nothing is
 * lost or doubled, and what was begun goes on within seconds (R3, R4, R7).
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Backend } from '../proof.ts';
import type { Random } from '../random.ts';
import type { Life } from './lives.ts';
import { resumeAfter } from './resume.ts';
import { quantile, type Cycles, type FaultRow, type RowStage } from './row.ts';
import { ask, say } from './work.ts';

/** Resume after kill -9, in milliseconds: the median and the 99th percentile. */
const P50_MS = 5_000;
const P99_MS = 10_000;
/** The short form shares its cores with other lanes, and its slowest of ten is no 99th percentile. */
const SHORT_FORM = 3;
/** A process is killed within so long by chance; the one with a failpoint is given so long to die of it. */
const CHANCE_MS = 1_200;
const ARMED_MS = 8_000;
/** A process that dies of itself is seen after at most so long. */
const LOOK_MS = 5;

const KINDS = [
  'reply',
  'create_pipeline',
  'status_comment',
  'react',
  'commit_changes',
  'open_change',
];
/** Those next in turn, of which chance takes one in the full form. */
const FEW = 4;
/** Where in their list the short form begins: a few kills on each backend come by different ones. */
const FROM: Readonly<Record<Backend, number>> = { postgres: 0, redis: 6, pglite: 12 };
const PHASES = ['done', 'started', 'settled', 'claimed'];
const FAILPOINTS: readonly { role: 'web' | 'worker'; name: string }[] = [
  ...['intake.stored', 'result.stored'].map((name) => ({ role: 'web' as const, name })),
  ...PHASES.flatMap((phase) => KINDS.map((kind) => `${kind}.${phase}`))
    .concat('delivery.claimed', 'decision.made', 'decision.before_commit', 'decision.committed')
    .map((name) => ({ role: 'worker' as const, name })),
];

function begin({ place, project, full, measured, counted: hits }: RowStage): Cycles {
  const watched: Promise<void>[] = [];
  /** The one process that runs with a failpoint: it is the next to die. */
  let armed: { life: Life; failpoint: string } | null = null;
  let next = 0;

  const roleOf = (life: Life): ('web' | 'worker')[] =>
    life.role === 'all' ? ['web', 'worker'] : [life.role];
  /** The failpoint whose turn it is among those this process comes by; in the full form, chance leaves it out. */
  const failpointFor = (life: Life, random: Random): string | null => {
    const own = FAILPOINTS.filter(({ role }) => roleOf(life).includes(role));
    const from = FROM[place.backend] % own.length;
    const turns = [...own.slice(from), ...own.slice(0, from)].map(({ name }) => name);
    const fewest = Math.min(...turns.map((name) => hits.get(name) ?? 0));
    const open = turns.filter((name) => (hits.get(name) ?? 0) === fewest);
    if (!full) return open[0] ?? null;
    return random.chance(2 / 3) ? random.pick(open.slice(0, FEW)) : null;
  };
  const request = async (index: number, random: Random): Promise<void> => {
    const title = `Cycle ${index}`;
    const iid = await ask(place, project, title, random.chance(0.5) ? 'label' : 'implement');
    if (!full || random.chance(0.5)) await say(place, project, iid, 'sam', '/autodev help');
  };
  const upNext = (): Life => {
    const life = armed?.life ?? place.lives[(next += 1) % place.lives.length];
    if (life === undefined) throw new Error('there is no process to kill');
    return life;
  };
  /** Lets it die: at its failpoint when it has one, by chance otherwise. */
  const die = async (life: Life, random: Random): Promise<void> => {
    const wait = armed === null ? random.int(CHANCE_MS) : ARMED_MS;
    const deadline = performance.now() + wait;
    while (life.alive() && performance.now() < deadline) await sleep(LOOK_MS);
    if (life.alive()) await life.kill();
    else if (armed !== null) hits.set(armed.failpoint, (hits.get(armed.failpoint) ?? 0) + 1);
  };
  /** Resolves when what a process had begun when it died has been gone on with. */
  const resumed = async (life: Life): Promise<void> => {
    const ms = await resumeAfter(place, life.pid);
    if (ms !== null) measured.push(ms);
  };
  /**
   * Starts it again, as whoever runs it would. Where it is the only process, its next death would be in the way of
   * what is measured: then it is waited for, or nothing is measured.
   */
  const restart = async (life: Life, random: Random): Promise<void> => {
    const failpoint = armed === null ? failpointFor(life, random) : null;
    const alone = place.lives.length === 1;
    const follows = !alone || (failpoint === null && (!full || random.chance(0.5)));
    const going = follows ? resumed(life) : Promise.resolve();
    armed = failpoint === null ? null : { life, failpoint };
    life.start(failpoint === null ? '' : `${failpoint}:kill9@1`);
    if (alone) await going;
    else watched.push(going);
  };

  return {
    cycle: async (index, random) => {
      // One dies at a time: the others are there to go on with what it had begun.
      await Promise.all(place.lives.map((life) => life.ready()));
      await request(index, random);
      const life = upNext();
      await die(life, random);
      await restart(life, random);
      return null;
    },
    rest: async () => {
      // It would die later, in no cycle.
      if (armed?.life.alive() === true) await armed.life.kill();
      armed = null;
      await place.startAll();
      await Promise.all(watched.splice(0));
    },
  };
}

export const kills: FaultRow = {
  id: 'R3 R4 R7',
  name: 'kill -9 of any process at any time: no delivery lost, one of each, work goes on within 10 s',
  runs: { ci: 12, full: 334 },
  // Thirty on all three; the embedded database takes the longest to start again.
  ciRuns: { pglite: 6 },
  batch: 25,
  begin,
  figure: ({ measured }, full) => {
    if (measured.length === 0) return null;
    const [p50, p99] = [quantile(measured, 0.5), quantile(measured, 0.99)];
    const slack = full ? 1 : SHORT_FORM;
    const holds = p50 <= slack * P50_MS && p99 <= slack * P99_MS;
    return { value: p99, unit: 'ms p99 to resume', holds };
  },
  told: ({ measured, counted }) => {
    const p50 = Math.round(quantile(measured, 0.5));
    const died = `died at ${counted.size} of ${FAILPOINTS.length} failpoints`;
    return `${measured.length} times work was interrupted, p50 ${p50} ms; ${died}`;
  },
  mutants: [
    {
      name: 'what a dead process had begun is looked for',
      file: 'bot/worker/apply-effects.ts',
      from: 'again: row.startedAt !== null,',
      to: 'again: row.startedAt === null && false,',
    },
  ],
  mutantRuns: 6,
};
