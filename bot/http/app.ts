/** The HTTP face of the bot: intake, job API, gateway, health. No route works without its own check. */
import { once } from 'node:events';
import { createServer, type RequestListener, type Server, type ServerResponse } from 'node:http';
import { setImmediate as nextTurn } from 'node:timers/promises';
import express, { type ErrorRequestHandler, type RequestHandler } from 'express';
import type { Logger } from 'pino';
import { sendBadRequest, sendError, sendUnavailable } from './api-error.ts';
import { healthRoutes, type HealthDeps } from './health.ts';
import { jobRoutes } from './job-api.ts';
import type { JobApiDeps } from './job-auth.ts';
import { webhookHandler, type IntakeDeps } from './webhooks.ts';

const MAX_HEADER_BYTES = 32 * 1024;
/** Longer than the idle time of usual reverse proxies, so that they are the ones who hang up. */
const KEEP_ALIVE_MS = 65_000;

/** Requests still open this long after the bot was told to stop are cut off. */
const DRAIN_MS = 15_000;
const IDLE_CHECK_MS = 50;
/** New connections that keep coming hold up the end no longer than this. */
const ACCEPT_MS = 1_000;

/** Slow senders are cut off (threat E4). */
export interface ServerLimits {
  /** Milliseconds a request's headers may take. */
  headersMs: number;
  /** Milliseconds a whole request may take to arrive. */
  requestMs: number;
  /** How often, in milliseconds, connections are checked: how late a slow one is noticed. */
  checkMs: number;
}

const SERVER_LIMITS: ServerLimits = { headersMs: 10_000, requestMs: 60_000, checkMs: 2_000 };

export interface AppDeps extends HealthDeps {
  intake: IntakeDeps;
  jobs: JobApiDeps;
  gateway: RequestHandler;
  /** The CI templates that repositories include, as shipped, by their path below `ci-templates/`. */
  templates: Readonly<Record<string, string>>;
  log: Logger;
}

/** Webhooks by their own handler, everything else by express; callable without a socket. */
export function createApp(deps: AppDeps): RequestListener {
  const webhooks = webhookHandler(deps.intake);
  const app = expressApp(deps);
  return (request, response) => {
    setCommonHeaders(response);
    // Nobody keeps a connection that ends soon.
    if (deps.stopping()) response.setHeader('Connection', 'close');
    if (!webhooks(request, response)) app(request, response);
  };
}

function setCommonHeaders(response: ServerResponse): void {
  response.setHeader('X-Content-Type-Options', 'nosniff');
  response.setHeader('Cache-Control', 'no-store');
  response.setHeader('Content-Security-Policy', "default-src 'none'; frame-ancestors 'none'");
}

function expressApp(deps: AppDeps): RequestListener {
  const app = express();
  app.disable('x-powered-by');
  app.disable('etag');
  app.set('query parser', 'simple');
  app.use('/api/job', jobRoutes(deps.jobs));
  app.use('/gateway', deps.gateway);
  for (const [path, text] of Object.entries(deps.templates)) {
    app.get(`/ci-templates/${path}`, (_request, response) => {
      response.type('text/yaml').send(text);
    });
  }
  app.use(healthRoutes(deps));
  app.use((request, response) => {
    sendError(response, 404, 'not_found', `There is nothing at ${request.method} ${request.path}.`);
  });
  app.use(lastErrorHandler(deps.log));
  return app;
}

/** A server with bounds on headers and time around the app. */
export function createHttpServer(
  app: RequestListener,
  limits: ServerLimits = SERVER_LIMITS,
): Server {
  return createServer(
    {
      maxHeaderSize: MAX_HEADER_BYTES,
      headersTimeout: limits.headersMs,
      requestTimeout: limits.requestMs,
      // Node's own interval of 30 s would let a slow sender stay that much longer.
      connectionsCheckingInterval: limits.checkMs,
      keepAliveTimeout: KEEP_ALIVE_MS,
    },
    app,
  );
}

/**
 * Takes no new connections and resolves when those that stand are over, in DRAIN_MS at most: what was asked
 * before is answered (R27).
 */
export async function closeHttpServer(server: Server): Promise<void> {
  await acceptWaiting(server);
  const closed = once(server, 'close');
  server.close();
  // Connections that were busy a moment ago fall idle one by one, and clients would keep them.
  const idle = setInterval(() => server.closeIdleConnections(), IDLE_CHECK_MS);
  // A model's answer may stream for minutes: the agent asks again after the restart.
  const late = setTimeout(() => server.closeAllConnections(), DRAIN_MS);
  await closed;
  clearTimeout(late);
  clearInterval(idle);
}

/**
 * Accepts the connections that wait: the system resets those that nobody has accepted when a server stops
 * listening, and after a busy moment there are some. A turn of the event loop may accept a single one.
 */
async function acceptWaiting(server: Server): Promise<void> {
  let accepted = 0;
  const count = (): void => void (accepted += 1);
  server.on('connection', count);
  const until = Date.now() + ACCEPT_MS;
  let before: number;
  do {
    before = accepted;
    // The first turn may have been under way, with what had come before it.
    await nextTurn();
    await nextTurn();
  } while (accepted > before && Date.now() < until);
  server.off('connection', count);
}

/** Known body errors keep their status; everything else is a 500 that says nothing of the inside. */
function lastErrorHandler(log: Logger): ErrorRequestHandler {
  return (error: unknown, request, response, next) => {
    if (response.headersSent) {
      next(error);
      return;
    }
    const status = statusOf(error);
    if (status >= 500) {
      log.error(
        { error: String(error), method: request.method, path: request.path },
        'request failed',
      );
      sendUnavailable(response);
      return;
    }
    sendBadRequest(response, status);
  };
}

function statusOf(error: unknown): number {
  if (typeof error !== 'object' || error === null || !('status' in error)) return 500;
  const { status } = error;
  return typeof status === 'number' && status >= 400 && status < 600 ? status : 500;
}
