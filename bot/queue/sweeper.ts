/**
 * Rings again for every row that is due: what a crash, a lost Redis or a swallowed job left lying.
 * It is the reason why the queue may vanish at any moment.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Db } from '../store/db.ts';
import { dueDeliveries } from '../store/deliveries.ts';
import { dueEffects } from '../store/effects.ts';
import { tryLeaderLock } from '../store/locks.ts';
import type { Queue, QueueJob } from './queue.ts';

const EVERY_MS = 1_000;
/** Rows of each kind per sweep; the next sweep takes the next ones. */
const ROWS = 200;
/** With so many jobs waiting the queue is alive and busy: ringing more would only fill it. */
const BACKLOG = 1_000;
/**
 * A ring has the same key for this long, so a row rings once however often it is swept, and once more after each
 * claim: the job of a dead process, which the queue still believes to be worked on, swallows no ring. A key
 * is never trusted for longer: a ghost of a finished job can swallow what has its id (bullmq#3765).
 */
const KEY_MS = 30_000;

export interface Sweeper {
  close(): Promise<void>;
}

export interface SweeperOptions {
  db: Db;
  queue: Pick<Queue, 'add' | 'counts'>;
  everyMs?: number;
  /** Hears about sweeps that failed; the next one tries again. */
  log: (message: string, error: unknown) => void;
}

/**
 * Sweeps every second until closed. Any number of processes may run one; one sweeps at a time.
 */
export function startSweeper(options: SweeperOptions): Sweeper {
  const stop = new AbortController();
  const loop = async (): Promise<void> => {
    while (!stop.signal.aborted) {
      await ringDue(options.db, options.queue, Date.now()).catch((error: unknown) =>
        options.log('A sweep failed; the next one tries again', error),
      );
      // It does not keep the process alive by itself; an abort ends the pause at once.
      await sleep(options.everyMs ?? EVERY_MS, null, { signal: stop.signal, ref: false }).catch(
        () => null,
      );
    }
  };
  const done = loop();
  return {
    close: () => {
      stop.abort();
      return done;
    },
  };
}

/** A ring for a row that was claimed `turn` times so far. */
interface Due {
  job: QueueJob;
  turn: number;
}

/** One sweep at `now` (milliseconds): rings for what is due and returns how often it rang. */
export async function ringDue(
  db: Db,
  queue: Pick<Queue, 'add' | 'counts'>,
  now: number,
): Promise<number> {
  const jobs = await db.tx(async (tx): Promise<Due[] | null> => {
    if (!(await tryLeaderLock(tx, 'sweep'))) return null;
    const deliveries = await dueDeliveries(tx, ROWS);
    const effects = await dueEffects(tx, ROWS);
    return [
      ...deliveries.map(({ id, turn }): Due => ({ job: { name: 'delivery', id }, turn })),
      ...effects.map(({ id, turn }): Due => ({ job: { name: 'effect', id }, turn })),
    ];
  });
  if (jobs === null) return 0;
  const { waiting = 0 } = await queue.counts();
  if (waiting > BACKLOG) return 0;
  const bucket = Math.floor(now / KEY_MS);
  const rings: Due[] = [...jobs, { job: { name: 'sweep' }, turn: 0 }];
  for (const { job, turn } of rings) {
    const row = 'id' in job ? job.id : 'all';
    await queue.add(job, { dedupeKey: `${job.name}-${row}-${turn}-${bucket}` });
  }
  return rings.length;
}
