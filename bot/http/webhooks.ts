/**
 * Intake: verify the raw bytes, store the delivery, answer 2xx, ring the queue. In that order: what
 * was acknowledged is on disk, and what is on disk is found again without the queue (DESIGN §2).
 */
import { isUtf8 } from 'node:buffer';
import express, { type Request, type Response, type Router } from 'express';
import type { Logger } from 'pino';
import type { Headers, Webhooks } from '../forge/forge.ts';
import type { Queue } from '../queue/queue.ts';
import { ring } from '../queue/ring.ts';
import type { Db } from '../store/db.ts';
import { DELIVERIES_AT_ONCE, insertDeliveries, type NewDelivery } from '../store/deliveries.ts';
import { gather } from '../store/gather.ts';
import { sendError } from './api-error.ts';

/** GitLab's own limit of a payload (gitlab-facts §1.3). */
const GITLAB_BODY_BYTES = 25 * 1024 * 1024;
/** GitHub's own limit of a payload. */
const GITHUB_BODY_BYTES = 25 * 1024 * 1024;

/** Deliveries that come at the same moment are stored in one statement, up to this many characters. */
const STATEMENT_CHARS = 1024 * 1024;

/** The headers that normalisation needs; everything else, secrets first, is dropped. */
const KEPT_HEADERS = [
  'x-gitlab-event',
  'x-gitlab-instance',
  'idempotency-key',
  'x-github-event',
  'x-github-delivery',
];

export interface IntakeDeps {
  db: Db;
  queue: Pick<Queue, 'add'>;
  webhooks: { gitlab: Webhooks; github: Webhooks | null };
  log: Logger;
  now: () => Date;
  failpoint: (name: string) => Promise<void>;
}

interface Inbox extends IntakeDeps {
  insert: (delivery: NewDelivery) => Promise<{ id: string; inserted: boolean }>;
}

/** `POST /webhooks/gitlab` and `POST /webhooks/github`. */
export function webhookRoutes(deps: IntakeDeps): Router {
  const router = express.Router();
  const insert = gather((batch: NewDelivery[]) => insertDeliveries(deps.db, batch), {
    most: STATEMENT_CHARS,
    weight: ({ body }) => Math.max(body.length, STATEMENT_CHARS / DELIVERIES_AT_ONCE),
  });
  const inbox: Inbox = { ...deps, insert };
  router.post('/gitlab', rawBody(GITLAB_BODY_BYTES), (request, response) =>
    receive('gitlab', deps.webhooks.gitlab, request, response, inbox),
  );
  router.post('/github', rawBody(GITHUB_BODY_BYTES), async (request, response) => {
    const { github } = deps.webhooks;
    if (github) return receive('github', github, request, response, inbox);
    return sendError(
      response,
      404,
      'not_configured',
      'GitHub webhooks are not set up here.',
      'Set AUTODEV_GITHUB_WEBHOOK_SECRET and restart the bot.',
    );
  });
  return router;
}

/** Compressed bodies are refused: no forge sends them, and a bomb would be inflated before the check. */
function rawBody(limit: number): express.RequestHandler {
  return express.raw({ type: () => true, limit, inflate: false });
}

async function receive(
  source: 'gitlab' | 'github',
  webhooks: Webhooks,
  request: Request,
  response: Response,
  deps: Inbox,
): Promise<void> {
  const raw: unknown = request.body;
  const bytes = Buffer.isBuffer(raw) ? raw : Buffer.alloc(0);
  const headers = firstValues(request);
  const verified = await webhooks.verify(headers, bytes, deps.now());
  if (!verified.ok) {
    deps.log.warn({ source, reason: verified.reason }, 'webhook refused');
    sendError(
      response,
      401,
      'not_authentic',
      'The webhook could not be verified.',
      'Set the same secret or signing token on the hook and in AUTODEV_WEBHOOK_SECRET; `autodev connect` does it.',
    );
    return;
  }
  const { id, inserted } = await deps.insert({
    source,
    dedupeKey: verified.dedupeKey,
    eventName: verified.eventName,
    headers: kept(headers),
    body: storable(bytes),
  });
  await deps.failpoint('intake.stored');
  response.status(200).json({ delivery: id, duplicate: !inserted });
  if (inserted) ring(deps, { name: 'delivery', id });
}

/**
 * The body as PostgreSQL's text can hold it. Bytes that are no UTF-8, or hold a NUL, are no JSON and
 * name no project to `verify`; mended they could become an event that was never checked. They are
 * kept as one JSON string, which is an event of no forge.
 */
function storable(bytes: Buffer): string {
  const text = bytes.toString('utf8');
  if (isUtf8(bytes) && !bytes.includes(0)) return text;
  return JSON.stringify(text.replaceAll('\0', '\uFFFD'));
}

/** Lower-case names, first value each; a repeated header never becomes a list. */
function firstValues(request: Request): Headers {
  const headers: Record<string, string | undefined> = Object.create(null);
  for (const [name, values] of Object.entries(request.headersDistinct)) headers[name] = values?.[0];
  return headers;
}

function kept(headers: Headers): Record<string, string> {
  const entries = KEPT_HEADERS.flatMap((name) => {
    const value = headers[name];
    return value === undefined ? [] : [[name, value.slice(0, 200)] as const];
  });
  return Object.fromEntries(entries);
}
