/**
 * Rolling restarts by SIGTERM under load, behind a balancer: every webhook is accepted, each process ends well
 * in time, and others go on at once with what it had begun (R27, promise 15).
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { TooLate } from '../../test/support/until.ts';
import type { Life } from './lives.ts';
import { dueTaken, resumeAfter } from './resume.ts';
import { quantile, type Cycles, type FaultRow, type RowStage } from './row.ts';
import { oneRunEach, refusedHooks } from './watch.ts';
import { ask, say } from './work.ts';

/** A process ends within so long (promise 15). */
const EXIT_MS = 25_000;
/** What was due when it had ended is taken up by others within so long; nothing is left under its leases. */
const TAKEN_MS = 10_000;
/** Pause between the comments that people write meanwhile. */
const LOAD_MS = 150;
/** Everything takes a little longer, so that something is under way whenever a process is told to stop. */
const SLOW = 'intake.stored:delay=200,delivery.claimed:delay=200';

/** Comments on an issue until it is stopped. */
function load({ place, project }: RowStage, iid: number): () => Promise<void> {
  let going = true;
  const work = (async () => {
    for (let at = 0; going; at += 1) {
      await say(place, project, iid, 'sam', `Remark ${at}.`);
      await sleep(LOAD_MS);
    }
  })();
  return async () => {
    going = false;
    await work;
  };
}

async function begin(stage: RowStage): Promise<Cycles> {
  const { place, project, measured, counted } = stage;
  const restart = async (life: Life): Promise<string | null> => {
    const asked = performance.now();
    const bad = await life.stop();
    const took = performance.now() - asked;
    counted.set('slowest exit', Math.max(counted.get('slowest exit') ?? 0, took));
    const left = life.role === 'worker' ? await resumeAfter(place, life.pid) : null;
    const taken = life.role === 'worker' ? await dueTaken(place, TAKEN_MS) : null;
    if (taken !== null) measured.push(taken);
    life.start(SLOW);
    await life.ready();
    if (bad !== null) return bad;
    if (left !== null) return `${life.name} left work under its lease for ${Math.round(left)} ms`;
    if (took > EXIT_MS) throw new TooLate(`${life.name} took ${Math.round(took)} ms to end`);
    if (taken !== null && taken > TAKEN_MS)
      throw new TooLate(`what was due lay still for ${TAKEN_MS} ms`);
    return null;
  };
  await Promise.all(place.lives.map(restart));
  return {
    cycle: async (index, random) => {
      const iid = await ask(place, project, `Cycle ${index}`, 'label');
      const stop = load(stage, iid);
      let failure: string | null = null;
      try {
        for (const life of place.lives) {
          await ask(place, project, `Cycle ${index}, ${life.name}`, 'label');
          await sleep(random.int(LOAD_MS));
          failure ??= await restart(life);
        }
      } finally {
        await stop();
      }
      return failure;
    },
    look: (history) => refusedHooks(project) ?? oneRunEach(project, history),
  };
}

export const rollingRestarts: FaultRow = {
  id: 'R27',
  name: 'rolling restarts by SIGTERM under load: no webhook fails, exit in 25 s, others go on at once',
  // The embedded database has a single process: it cannot be restarted without a gap.
  on: ['postgres'],
  runs: { ci: 1, full: 24 },
  batch: 4,
  begin,
  figure: ({ measured }) => {
    if (measured.length === 0) return null;
    const p99 = quantile(measured, 0.99);
    return { value: p99, unit: 'ms p99 to be taken up', holds: p99 <= TAKEN_MS };
  },
  told: ({ counted }) => `slowest exit ${Math.round(counted.get('slowest exit') ?? 0)} ms`,
  mutants: [
    {
      name: 'requests under way are answered before the end',
      file: 'bot/http/app.ts',
      from: '  server.close();\n',
      to: '  server.close();\n  server.closeAllConnections();\n',
    },
    {
      name: 'a worker ends what it has begun',
      file: 'bot/cli/serve.ts',
      from: '      await bot.close();',
      to: '      process.exit(0);',
    },
  ],
  mutantPlace: { webs: 2, workers: 2 },
  mutantRuns: 1,
};
