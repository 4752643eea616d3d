/**
 * The one retry policy of every forge request (model-codebases T1: a library that repeats a POST
 * after a 502 doubles notes). Reads are repeated when that can help; writes only when the request
 * surely did not land. A write whose answer was lost is never repeated here: it ends as `ambiguous`
 * and the caller reads back.
 */
import type { Clock } from './clock.ts';
import type { ForgeErrorKind } from './errors.ts';
import type { HostLimiter } from './limiter.ts';

export const RETRY_LIMITS = {
  /** Tries of one request, the first included. */
  tries: 4,
  /** Full jitter: a random share of base * 2^(try - 1), so at most 1, 2 and 4 s. */
  backoffBaseMs: 1_000,
  /** All tries and back-offs of one request; waits the forge itself asked for are counted apart. */
  ownMs: 60_000,
  /** Waits the forge asked for (Retry-After, RateLimit-Reset), summed over one request. */
  askedMs: 120_000,
} as const;

/** Why one try brought no usable answer. */
export type Failure =
  /** The forge, or a proxy before it, answered with a status that is no success. */
  | { type: 'status'; status: number; retryAfterMs: number | null }
  /** The request never left: name not found, connection refused, TLS refused (`hopeless`). */
  | { type: 'unsent'; hopeless: boolean }
  /** Sent, or perhaps sent, and no whole answer came back. */
  | { type: 'lost'; cause: 'timeout' | 'connection' }
  /** A success status with a body that is not what the API sends. */
  | { type: 'unreadable' };

export type RetryDecision =
  { retry: true; waitMs: number; asked: boolean } | { retry: false; kind: ForgeErrorKind };

export interface RetryState {
  method: string;
  failure: Failure;
  /** Tries made so far, at least 1. */
  tries: number;
  /** Time spent so far on tries and back-offs. */
  ownMs: number;
  /** Time spent so far on waits the forge asked for. */
  askedMs: number;
  /** A number in [0, 1). */
  random: number;
}

/** Only GET and HEAD change nothing on the forge. */
export function isRead(method: string): boolean {
  return method === 'GET' || method === 'HEAD';
}

/** What a failure means to the caller once it is not repeated any more. */
export function failureKind(method: string, failure: Failure): ForgeErrorKind {
  const lost = isRead(method) ? 'unavailable' : 'ambiguous';
  switch (failure.type) {
    case 'unsent':
      return 'unavailable';
    case 'lost':
      return lost;
    case 'unreadable':
      return isRead(method) ? 'invalid' : 'ambiguous';
    case 'status':
      return statusKind(failure.status, lost, failure.retryAfterMs);
    default:
      return failure satisfies never;
  }
}

function statusKind(
  status: number,
  lost: ForgeErrorKind,
  retryAfterMs: number | null,
): ForgeErrorKind {
  switch (status) {
    case 401:
    case 403:
      return 'denied';
    case 404:
    case 410:
      return 'not_found';
    case 405: // GitLab: a merge request that cannot be merged now
    case 409:
    case 412:
    case 423:
      return 'conflict';
    case 408:
      return lost;
    case 429:
      return 'limited';
    case 503:
      // A 503 with Retry-After is maintenance or shedding in front of the application.
      return retryAfterMs === null ? lost : 'unavailable';
    default:
      return status >= 500 ? lost : 'invalid';
  }
}

function mayRepeat(method: string, failure: Failure): boolean {
  switch (failure.type) {
    case 'unsent':
      return !failure.hopeless;
    case 'lost':
      return isRead(method);
    case 'unreadable':
      return false;
    case 'status':
      if (failure.status === 429) return true;
      if (failure.status === 503 && failure.retryAfterMs !== null) return true;
      return isRead(method) && [408, 500, 502, 503, 504].includes(failure.status);
    default:
      return failure satisfies never;
  }
}

/** Decides what follows one failed try. Pure: time and chance are in the state. */
export function decideRetry(state: RetryState): RetryDecision {
  const { method, failure, tries } = state;
  const kind = failureKind(method, failure);
  if (!mayRepeat(method, failure) || tries >= RETRY_LIMITS.tries) return { retry: false, kind };
  const asked = failure.type === 'status' ? failure.retryAfterMs : null;
  if (asked !== null) {
    const tooLong = state.askedMs + asked > RETRY_LIMITS.askedMs;
    return tooLong ? { retry: false, kind } : { retry: true, waitMs: asked, asked: true };
  }
  const ceiling = RETRY_LIMITS.backoffBaseMs * 2 ** (tries - 1);
  const waitMs = Math.floor(ceiling * state.random);
  if (state.ownMs + waitMs >= RETRY_LIMITS.ownMs) return { retry: false, kind };
  return { retry: true, waitMs, asked: false };
}

/**
 * Milliseconds the forge asks to wait, or null: Retry-After as seconds or date (RFC 9110 §10.2.3),
 * else RateLimit-Reset in Unix seconds, which GitLab sends with a 429 (gitlab-facts §5).
 */
