/**
 * Rolling restarts by SIGTERM under load, behind a balancer that asks who is ready: every webhook is accepted, the
 * balancer never meets a closed door, each process ends well in time, and others go on at once with what it had
 * begun (R27, promise 15).
 */
import { request } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import type { HookLog } from '../../sandbox/gitlab/state/hook-types.ts';
import { TooLate, until } from '../../test/support/until.ts';
import { SHUTDOWN_DELAY_SECONDS, startBalancer } from './balancer.ts';
import type { Life } from './lives.ts';
import { dueTaken, resumeAfter } from './resume.ts';
import { quantile, type Cycles, type FaultRow, type RowStage } from './row.ts';
import { hookAnswers, oneRunEach, refusedHooks } from './watch.ts';
import { ask, say } from './work.ts';

/** A process ends within so long (promise 15). */
const EXIT_MS = 25_000;
/** What was due when it had ended is taken up by others within so long; nothing is left under its leases. */
const TAKEN_MS = 10_000;
/** Pause between the comments that people write meanwhile. */
const LOAD_MS = 250;
/** Everything takes a little longer, so that something is under way whenever a process is told to stop. */
const SLOW = 'intake.stored:delay=200,delivery.claimed:delay=200';

/** A webhook that is under way has all arrived so long after a process was told to stop: it listens no more by then. */
const ARRIVED_MS = SHUTDOWN_DELAY_SECONDS * 1000 + 1_000;

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

/** Sends a webhook once more, its second half later; what came instead of 200, or null. */
async function sendSlowly(
  { url, requestHeaders, requestData }: HookLog,
  port: number,
): Promise<string | null> {
  const body = Buffer.from(JSON.stringify(requestData));
  const half = body.length >> 1;
  const headers = { ...requestHeaders, 'Content-Length': body.length };
  const call = request({ port, path: new URL(url).pathname, method: 'POST', headers });
  const answered = new Promise<string | null>((resolve) => {
    call.once('error', ({ message }) => resolve(`a slow webhook was not answered: ${message}`));
    call.once('response', (answer) => {
      answer.resume();
      const bad = answer.statusCode === 200 ? null : `a slow webhook got ${answer.statusCode}`;
      resolve(bad);
    });
  });
  call.write(body.subarray(0, half));
  await sleep(ARRIVED_MS);
  call.end(body.subarray(half));
  return answered;
}

async function begin(stage: RowStage): Promise<Cycles> {
  const { place, project, measured, counted } = stage;
  const restart = async (life: Life): Promise<string | null> => {
    const [webhook] = project.hooks.flatMap(({ logs }) => logs);
    const slow = life.role === 'web' && webhook ? sendSlowly(webhook, life.port) : null;
    const asked = performance.now();
    const badEnd = await life.stop();
    const took = performance.now() - asked;
    const bad = badEnd ?? (await slow);
    counted.set('slowest exit', Math.max(counted.get('slowest exit') ?? 0, took));
    const left = life.role === 'worker' ? await resumeAfter(place, life.pid) : null;
    const taken = life.role === 'worker' ? await dueTaken(place, TAKEN_MS) : null;
    if (taken !== null) measured.push(taken);
    life.start(SLOW);
    await life.ready();
    if (bad !== null) return `${life.name}: ${bad}`;
    if (left !== null) return `${life.name} left work under its lease for ${Math.round(left)} ms`;
    if (took > EXIT_MS) throw new TooLate(`${life.name} took ${Math.round(took)} ms to end`);
    if (taken !== null && taken > TAKEN_MS)
      throw new TooLate(`what was due lay still for ${TAKEN_MS} ms`);
    return null;
  };
  await Promise.all(place.lives.map(restart));
  const balancer = place.lines.bot;
  const webs = balancer.targets.length;
  const endBalancer = await startBalancer(balancer, place.lives);
  const allIn = (): Promise<void> =>
    until(() => balancer.targets.length === webs, TAKEN_MS, 'the balancer to send to all');
  const before = balancer.passedOver;
  return {
    cycle: async (index, random) => {
      const iid = await ask(place, project, `Cycle ${index}`, 'label');
      const stop = load(stage, iid);
      let failure: string | null = null;
      try {
        await until(() => hookAnswers(project).all > 0, TAKEN_MS, 'a first webhook');
        for (const life of place.lives) {
          await ask(place, project, `Cycle ${index}, ${life.name}`, 'label');
          await sleep(random.int(LOAD_MS));
          await allIn();
          failure ??= await restart(life);
        }
      } finally {
        await stop();
      }
      return failure;
    },
    rest: endBalancer,
    look: (history) => {
      const closed = balancer.passedOver - before;
      if (closed > 0) return `the balancer met a closed door ${closed} times`;
      return refusedHooks(project) ?? oneRunEach(project, history);
    },
  };
}

export const rollingRestarts: FaultRow = {
  id: 'R27',
  name: 'rolling restarts by SIGTERM under load: no webhook fails, exit in 25 s, others go on at once',
  // The embedded database has a single process: it cannot be restarted without a gap.
  on: ['postgres'],
  runs: { ci: 1, full: 24 },
  batch: 4,
  place: {
    name: 'behind a balancer that checks',
    env: { AUTODEV_SHUTDOWN_DELAY_SECONDS: String(SHUTDOWN_DELAY_SECONDS) },
  },
  begin,
  figure: ({ measured }) => {
    if (measured.length === 0) return null;
    const p99 = quantile(measured, 0.99);
    return { value: p99, unit: 'ms p99 to be taken up', holds: p99 <= TAKEN_MS };
  },
  told: ({ counted }) => `slowest exit ${Math.round(counted.get('slowest exit') ?? 0)} ms`,
  mutants: [
    {
      name: 'a process that is told to stop says so before it stops listening',
      file: 'bot/main.ts',
      from: '      await sleep(config.shutdownDelayMs);\n',
      to: '',
    },
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
  mutantRuns: 2,
};
