/** The bot's HTTP face on a port of its own, for tests that speak to it over real sockets. */
import { once } from 'node:events';
import { request, type IncomingHttpHeaders, type OutgoingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import pino from 'pino';
import {
  createApp,
  createHttpServer,
  type AppDeps,
  type ServerLimits,
} from '../../bot/http/app.ts';
import type { QueueJob } from '../../bot/queue/queue.ts';

const ANSWER_MS = 20_000;

export interface Web {
  url: string;
  port: number;
  /** What was rung for. */
  rung: QueueJob[];
  /** Log lines at info and above. */
  log: string[];
  close(): Promise<void>;
}

export type WebOptions = Pick<AppDeps, 'db'> &
  Partial<Omit<AppDeps, 'jobs' | 'intake'>> & {
    intake: Pick<AppDeps['intake'], 'webhooks'> & Partial<AppDeps['intake']>;
    jobs?: Partial<AppDeps['jobs']>;
    limits?: ServerLimits;
  };

const nowhere = (): Promise<never> => Promise.reject(new Error('no forge is here'));
const NO_THREADS = { project: nowhere, issue: nowhere, change: nowhere, notes: nowhere };

/** Serves the app; parts a test does not name refuse or do nothing. */
export async function startWeb(options: WebOptions): Promise<Web> {
  const rung: QueueJob[] = [];
  const log: string[] = [];
  const logger = pino({ level: 'info' }, { write: (line: string) => void log.push(line) });
  const queue = {
    kind: 'pglite' as const,
    add: (job: QueueJob) => Promise.resolve(void rung.push(job)),
    counts: () => Promise.resolve({ waiting: rung.length }),
  };
  const common = {
    db: options.db,
    queue,
    log: logger,
    now: () => new Date(),
    failpoint: () => Promise.resolve(),
  };
  const app = createApp({
    ...common,
    version: '0.0.0',
    stopping: () => false,
    templates: { 'autodev.yml': 'template: text\n', 'jobs/deploy.yml': 'deploy: text\n' },
    gateway: (_request, response) => void response.status(404).end(),
    ...options,
    intake: { ...common, ...options.intake },
    jobs: {
      ...common,
      withhold: (result) => Promise.resolve(result),
      verifyIdToken: () => Promise.resolve({ ok: false, kind: 'refused', reason: 'not here' }),
      childrenOf: () => Promise.resolve([]),
      botUserId: () => Promise.resolve(0),
      threads: NO_THREADS,
      publicUrl: 'http://bot.test',
      ci: { image: 'image:1', tags: ['autodev'] },
      heartbeatSeconds: 10,
      ...options.jobs,
    },
  });
  const server = createHttpServer(app, options.limits).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    port,
    rung,
    log,
    close: async () => {
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}

export interface Answer {
  status: number;
  headers: IncomingHttpHeaders;
  text: string;
  /** The body as JSON; undefined when it is none. */
  json: unknown;
}

/** One request with headers and bytes exactly as given. */
export function send(
  url: string,
  options: {
    method?: string;
    headers?: OutgoingHttpHeaders | readonly string[];
    body?: Buffer | string;
  } = {},
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const call = request(
      url,
      { method: options.method ?? 'POST', headers: options.headers, timeout: ANSWER_MS },
      (response) => {
        const parts: Buffer[] = [];
        response.on('data', (part: Buffer) => parts.push(part));
        response.on('error', reject);
        response.on('end', () => {
          const text = Buffer.concat(parts).toString('utf8');
          const { statusCode: status = 0, headers } = response;
          resolve({ status, headers, text, json: jsonOf(text) });
        });
      },
    );
    call.on('timeout', () => call.destroy(new Error(`no answer within ${ANSWER_MS} ms`)));
    call.on('error', reject);
    call.end(options.body);
  });
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
