/** `/healthz`: the process runs. `/readyz`: database and queue answer, so work can be taken. */
import express, { type Router } from 'express';
import type { Queue } from '../queue/queue.ts';
import type { Db } from '../store/db.ts';

const CHECK_MS = 2_000;

export interface HealthDeps {
  db: Db;
  queue: Pick<Queue, 'counts' | 'kind'>;
  version: string;
}

export function healthRoutes(deps: HealthDeps): Router {
  const router = express.Router();
  router.get('/healthz', (_request, response) => {
    response.json({ status: 'ok', version: deps.version });
  });
  router.get('/readyz', async (_request, response) => {
    const [database, queue] = await Promise.all([
      answers(deps.db.query('select 1')),
      answers(deps.queue.counts()),
    ]);
    // Without the queue the sweeper still finds the work: slower, but ready.
    const status = database ? (queue ? 'ready' : 'degraded') : 'not ready';
    response
      .status(database ? 200 : 503)
      .json({ status, database, queue, backend: deps.queue.kind });
  });
  return router;
}

async function answers(check: Promise<unknown>): Promise<boolean> {
  const late = Promise.withResolvers<boolean>();
  const timer = setTimeout(() => late.resolve(false), CHECK_MS);
  const done = check.then(
    () => true,
    () => false,
  );
  const result = await Promise.race([done, late.promise]);
  clearTimeout(timer);
  return result;
}
