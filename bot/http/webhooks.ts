/**
 * Intake: verify the raw bytes, store the delivery, answer 2xx, ring the queue. In that order: what
 * was acknowledged is on disk, and what is on disk is found again without the queue (DESIGN §2).
 *
 * It is a plain handler in front of the express app, so that a flood of hooks, real or forged, meets this
 * code alone.
 */
import { isUtf8 } from 'node:buffer';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Logger } from 'pino';
import type { Headers, Webhooks } from '../forge/forge.ts';
import {
  bodyFault,
  createArriving,
  giveBack,
  readBody,
  type Arriving,
  type BodyPlace,
} from '../gateway/read-body.ts';
import type { Queue } from '../queue/queue.ts';
import { ring } from '../queue/ring.ts';
import type { Db } from '../store/db.ts';
import { DELIVERIES_AT_ONCE, insertDeliveries, type NewDelivery } from '../store/deliveries.ts';
import { gather } from '../store/gather.ts';
import { sendBodyFault, sendError, sendJson, sendUnavailable } from './api-error.ts';
import { createLargeBodies, type LargeBodies } from './large-bodies.ts';
import { createRefusalLog } from './refusal-log.ts';

/**
 * GitHub's and GitLab's own limit of a payload (gitlab-facts §1.3). Both wait 10 s for an answer, all in
 * all (gitlab-facts §1.4): nobody waits for one who takes longer.
 */
const BODY = { bodyBytes: 25 * 1024 * 1024, bodyMs: 15_000 };
/** Bodies larger than this are rare, and few are held in memory at once; the others wait unread. */
const LARGE_BODY_BYTES = 256 * 1024;
/** Those of each size wait for their like alone. */
const LARGE_BODIES = [
  { bytes: 2 * 1024 * 1024, atOnce: 4 },
  { bytes: BODY.bodyBytes, atOnce: 1 },
].map((size) => ({ ...size, mostWaiting: 32, idleMs: 10_000 }));
/** Of the smaller ones that are still arriving so much is held, whoever sends them. */
const ARRIVING_BYTES = 16 * 1024 * 1024;

/** Deliveries that come at the same moment are stored in one statement, up to this many bytes. */
const STATEMENT_BYTES = 1024 * 1024;

/** The headers that normalisation needs; everything else, secrets first, is dropped. */
const KEPT_HEADERS = [
  'x-gitlab-event',
  'x-gitlab-instance',
  'idempotency-key',
  'x-github-event',
  'x-github-delivery',
];

const PATH = /^\/webhooks\/(gitlab|github)\/?(?:\?|$)/i;

type Source = 'gitlab' | 'github';

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
  refused: (source: Source, reason: string) => void;
  arriving: Arriving;
  largeBodies: readonly LargeBodies[];
}

interface Exchange {
  source: Source;
  webhooks: Webhooks;
  headers: Headers;
  request: IncomingMessage;
  response: ServerResponse;
}

/**
 * Takes `POST /webhooks/gitlab` and `POST /webhooks/github`; false for any other request, which was not
 * touched then. Headers set before are kept.
 */
export function webhookHandler(
  deps: IntakeDeps,
): (request: IncomingMessage, response: ServerResponse) => boolean {
  const insert = gather((batch: NewDelivery[]) => insertDeliveries(deps.db, batch), {
    most: STATEMENT_BYTES,
    weight: ({ body }) => Math.max(body.length, STATEMENT_BYTES / DELIVERIES_AT_ONCE),
  });
  const inbox: Inbox = {
    ...deps,
    insert,
    refused: createRefusalLog(deps.log),
    arriving: createArriving(ARRIVING_BYTES),
    largeBodies: LARGE_BODIES.map(createLargeBodies),
  };
  return (request, response) => {
    const source = request.method === 'POST' ? sourceOf(request.url ?? '') : null;
    if (source === null) return false;
    receive(source, request, response, inbox).catch((error: unknown) => {
      deps.log.error({ error: String(error), source }, 'webhook not stored');
      if (!response.headersSent) sendUnavailable(response);
    });
    return true;
  };
}

