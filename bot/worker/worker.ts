/** Connects the queue's doorbell to the handlers. */
import type { QueueWorker } from '../queue/queue.ts';
import { startSweeper, type Sweeper } from '../queue/sweeper.ts';
import { applyEffect } from './apply-effects.ts';
import type { WorkerDeps } from './deps.ts';
import { handleDelivery } from './handle-event.ts';
import { startReconciler } from './reconcile.ts';
import { sweep } from './sweep.ts';

/** Jobs one process works on at once; most of their time they wait for the forge. */
const CONCURRENCY = 8;

export interface Worker {
  /** Takes nothing new, lets what runs end (20 seconds at most), stops sweeping. */
  close(): Promise<void>;
}

/** Starts to handle deliveries and apply effects until closed. */
export function startWorker(deps: WorkerDeps): Worker {
  const queueWorker: QueueWorker = deps.queue.work(
    {
      delivery: (job) => handleDelivery(job.id, deps),
      effect: (job) => applyEffect(job.id, deps),
      sweep: async () => void (await sweep(deps)),
    },
    { concurrency: CONCURRENCY },
  );
  const sweeper: Sweeper = startSweeper({
    db: deps.db,
    queue: deps.queue,
    log: (message, error) => deps.log.warn({ error: String(error) }, message),
  });
  const reconciler = startReconciler(deps);
  return {
    close: async () => {
      await Promise.all([sweeper.close(), reconciler.close()]);
      await queueWorker.close();
    },
  };
}
