/**
 * An address on this machine that stands for the gateway. Whoever works for the agent can see the key it was
 * given; so that key opens this address and nothing else, and the attempt's token, with which a
 * result could be forged, stays in the process that made the address.
 */
import { randomBytes } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { NEAR_MS, NEAR_WAITS, pause } from './engines/route-state.ts';

/** Bytes of a request that are passed on; the gateway has a limit of its own below it. */
const BODY_BYTES = 24 * 1024 * 1024;
/** Headers that are passed on, either way. */
const FORWARDED = ['content-type', 'accept', 'anthropic-version', 'anthropic-beta', 'openai-beta'];
const RETURNED = ['content-type', 'retry-after', 'x-should-retry', 'request-id', 'x-request-id'];
/** What an agent may ask of a model, and nothing else of the bot. */
const PATHS = /^\/(?:openai\/v1|anthropic\/v1)\/[a-z_/]{1,80}(?:\?[\w=&-]{0,200})?$/;

/**
 * The gateway ends the work with this answer: its budget is used up, the attempt is over, or the model is left
 * alone for longer than is waited here.
 */
export type Terminal = 'budget' | 'revoked' | 'cooling';

export interface GatewayProxy {
  /** Where it listens; '' when it listens on a socket file. */
  url: string;
  key: string;
  close(): Promise<void>;
}

export interface ProxyOptions {
  gateway: string;
  token: string;
  /** A socket file to listen on; without it a free loopback port. */
  socket?: string;
  /** Asked before a request leaves; a sentence refuses it. */
  admit?: () => string | null;
  /** Told of every request that left, and of every answer's status. */
  onRequest?: () => void;
  onAnswer?: (status: number) => void;
  /** `waitMs`: how long a model is left alone; 0 for the other reasons. */
  onTerminal?: (why: Terminal, message: string, waitMs: number) => void;
}

/** Starts the proxy. */
export async function startGatewayProxy(options: ProxyOptions): Promise<GatewayProxy> {
  const key = `adl_${randomBytes(24).toString('base64url')}`;
  const server = createServer((request, response) => {
    forward(request, response, key, options).catch(() => response.destroy());
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    if (options.socket === undefined) server.listen(0, '127.0.0.1', resolve);
    else server.listen(options.socket, resolve);
  });
  const address = server.address();
  return {
    url: typeof address === 'object' && address ? `http://127.0.0.1:${address.port}` : '',
    key,
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

async function forward(
  request: IncomingMessage,
  response: ServerResponse,
  key: string,
  options: ProxyOptions,
): Promise<void> {
  const given =
    request.headers.authorization?.replace(/^Bearer /i, '') ?? request.headers['x-api-key'];
  if (given !== key) return refuse(response, 401, 'unknown key');
  const path = request.url ?? '';
  if (request.method !== 'POST' || !PATHS.test(path)) return refuse(response, 404, 'not here');
  const body = await readBody(request);
  if (body === null) return refuse(response, 413, 'the request is too large');
  const refusal = options.admit?.() ?? null;
  if (refusal !== null) return refuse(response, 403, refusal);
  options.onRequest?.();
  const stop = new AbortController();
  response.once('close', () => stop.abort());
  const ask = (): Promise<Response> =>
    fetch(`${options.gateway}${path}`, {
      method: 'POST',
      headers: { ...picked(request, FORWARDED), authorization: `Bearer ${options.token}` },
      body,
      signal: stop.signal,
    });
  let answer = await ask();
  // A program that is told of a cool-down would give up, or ask far too often: a short one is waited for here.
  for (let wait = 0; options.onTerminal && wait < NEAR_WAITS; wait += 1) {
    const ms = answer.status === 429 ? coolingMs(await answer.clone().text()) : null;
    if (ms === null || ms > NEAR_MS) break;
    await pause(ms, stop.signal);
    answer = await ask();
  }
  options.onAnswer?.(answer.status);
  const headers: Record<string, string> = {};
  for (const name of RETURNED) {
    const value = answer.headers.get(name);
    if (value !== null) headers[name] = value;
  }
  if (answer.status === 401 || answer.status === 403 || answer.status === 429) {
    const text = await answer.text();
    const waitMs = coolingMs(text);
    if (answer.status === 401) options.onTerminal?.('revoked', 'the gateway ended this attempt', 0);
    else if (text.includes('budget_exceeded')) options.onTerminal?.('budget', messageOf(text), 0);
    else if (waitMs !== null && options.onTerminal) {
      // Not answered: whoever asked is about to be ended, and its last words are to be the model's.
      return options.onTerminal('cooling', messageOf(text), waitMs);
    }
    response.writeHead(answer.status, headers).end(text);
    return;
  }
  response.writeHead(answer.status, headers);
  if (answer.body === null) return void response.end();
  await pipeline(Readable.fromWeb(answer.body), response);
}

function picked(request: IncomingMessage, names: readonly string[]): Record<string, string> {
  const found: Record<string, string> = {};
  for (const name of names) {
    const value = request.headers[name];
    if (typeof value === 'string') found[name] = value;
  }
  return found;
}

async function readBody(request: IncomingMessage): Promise<Buffer | null> {
  const parts: Buffer[] = [];
  let bytes = 0;
  for await (const part of request as AsyncIterable<Buffer>) {
    bytes += part.length;
    if (bytes > BODY_BYTES) return null;
    parts.push(part);
  }
  return Buffer.concat(parts);
}

function refuse(response: ServerResponse, status: number, message: string): void {
  response
    .writeHead(status, { 'content-type': 'application/json' })
    .end(JSON.stringify({ error: { type: 'invalid_request_error', code: 'refused', message } }));
}

/** `wait_ms` of the gateway's refusal of a model that cools down; null for every other answer. */
function coolingMs(text: string): number | null {
  try {
    const { error } = JSON.parse(text) as { error?: { wait_ms?: unknown } };
    return typeof error?.wait_ms === 'number' ? error.wait_ms : null;
  } catch {
    return null;
  }
}

function messageOf(text: string): string {
  try {
    const value = JSON.parse(text) as { error?: { message?: unknown } };
    if (typeof value.error?.message === 'string') return value.error.message;
  } catch {
    // Not JSON: the plain sentence below says enough.
  }
  return 'the budget is used up';
}
