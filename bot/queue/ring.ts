/** Rings for a row that is committed; a ring that does not get through costs time, never the row. */
import type { Logger } from 'pino';
import type { Queue, QueueJob } from './queue.ts';

/** What can be rung for. */
export type Ring = Exclude<QueueJob, { name: 'sweep' }>;

/** Adds a job without waiting for it and without failing: the sweeper finds what was not rung for. */
export function ring(deps: { queue: Pick<Queue, 'add'>; log: Logger }, job: Ring): void {
  deps.queue.add(job).catch((error: unknown) => {
    deps.log.warn({ error, [job.name]: job.id }, 'queue not reached; the sweeper will find it');
  });
}
