/**
 * The doorbell: jobs carry the id of a row and nothing else, the row says whether there is work. A
 * job may come twice, or never (then the sweeper rings again), so no handler relies on it.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Job, JobsOptions } from 'bullmq';
import { insideTransaction } from '../store/db.ts';
import { StoreError } from '../store/errors.ts';
import { gather } from '../store/gather.ts';
import type { Store } from '../store/store.ts';
import {
  type JobWorker,
  type QueueBackend,
  openPostgresBackend,
  openRedisBackend,
} from './backend.ts';

export type QueueJob =
  | { name: 'delivery'; id: string }
  | { name: 'effect'; id: number }
  /** Look for rows that nobody was rung for: overdue attempts and the like. */
  | { name: 'sweep' };

export interface AddOptions {
  /** Not before this many milliseconds from now. */
  delayMs?: number;
  /** While a job with this key waits or is worked on, adding another does nothing. */
  dedupeKey?: string;
}

/**
 * One function per kind of job. `signal` aborts when the worker is closing: stop at the next safe
 * point.
 */
export type QueueHandlers = {
  [Name in QueueJob['name']]: (
    job: Extract<QueueJob, { name: Name }>,
    signal: AbortSignal,
  ) => Promise<void>;
};

export interface QueueWorker {
  /** Takes no new jobs, aborts the handlers' signal and waits for them, 20 seconds at most. */
  close(): Promise<void>;
}

export interface Queue {
  readonly kind: QueueBackend['kind'];
  /**
   * Rings for a row. Rejects when the backend is away (the sweeper makes up for it) and with
   * StoreError `query_outside_transaction` inside a transaction: ring after the commit, or the row
   * is not there yet.
   */
  add(job: QueueJob, options?: AddOptions): Promise<void>;
  /** Starts to work on jobs, up to `concurrency` at once. */
  work(handlers: QueueHandlers, options: { concurrency: number }): QueueWorker;
  /** Jobs by state: `waiting`, `active`, `delayed`, … */
  counts(): Promise<Record<string, number>>;
  /** Closes the workers that are still open, then the connections. Not the store. */
  close(): Promise<void>;
}

export interface QueueOptions {
  /** Redis to keep the jobs in; without it they are in the store's database. */
  redisUrl?: string;
  store: Store;
  /** Installations that share one Redis or database need different names. */
  name?: string;
  /** Hears about failed jobs and lost connections; both heal by themselves. */
  log?: (message: string, details: { error: unknown; job?: string }) => void;
}

const DEFAULT_NAME = 'autodev';
const DRAIN_MS = 20_000;
/** Between two tries to start a worker. */
const RESTART_MS = 500;

/** Opens the queue; rejects when its backend cannot be reached. */
export async function openQueue(options: QueueOptions): Promise<Queue> {
  const name = options.name ?? DEFAULT_NAME;
  const backend =
    options.redisUrl === undefined
      ? await openPostgresBackend(options.store, name)
      : await openRedisBackend(options.redisUrl, name);
  const log = options.log ?? (() => undefined);
  backend.queue.on('error', (error) => log('The queue had a connection problem', { error }));
  // A queue whose first connection failed never adds anything, so it is not handed out.
  await backend.queue.waitUntilReady().catch(async (error: unknown) => {
    await backend.close();
    throw error;
  });
  const workers = new Set<QueueWorker>();
  return {
    kind: backend.kind,
    add: ringer(backend),
    work: (handlers, { concurrency }) => {
      const worker = startWorker(backend, handlers, concurrency, log);
      workers.add(worker);
      return worker;
    },
    counts: () => backend.queue.getJobCounts(),
    close: async () => {
      await Promise.all([...workers].map((worker) => worker.close()));
      await backend.queue.close();
      await backend.close();
    },
  };
}

/** How the backend takes a job: the ids of rows that are rung for, none for a sweep. */
interface Ring {
  name: QueueJob['name'];
  data: { ids: RowId[] };
  opts: JobsOptions;
}
type RowId = string | number;

/** What is rung for while other rings are on their way goes together, up to this many. */
const RINGS = 256;
/**
 * Jobs that rows of one kind make at once. Storing a job in PostgreSQL takes four times what storing
 * its delivery takes, so in a flood a job rings for several rows, which its worker then takes in turn.
 */
const JOBS_AT_ONCE = 4;
/** After rings for several there is a flood, and the next ones can wait for company. */
const REST_MS = 50;

