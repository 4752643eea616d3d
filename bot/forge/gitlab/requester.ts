/**
 * The HTTP side of the driver: one `requesterFn` for every gitbeaker resource, so that retries,
 * limits, redaction and counting happen in one place. gitbeaker's own requester repeats a POST
 * after a 502 and ignores Retry-After (model-codebases T1), so none of it is used.
 */
import { createRequesterFn } from '@gitbeaker/requester-utils';
import type { FormattedResponse, RequestHandlerFn } from '@gitbeaker/requester-utils';
import { ForgeError } from '../errors.ts';
import { connectionFailure, isRead, retryAfterMs, sendWithRetry } from '../retry.ts';
import type { Failure, RetryTools, Sent, Try } from '../retry.ts';
import { answerMessage, bodySecrets, createRedactor, shorten, thrownText } from './redact.ts';
import type { Redact } from './redact.ts';
import { requestUrl, routeOf } from './route.ts';
import type { Route } from './route.ts';

export const HTTP_LIMITS = {
  /** Largest answer read; a file of 24 MiB in base64 fits. */
  bodyBytes: 32 * 1024 * 1024,
  /** Redirects followed by a read, within the same origin. */
  redirects: 3,
} as const;

/** One HTTP request as it ended; `status` is null when no answer came. */
export interface ForgeCall {
  method: string;
  /** Path template, never the values. */
  route: string;
  status: number | null;
  ms: number;
}

export interface ForgeLog {
  warn(fields: Record<string, unknown>, message: string): void;
}

export interface RequesterOptions extends Omit<RetryTools, 'onRetry'> {
  token: string;
  userAgent: string;
  fetch: typeof fetch;
  onCall?: ((call: ForgeCall) => void) | undefined;
  /** Called right before a write is sent; what it throws is thrown in place of the write. */
  beforeWrite?: (() => Promise<void>) | undefined;
  log?: ForgeLog | undefined;
}

/** One request as gitbeaker hands it over. */
interface Outgoing {
  method: string;
  url: URL;
  headers: Record<string, string>;
  /** A form carries a file. */
  body: string | FormData | undefined;
  route: Route;
}

type Answer = FormattedResponse<never>;

/** Makes the `requesterFn` that every gitbeaker resource of one forge gets. */
export function createGitLabRequester(options: RequesterOptions) {
  const handle = async (endpoint: string, raw: Record<string, unknown> = {}): Promise<Answer> => {
    const outgoing = outgoingRequest(endpoint, raw, options.userAgent);
    const { method, route, url } = outgoing;
    // Built when something failed only: a body can be megabytes.
    const redact: Redact = (text) =>
      createRedactor([options.token, ...bodySecrets(outgoing.body)])(text);
    const sent = await sendWithRetry(
      { method, host: url.host },
      (timeoutMs) => tryOnce(outgoing, timeoutMs, options, redact),
      {
        ...options,
        onRetry: ({ tries, waitMs, failure }) =>
          options.log?.warn(
            { method, route: route.template, subject: route.subject, tries, waitMs, failure },
            'forge request will be sent again',
          ),
      },
    );
    if (sent.ok) return sent.value;
    throw requestError(outgoing, sent, redact);
  };

  return createRequesterFn(
    (_service, request) => Promise.resolve(request),
    handle as RequestHandlerFn,
  );
}

function outgoingRequest(
  endpoint: string,
  raw: Record<string, unknown>,
  userAgent: string,
): Outgoing {
  const prefixUrl = String(raw['prefixUrl']);
  const url = requestUrl(prefixUrl, endpoint, (raw['searchParams'] as string | undefined) ?? '');
  // GraphQL has one address beside the REST API's.
  const rest = url.pathname.indexOf('/api/v4/');
  const path = rest < 0 ? 'graphql' : url.pathname.slice(rest + '/api/v4/'.length);
  return {
    method: String(raw['method']).toUpperCase(),
    url,
    headers: {
      ...(raw['headers'] as Record<string, string>),
      accept: 'application/json',
      'user-agent': userAgent,
    },
    body: raw['body'] as string | FormData | undefined,
    route: routeOf(path),
  };
}

/** One try, its end as a value: the answer, or the failure and a sentence on it. */
async function tryOnce(
  outgoing: Outgoing,
  timeoutMs: number,
  options: RequesterOptions,
  redact: Redact,
): Promise<Try<Answer>> {
  if (!isRead(outgoing.method)) await options.beforeWrite?.();
  const started = options.clock.now();
  let status: number | null = null;
  try {
    const signal = AbortSignal.timeout(timeoutMs);
    const response = await fetchFollowing(outgoing, signal, options.fetch);
    status = response.status;
    if (!response.ok) return await refusal(response, options.clock.now(), redact);
    return readAnswer(response, await readBounded(response));
  } catch (error) {
    const detail = shorten(redact(thrownText(error)));
    return { ok: false, failure: connectionFailure(error), detail };
  } finally {
    const ms = options.clock.now() - started;
    options.onCall?.({ method: outgoing.method, route: outgoing.route.template, status, ms });
  }
}

