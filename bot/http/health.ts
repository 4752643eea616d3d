/**
 * `/healthz`: the process runs. `/readyz`: database and queue answer and nobody told it to stop, so work can be
 * taken; `silentHooks` counts projects whose webhook GitLab has disabled (`autodev doctor` names them).
 */
import express, { type Router } from 'express';
import type { Queue } from '../queue/queue.ts';
import type { Db } from '../store/db.ts';
import { silentHooks } from '../store/reconcile.ts';

const CHECK_MS = 2_000;

export interface HealthDeps {
  db: Db;
  queue: Pick<Queue, 'counts' | 'kind'>;
  version: string;
  /** True from when the process is told to stop: balancers are to send no more (R27). */
  stopping: () => boolean;
}

export function healthRoutes(deps: HealthDeps): Router {
  const router = express.Router();
  router.get('/healthz', (_request, response) => {
    response.json({ status: 'ok', version: deps.version });
  });
  router.get('/readyz', async (_request, response) => {
    if (deps.stopping()) {
      response.status(503).json({ status: 'stopping' });
      return;
    }
    const [silent, counts] = await Promise.all([
      answerOf(silentHooks(deps.db)),
      answerOf(deps.queue.counts()),
    ]);
    const [database, queue] = [silent !== null, counts !== null];
    // Without the queue the sweeper still finds the work: slower, but ready.
    const status = database ? (queue ? 'ready' : 'degraded') : 'not ready';
    response
      .status(database ? 200 : 503)
      .json({ status, database, queue, backend: deps.queue.kind, silentHooks: silent });
  });
  return router;
}

/** Null when nothing came in time. */
async function answerOf<T>(asked: Promise<T>): Promise<T | null> {
  const late = Promise.withResolvers<null>();
  const timer = setTimeout(() => late.resolve(null), CHECK_MS);
  const result = await Promise.race([asked.catch(() => null), late.promise]);
  clearTimeout(timer);
  return result;
}