function ringer(backend: QueueBackend): (job: QueueJob, options?: AddOptions) => Promise<void> {
  const ring = gather(
    async (rings: Ring[]) => {
      const jobs = merged(rings);
      const [only] = jobs;
      if (jobs.length === 1 && only) await backend.queue.add(only.name, only.data, only.opts);
      else await backend.queue.addBulk(jobs);
      return rings.map(() => undefined);
    },
    { most: RINGS, restMs: REST_MS },
  );
  return async (job, options = {}) => {
    if (insideTransaction()) {
      throw new StoreError(
        'query_outside_transaction',
        `The queue was rung for a ${job.name} inside a transaction. Ring after the commit.`,
      );
    }
    await ring({
      name: job.name,
      data: { ids: 'id' in job ? [job.id] : [] },
      opts: {
        ...(options.delayMs !== undefined && options.delayMs > 0 && { delay: options.delayMs }),
        ...(options.dedupeKey !== undefined && { jobId: options.dedupeKey }),
      },
    });
  };
}

/** Rings that differ in nothing but their rows, as few jobs; a delay or a key stays a job of its own. */
function merged(rings: readonly Ring[]): Ring[] {
  const isPlain = ({ data, opts }: Ring): boolean =>
    data.ids.length > 0 && Object.keys(opts).length === 0;
  const jobs = rings.filter((ring) => !isPlain(ring));
  for (const [name, some] of Map.groupBy(rings.filter(isPlain), (ring) => ring.name)) {
    const ids = some.flatMap(({ data }) => data.ids);
    const size = Math.ceil(ids.length / JOBS_AT_ONCE);
    for (let at = 0; at < ids.length; at += size) {
      jobs.push({ name, data: { ids: ids.slice(at, at + size) }, opts: {} });
    }
  }
  return jobs;
}

function startWorker(
  backend: QueueBackend,
  handlers: QueueHandlers,
  concurrency: number,
  log: NonNullable<QueueOptions['log']>,
): QueueWorker {
  const closing = new AbortController();
  const start = (): JobWorker => {
    const worker = backend.worker(async (job) => {
      const known = parseJob(job);
      if (known === null) return log('A job of unknown shape was dropped', { error: null });
      return handleAll(handlers, known, closing.signal);
    }, concurrency);
    worker.on('error', (error) => log('A worker had a connection problem', { error }));
    worker.on('failed', (job, error) => {
      const name = job !== undefined && { job: job.name };
      log('A job failed; its row stays due', { error, ...name });
    });
    return worker;
  };
  let worker = start();
  // The backend may have died while the worker began; such a worker is given up for a new one.
  const becomeReady = async (): Promise<void> => {
    while (!closing.signal.aborted) {
      try {
        await worker.waitUntilReady();
        return;
      } catch (error) {
        if (closing.signal.aborted) return;
        log('A worker did not start; it is started again', { error });
      }
      worker.close().catch(() => undefined);
      await sleep(RESTART_MS, null, { signal: closing.signal }).catch(() => null);
      if (!closing.signal.aborted) worker = start();
    }
  };
  void becomeReady();
  let closed: Promise<void> | null = null;
  return {
    close: () => {
      closing.abort();
      closed ??= drain(worker, log);
      return closed;
    },
  };
}

async function drain(worker: JobWorker, log: NonNullable<QueueOptions['log']>): Promise<void> {
  const late = Promise.withResolvers<'late'>();
  const timer = setTimeout(() => late.resolve('late'), DRAIN_MS);
  const outcome = await Promise.race([worker.close(), late.promise]);
  clearTimeout(timer);
  if (outcome === 'late') {
    log('Jobs did not end in time; their leases run out by themselves', { error: null });
  }
}

/** In turn; one that fails does not keep the others from being tried. What is left out stays due. */
async function handleAll(
  handlers: QueueHandlers,
  jobs: readonly QueueJob[],
  signal: AbortSignal,
): Promise<void> {
  const failures: unknown[] = [];
  for (const [index, job] of jobs.entries()) {
    if (index > 0 && signal.aborted) break;
    await handle(handlers, job, signal).catch((error: unknown) => failures.push(error));
  }
  if (failures.length > 0) throw failures[0];
}

function handle(handlers: QueueHandlers, job: QueueJob, signal: AbortSignal): Promise<void> {
  switch (job.name) {
    case 'delivery':
      return handlers.delivery(job, signal);
    case 'effect':
      return handlers.effect(job, signal);
    case 'sweep':
      return handlers.sweep(job, signal);
  }
}

/** What comes out of Redis is not ours alone: anything but a well-formed job is dropped. */
function parseJob({ name, data }: Pick<Job, 'name' | 'data'>): QueueJob[] | null {
  if (name === 'sweep') return [{ name }];
  const ids: unknown = (data as { ids?: unknown } | null)?.ids;
  if (!Array.isArray(ids)) return null;
  const jobs = ids.map((id: unknown): QueueJob | null => {
    if (name === 'delivery' && typeof id === 'string') return { name, id };
    if (name === 'effect' && typeof id === 'number') return { name, id };
    return null;
  });
  return jobs.every((job) => job !== null) ? jobs : null;
}