export function retryAfterMs(
  headers: { get(name: string): string | null },
  nowMs: number,
): number | null {
  const after = headers.get('retry-after')?.trim();
  if (after) {
    if (/^\d{1,9}$/.test(after)) return Number(after) * 1000;
    const date = Date.parse(after);
    if (!Number.isNaN(date)) return Math.max(0, date - nowMs);
  }
  const reset = headers.get('ratelimit-reset')?.trim();
  if (reset && /^\d{1,12}$/.test(reset)) return Math.max(0, Number(reset) * 1000 - nowMs);
  return null;
}

/** Codes of connections that were never made, so that no byte of the request was sent. */
const UNSENT = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'UND_ERR_CONNECT_TIMEOUT',
]);
/** Certificate and URL faults: nothing was sent, and repeating changes nothing. */
const HOPELESS = /^(CERT_|DEPTH_ZERO_|SELF_SIGNED_|UNABLE_TO_|ERR_TLS_|ERR_SSL_|ERR_INVALID_URL)/;

/** Sorts what `fetch` threw. Anything unknown counts as lost, the careful reading for a write. */
export function connectionFailure(error: unknown): Failure {
  const codes = errorCodes(error, 0);
  if (codes.length > 0 && codes.every((code) => HOPELESS.test(code))) {
    return { type: 'unsent', hopeless: true };
  }
  if (codes.length > 0 && codes.every((code) => UNSENT.has(code))) {
    return { type: 'unsent', hopeless: false };
  }
  const timedOut =
    thrown(error)?.name === 'TimeoutError' ||
    codes.some((code) => code === 'ETIMEDOUT' || code.endsWith('_TIMEOUT'));
  return { type: 'lost', cause: timedOut ? 'timeout' : 'connection' };
}

/** Codes at the ends of the cause chain; several addresses tried at once give several. */
function errorCodes(error: unknown, depth: number): string[] {
  const { code, cause, errors } = thrown(error) ?? {};
  if (depth > 5) return [];
  if (Array.isArray(errors) && errors.length > 0) {
    return errors.flatMap((inner) => errorCodes(inner, depth + 1));
  }
  const inner = errorCodes(cause, depth + 1);
  if (inner.length > 0) return inner;
  return typeof code === 'string' ? [code] : [];
}

/** By shape, not `instanceof`: errors of `fetch` may come from another realm. */
function thrown(error: unknown): Record<string, unknown> | null {
  return typeof error === 'object' && error !== null ? (error as Record<string, unknown>) : null;
}

export type Try<T> = { ok: true; value: T } | { ok: false; failure: Failure; detail: string };

export type Sent<T> =
  | { ok: true; value: T; tries: number }
  | {
      ok: false;
      kind: ForgeErrorKind;
      failure: Failure;
      detail: string;
      tries: number;
      /** When the forge may be asked again, if it said so. */
      retryAfterMs: number | null;
    };

export interface RetryTools {
  clock: Clock;
  limiter: HostLimiter;
  random: () => number;
  /** Longest single try, milliseconds. */
  timeoutMs: number;
  onRetry?(state: { tries: number; waitMs: number; failure: Failure }): void;
}

/**
 * Sends one request until it succeeds, cannot be repeated or a limit is reached. `attempt` gets the
 * milliseconds it may take and reports its end as a value; whatever it throws passes through.
 */
export async function sendWithRetry<T>(
  request: { method: string; host: string },
  attempt: (timeoutMs: number) => Promise<Try<T>>,
  tools: RetryTools,
): Promise<Sent<T>> {
  const { clock, limiter } = tools;
  let ownMs = 0;
  let askedMs = 0;
  for (let tries = 1; ; tries += 1) {
    const entry = await limiter.enter(request.host, RETRY_LIMITS.askedMs - askedMs);
    if (!entry.ok) return heldBack(tries - 1, entry.retryAfterMs);
    askedMs += entry.heldMs;
    const started = clock.now();
    let outcome: Try<T>;
    try {
      outcome = await attempt(Math.max(1, Math.min(tools.timeoutMs, RETRY_LIMITS.ownMs - ownMs)));
    } finally {
      entry.leave();
    }
    if (outcome.ok) return { ...outcome, tries };
    ownMs += clock.now() - started;

    const { failure, detail } = outcome;
    const state = { method: request.method, failure, tries, ownMs, askedMs };
    const decision = decideRetry({ ...state, random: tools.random() });
    const asked = failure.type === 'status' ? failure.retryAfterMs : null;
    if (failure.type === 'status' && failure.status === 429) {
      limiter.hold(request.host, asked ?? (decision.retry ? decision.waitMs : 0));
    }
    if (!decision.retry) {
      return { ok: false, kind: decision.kind, failure, detail, tries, retryAfterMs: asked };
    }
    tools.onRetry?.({ tries, waitMs: decision.waitMs, failure });
    if (failure.type === 'status' && failure.status === 429) continue; // the limiter waits
    await clock.sleep(decision.waitMs);
    if (decision.asked) askedMs += decision.waitMs;
    else ownMs += decision.waitMs;
  }
}

/** The host is held longer than this request may wait: nothing was sent in this try. */
function heldBack(tries: number, waitMs: number): Sent<never> {
  const failure: Failure = { type: 'status', status: 429, retryAfterMs: waitMs };
  const detail = 'not sent: an earlier answer asked to wait';
  return { ok: false, kind: 'limited', failure, detail, tries, retryAfterMs: waitMs };
}
