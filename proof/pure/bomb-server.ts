/** The job API with one attempt that anybody may speak for, as a process whose memory can be read. */
import type { AddressInfo } from 'node:net';
import { createServer } from 'node:http';
import express from 'express';
import pino from 'pino';
import { jobRoutes } from '../../bot/http/job-api.ts';
import type { JobApiDeps } from '../../bot/http/job-auth.ts';

const ROW = { id: 7, sha: 'a'.repeat(40), workSha: null, spec: { report: 'none' } };
const app = express();
const db = { query: () => Promise.resolve([ROW]), tx: () => Promise.resolve(null) };
app.use(
  '/api/job',
  jobRoutes({
    ...{ db, queue: { add: () => Promise.resolve() }, log: pino({ level: 'silent' }) },
    withhold: (result) => Promise.resolve(result),
    failpoint: () => Promise.resolve(),
  } as Partial<JobApiDeps> as JobApiDeps),
);
app.use(((error: { status?: number }, _request, response, _next) => {
  response.status(error.status ?? 500).end();
}) as express.ErrorRequestHandler);
const server = createServer(app).listen(0, '127.0.0.1', () => {
  process.stdout.write(`${(server.address() as AddressInfo).port}\n`);
});