function sourceOf(url: string): Source | null {
  const name = PATH.exec(url)?.[1]?.toLowerCase();
  return name === 'gitlab' || name === 'github' ? name : null;
}

/** Answers at once what its headers refute; reads the others when there is memory for them. */
async function receive(
  source: Source,
  request: IncomingMessage,
  response: ServerResponse,
  deps: Inbox,
): Promise<void> {
  const webhooks = deps.webhooks[source];
  if (webhooks === null) {
    const fix = 'Set AUTODEV_GITHUB_WEBHOOK_SECRET and restart the bot.';
    const message = 'GitHub webhooks are not set up here.';
    return sendError(response, 404, 'not_configured', message, fix);
  }
  const fault = bodyFault(request, BODY);
  if (fault !== null) return sendBodyFault(response, fault);
  const headers = firstValues(request);
  const exchange = { source, webhooks, headers, request, response };
  const reason = webhooks.refusedByHeaders(headers, deps.now());
  if (reason !== null) return refuse(exchange, reason, deps);
  // What does not say its size may be large.
  const size = Number(request.headers['content-length'] ?? Infinity);
  if (size <= LARGE_BODY_BYTES) return takeIn(exchange, { arriving: deps.arriving }, deps);
  const place = deps.largeBodies.find(({ bytes }) => size <= bytes) ?? deps.largeBodies.at(-1);
  const taken = place?.run((into) => takeIn(exchange, { into }, deps));
  return taken ?? sendUnavailable(response);
}

async function takeIn(exchange: Exchange, place: BodyPlace, deps: Inbox): Promise<void> {
  const { source, webhooks, headers, request, response } = exchange;
  const body = await readBody(request, BODY, place);
  if (!body.ok) return sendBodyFault(response, body.fault);
  const verified = await webhooks.verify(headers, body.bytes, deps.now());
  if (!verified.ok) return refuse(exchange, verified.reason, deps);
  const { id, inserted } = await deps.insert({
    source,
    dedupeKey: verified.dedupeKey,
    eventName: verified.eventName,
    headers: kept(headers),
    body: storable(body.bytes),
  });
  await deps.failpoint('intake.stored');
  sendJson(response, 200, { delivery: id, duplicate: !inserted });
  if (inserted) ring(deps, { name: 'delivery', id });
  if (place.into === undefined) giveBack(body.bytes);
}

function refuse({ source, response }: Exchange, reason: string, deps: Inbox): void {
  deps.refused(source, reason);
  sendError(
    response,
    401,
    'not_authentic',
    'The webhook could not be verified.',
    'Set the same secret or signing token on the hook and in AUTODEV_WEBHOOK_SECRET; `autodev connect` does it.',
  );
}

/**
 * The body as PostgreSQL's text can hold it. Bytes that are no UTF-8, or hold a NUL, are no JSON and
 * name no project to `verify`; mended they could become an event that was never checked. They are
 * kept as one JSON string, which is an event of no forge.
 */
function storable(bytes: Buffer): string | Buffer {
  if (isUtf8(bytes) && !bytes.includes(0)) return bytes;
  return JSON.stringify(bytes.toString('utf8').replaceAll('\0', '\uFFFD'));
}

/** Lower-case names, first value each; a repeated header never becomes a list. */
function firstValues({ rawHeaders }: IncomingMessage): Headers {
  const headers: Record<string, string | undefined> = Object.create(null);
  for (let at = 0; at + 1 < rawHeaders.length; at += 2) {
    headers[(rawHeaders[at] as string).toLowerCase()] ??= rawHeaders[at + 1];
  }
  return headers;
}

function kept(headers: Headers): Record<string, string> {
  const entries = KEPT_HEADERS.flatMap((name) => {
    const value = headers[name];
    return value === undefined ? [] : [[name, value.slice(0, 200)] as const];
  });
  return Object.fromEntries(entries);
}