/** A status that is no success. Its body only explains it, so a broken one does not matter. */
async function refusal(response: Response, nowMs: number, redact: Redact): Promise<Try<Answer>> {
  const { status, headers } = response;
  const waits = status === 429 || status === 503;
  const location = status < 400 ? headers.get('location') : null;
  const text = location === null ? await readBounded(response).catch(() => '') : '';
  if (location !== null) await response.body?.cancel();
  return {
    ok: false,
    failure: { type: 'status', status, retryAfterMs: waits ? retryAfterMs(headers, nowMs) : null },
    detail:
      location === null
        ? answerMessage(redact(text ?? ''))
        : shorten(redact(`redirected to ${location}; is the GitLab URL right?`)),
  };
}

/**
 * Follows redirects of reads within the same origin (a renamed project answers 301). Everything else
 * is handed back: `fetch` itself would turn a redirected POST into a GET and carry the token along
 * to another host.
 */
async function fetchFollowing(
  outgoing: Outgoing,
  signal: AbortSignal,
  send: typeof fetch,
): Promise<Response> {
  const { method, headers, body } = outgoing;
  let url = outgoing.url;
  for (let hop = 0; ; hop += 1) {
    const init: RequestInit = { method, headers, signal, redirect: 'manual' };
    const response = await send(url.href, body === undefined ? init : { ...init, body });
    const location = response.headers.get('location');
    const isRedirect = response.status >= 300 && response.status < 400 && location !== null;
    if (!isRedirect || method !== 'GET' || hop >= HTTP_LIMITS.redirects) return response;
    if (!URL.canParse(location, url.href)) return response;
    const next = new URL(location, url.href);
    if (next.origin !== url.origin) return response;
    await response.body?.cancel();
    url = next;
  }
}

/** The body as text, or null when it is larger than the limit. */
async function readBounded(response: Response): Promise<string | null> {
  if (!response.body) return '';
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of response.body as unknown as AsyncIterable<Uint8Array>) {
    size += chunk.byteLength;
    if (size > HTTP_LIMITS.bodyBytes) return null;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function readAnswer(response: Response, text: string | null): Try<Answer> {
  const unreadable = (detail: string): Try<Answer> => ({
    ok: false,
    failure: { type: 'unreadable' },
    detail,
  });
  const answer = (body: unknown): Try<Answer> => {
    const headers = Object.fromEntries(response.headers.entries());
    return { ok: true, value: { body: body as never, headers, status: response.status } };
  };
  if (text === null) return unreadable(`it is larger than ${HTTP_LIMITS.bodyBytes} bytes`);
  if (text === '') return answer(null);
  try {
    return answer(JSON.parse(text));
  } catch {
    const type = response.headers.get('content-type') ?? 'no content type';
    return unreadable(`it is no JSON (${type}); is the GitLab URL right?`);
  }
}

const HINTS: Readonly<Record<number, string>> = {
  401: 'The token is not valid here or has expired.',
  403: "The bot's role or the token's scope is too low for this.",
};

/** What, why and what to do, with every secret of the request taken out. */
function requestError(
  outgoing: Outgoing,
  sent: Exclude<Sent<unknown>, { ok: true }>,
  redact: Redact,
): ForgeError {
  const { failure, detail, tries } = sent;
  const about = outgoing.route.subject === '' ? '' : ` (${outgoing.route.subject})`;
  const status = failure.type === 'status' ? failure.status : null;
  const hint = status === null ? undefined : HINTS[status];
  const text = [
    `GitLab ${outgoing.method} ${outgoing.route.template}${about} ${ending(failure)}`,
    detail === '' ? '' : `: ${detail}`,
    tries > 1 ? `, after ${tries} tries` : '',
    sent.kind === 'ambiguous' ? '; it may have been done, read back before repeating' : '',
    hint === undefined ? '' : `. ${hint}`,
  ].join('');
  return new ForgeError(sent.kind, redact(text), { status, retryAfterMs: sent.retryAfterMs });
}

function ending(failure: Failure): string {
  switch (failure.type) {
    case 'status':
      return `answered ${failure.status}`;
    case 'unsent':
      return 'could not be sent';
    case 'lost':
      return failure.cause === 'timeout' ? 'timed out' : 'lost its connection';
    case 'unreadable':
      return 'got an unreadable answer';
    default:
      return failure satisfies never;
  }
}
