/** The HTTP face of the bot: intake, job API, gateway, health. No route works without its own check. */
import { createServer, type Server } from 'node:http';
import express, { type ErrorRequestHandler, type Express, type RequestHandler } from 'express';
import type { Logger } from 'pino';
import { sendError } from './api-error.ts';
import { healthRoutes, type HealthDeps } from './health.ts';
import { jobRoutes } from './job-api.ts';
import type { JobApiDeps } from './job-auth.ts';
import { webhookRoutes, type IntakeDeps } from './webhooks.ts';

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

/** The express app; callable without a socket. */
export function createApp(deps: AppDeps): Express {
  const app = express();
  app.disable('x-powered-by');
  app.disable('etag');
  app.set('query parser', 'simple');
  app.use((_request, response, next) => {
    response.setHeader('X-Content-Type-Options', 'nosniff');
    response.setHeader('Cache-Control', 'no-store');
    response.setHeader('Content-Security-Policy', "default-src 'none'; frame-ancestors 'none'");
    next();
  });
  app.use('/webhooks', webhookRoutes(deps.intake));
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
export function createHttpServer(app: Express, limits: ServerLimits = SERVER_LIMITS): Server {
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
      response.setHeader('Retry-After', '5');
      sendError(
        response,
        503,
        'unavailable',
        'The bot could not do this now.',
        'Try again shortly.',
      );
      return;
    }
    sendError(response, status, 'bad_request', BODY_ERRORS[status] ?? 'The request is not valid.');
  };
}

const BODY_ERRORS: Readonly<Record<number, string>> = {
  400: 'The body is not valid JSON.',
  413: 'The body is too large.',
  415: 'The body’s encoding is not supported; send it uncompressed.',
};

function statusOf(error: unknown): number {
  if (typeof error !== 'object' || error === null || !('status' in error)) return 500;
  const { status } = error;
  return typeof status === 'number' && status >= 400 && status < 600 ? status : 500;
}
