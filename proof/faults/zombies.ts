/**
 * A worker stands still, most often right before a write, for longer than its leases last; another one takes
 * over; then it wakes up in the middle of what it did. Nothing that it still writes lands (R2, promise 8).
 */
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { until } from '../../test/support/until.ts';
import type { Life } from './lives.ts';
import { resumeAfter } from './resume.ts';
import { quantile, type Cycles, type FaultRow, type RowStage } from './row.ts';
import { ask, say } from './work.ts';

/** It stops once at each of these: when it has said that a write is about to leave, or in a transaction. */
const STOPS = [
  'react',
  'reply',
  'create_pipeline',
  'status_comment',
  'commit_changes',
  'open_change',
]
  .map((kind) => `${kind}.started`)
  .concat('delivery.claimed', 'decision.before_commit');
/** A worker that did not come by a failpoint for so long is stopped wherever it is. */
const WAIT_MS = 4_000;
const READY_MS = 60_000;
/** Longer than leases last, when it held none. */
const SLEEP_MS = 6_000;
/** Taken over by then; a lease lasts 5 seconds, and what is due is looked for every 2. */
const TAKEN_MS = 20_000;

/** True when the process stands still. */
function still({ pid }: Life): boolean {
  const [, state = ''] = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ');
  return /^[Tt]/.test(state);
}

function begin({ place, project, measured, counted }: RowStage): Cycles {
  const victim = place.lives.findLast(({ role }) => role === 'worker');
  if (victim === undefined) throw new Error('there is no worker to stop');
  let stops = STOPS.length;
  const arm = async (): Promise<void> => {
    await victim.kill();
    victim.start(STOPS.map((name) => `${name}:stop@1`).join(','));
    // It may stop before it has said that it is ready.
    const stopped = until(() => still(victim), READY_MS, '').catch(() => undefined);
    await Promise.race([victim.ready(), stopped]);
    stops = 0;
  };
  return {
    cycle: async (index) => {
      if (stops >= STOPS.length) await arm();
      stops += 1;
      const iid = await ask(place, project, `Cycle ${index}`, 'label');
      await say(place, project, iid, 'sam', '/autodev help');
      const hit = await until(() => still(victim), WAIT_MS, '').then(
        () => 'at a failpoint',
        () => 'elsewhere',
      );
      if (hit === 'elsewhere') victim.signal('SIGSTOP');
      counted.set(hit, (counted.get(hit) ?? 0) + 1);
      const ms = await resumeAfter(place, victim.pid);
      if (ms === null) await sleep(SLEEP_MS);
      else measured.push(ms);
      victim.signal('SIGCONT');
      return ms !== null && ms > TAKEN_MS
        ? `what the stopped worker held lay still for ${Math.round(ms)} ms`
        : null;
    },
    rest: async () => {
      // What is armed still would stop it later, in no cycle.
      victim.signal('SIGCONT');
      await sleep(500);
      await victim.kill();
    },
  };
}

export const zombies: FaultRow = {
  id: 'R2',
  name: 'a worker that stood still past its lease and wakes up writes nothing any more',
  // Leases are rows of the database, whatever the queue; the embedded one has a single process.
  on: ['postgres'],
  runs: { ci: 3, full: 100 },
  batch: 25,
  begin,
  figure: ({ measured }) => {
    if (measured.length === 0) return null;
    const p99 = quantile(measured, 0.99);
    return { value: p99, unit: 'ms p99 to be taken over', holds: p99 <= TAKEN_MS };
  },
  told: ({ counted }) => [...counted].map(([where, times]) => `${times} ${where}`).join(', '),
  mutants: [
    {
      name: 'the lease is asked for right before a write',
      file: 'bot/worker/lease.ts',
      from: '    if (!(await held.renew())) throw new LeaseLost();',
      to: '    return;',
    },
    {
      name: 'a silent transaction is ended by the database',
      file: 'bot/store/store.ts',
      from: '    idle_in_transaction_session_timeout: IDLE_IN_TRANSACTION_MS,\n',
      to: '',
    },
  ],
  mutantPlace: { webs: 1, workers: 2 },
  mutantRuns: 6,
};
