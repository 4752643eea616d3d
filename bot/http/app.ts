/** The HTTP face of the bot: intake, job API, gateway, health. No route works without its own check. */
import { createServer, type RequestListener, type Server, type ServerResponse } from 'node:http';
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
