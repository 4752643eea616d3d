/** Where BullMQ keeps its jobs: in Redis, or in the store's own database (schema `bullmq`). */
import {
  type BackendFactory,
  type Job,
  type JobsOptions,
  Queue as BullQueue,
  Worker as BullWorker,
  type Processor,
  createPostgresBackend,
  runMigrations,
} from 'bullmq';
import { Redis } from 'ioredis';
import type { Store } from '../store/store.ts';

/** The name that BullMQ's tables and keys are kept under. */
const SCHEMA = 'bullmq';
/** The LISTEN client takes one of these for itself. */
const POOL_SIZE = 6;
/**
 * A webhook must not wait for a Redis that is away: adding fails fast, the sweeper makes up for it.
 */
const ADD_TIMEOUT_MS = 2_000;
const CONNECT_TIMEOUT_MS = 10_000;
const RECONNECT_MS = 500;
/** A socket that Redis does not close by itself is destroyed after this long. */
const DISCONNECT_MS = 100;

/** Locks show that a process lives; who may write is decided by the leases of the rows. */
const WORKER_OPTIONS = {
  lockDuration: 4_000,
  stalledInterval: 1_000,
  // A job is only a doorbell, so it may be rung again as often as workers die.
  maxStalledCount: 1_000_000,
  runRetryDelay: RECONNECT_MS,
  drainDelay: 2,
  removeOnComplete: { count: 0 },
  removeOnFail: { count: 0 },
};
const QUEUE_OPTIONS = {
  defaultJobOptions: { attempts: 1, removeOnComplete: true, removeOnFail: true },
  // Nobody reads the event stream.
  streams: { events: { maxLen: 100 } },
};

/** What is used of BullMQ's Queue. */
export interface JobQueue {
  waitUntilReady(): Promise<unknown>;
  add(name: string, data: object, options: JobsOptions): Promise<unknown>;
  addBulk(jobs: { name: string; data: object; opts: JobsOptions }[]): Promise<unknown>;
  getJobCounts(): Promise<Record<string, number>>;
  close(): Promise<void>;
  on(event: 'error', listener: (error: Error) => void): unknown;
}

/** What is used of BullMQ's Worker. */
export interface JobWorker {
  /** Rejects when its first connection failed: BullMQ remembers that, and the worker never works. */
  waitUntilReady(): Promise<unknown>;
  close(): Promise<void>;
  on(event: 'error', listener: (error: Error) => void): unknown;
  on(event: 'failed', listener: (job: Job | undefined, error: Error) => void): unknown;
}

/** One place for jobs, with its connections. */
export interface QueueBackend {
  kind: 'redis' | 'postgres' | 'pglite';
  queue: JobQueue;
  worker(processor: Processor, concurrency: number): JobWorker;
  /** Lets the connections go; call it after the queue and its workers are closed. */
  close(): Promise<void>;
}

/**
 * Opens BullMQ on the store's database. Throws the driver's error when its tables cannot be made.
 */
export async function openPostgresBackend(store: Store, name: string): Promise<QueueBackend> {
  const pool = store.connection.newPool(SCHEMA, POOL_SIZE);
  const client = await pool.connect();
  try {
    await runMigrations(client, SCHEMA);
  } finally {
    client.release();
  }
  const factory: BackendFactory = createPostgresBackend as unknown as BackendFactory;
  const connection = pool as unknown as Redis;
  return {
    kind: store.kind,
    queue: new BullQueue(name, { ...QUEUE_OPTIONS, connection }, factory),
    worker: (processor, concurrency) =>
      new BullWorker(name, processor, { ...WORKER_OPTIONS, connection, concurrency }, factory),
    close: () => pool.end(),
  };
}

/** Opens BullMQ on Redis. Throws when Redis does not answer within ten seconds. */
export async function openRedisBackend(redisUrl: string, name: string): Promise<QueueBackend> {
  const adding = new Redis(redisUrl, {
    lazyConnect: true,
    maxRetriesPerRequest: 1,
    enableOfflineQueue: false,
    commandTimeout: ADD_TIMEOUT_MS,
    connectTimeout: CONNECT_TIMEOUT_MS,
    retryStrategy: () => RECONNECT_MS,
  });
  // Errors also reach whoever waits for a command; without a listener they would end the process.
  adding.on('error', () => undefined);
  try {
    await adding.connect();
  } catch (error) {
    adding.disconnect();
    throw error;
  }
  // All workers share it; BullMQ makes the connection that waits for jobs by itself.
  let working: Redis | null = null;
  const connect = (): Redis => {
    const connection = new Redis(redisUrl, {
      maxRetriesPerRequest: null,
      retryStrategy: () => RECONNECT_MS,
      disconnectTimeout: DISCONNECT_MS,
    });
    connection.on('error', () => undefined);
    return connection;
  };
  return {
    kind: 'redis',
    queue: new BullQueue(name, {
      ...QUEUE_OPTIONS,
      prefix: SCHEMA,
      connection: adding,
      skipWaitingForReady: true,
    }),
    worker: (processor, concurrency) => {
      working ??= connect();
      const options = { ...WORKER_OPTIONS, prefix: SCHEMA, connection: working, concurrency };
      return new BullWorker(name, processor, options);
    },
    close: async () => {
      adding.disconnect();
      working?.disconnect();
    },
  };
}
