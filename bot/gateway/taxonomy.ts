/**
 * What an error of a provider means for the calls that come after it: the one place that knows (threats
 * R15, R16, G5). docs/providers.md shows it as a table.
 */
import type { CoolReason, ProviderName } from '../domain/cool-downs.ts';
import { toldInBody, toldMs } from './reset-times.ts';

/** The error object of an answer, or of an event of a stream, as far as it is understood. */
export type ErrorBody = Record<string, unknown>;

export type Failed =
  | { kind: 'answer'; status: number; headers: Pick<Headers, 'get'>; error: ErrorBody }
  /** An error event in a stream that began with 200. */
  | { kind: 'event'; error: ErrorBody }
  | { kind: 'none'; cause: 'unreachable' | 'timeout' };

export interface Judgement {
  /** A limit of one model, or of everything that goes to the provider. */
  scope: 'model' | 'provider';
  reason: CoolReason;
  status: number | null;
  /** Null: the provider names no time, and a default holds (DEFAULTS). */
  toldMs: number | null;
}

export interface Growth {
  firstMs: number;
  /** Each further failure in a row makes it so much longer. */
  factor: number;
  mostMs: number;
}

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;

/** How long a cool-down lasts where the provider names no time. */
export const DEFAULTS: Readonly<Record<CoolReason, Growth>> = {
  rate_limit: { firstMs: 10 * SECOND, factor: 2, mostMs: 5 * MINUTE },
  overload: { firstMs: 5 * SECOND, factor: 2, mostMs: 5 * MINUTE },
  error: { firstMs: 2 * SECOND, factor: 2, mostMs: 2 * MINUTE },
  unreachable: { firstMs: 5 * SECOND, factor: 2, mostMs: 2 * MINUTE },
  timeout: { firstMs: 15 * SECOND, factor: 2, mostMs: 5 * MINUTE },
  // Somebody has to pay or to mend the key: looking often would change nothing.
  quota: { firstMs: HOUR, factor: 2, mostMs: 6 * HOUR },
  key: { firstMs: 10 * MINUTE, factor: 2, mostMs: HOUR },
};

/** Words of both providers for: nothing more until it is paid for, or until a date. */
const QUOTA_CODES =
  /^(insufficient_quota|billing_hard_limit_reached|billing_not_active|usage_limit_reached|billing_error)$/;
/** At the start only: further inside, an error may quote the request, and with it an agent. */
const QUOTA_WORDS =
  /^(your credit balance is too low|you have reached your (specified )?(workspace )?api usage limit)/i;

/** What follows from an error; null when it is about this request alone and is passed on. */
export function judge(provider: ProviderName, failed: Failed, now: Date): Judgement | null {
  switch (failed.kind) {
    case 'none':
      return failed.cause === 'unreachable'
        ? { scope: 'provider', reason: 'unreachable', status: null, toldMs: null }
        : { scope: 'model', reason: 'timeout', status: null, toldMs: null };
    case 'event':
      return judgeEvent(failed.error, now);
    case 'answer':
      return judgeAnswer(provider, failed, now);
  }
}

type Answer = Extract<Failed, { kind: 'answer' }>;

function judgeAnswer(provider: ProviderName, answer: Answer, now: Date): Judgement | null {
  const { status, headers, error } = answer;
  if (isQuota(error) || status === 402) return quota(status, error, headers, provider, now);
  if (status === 401) return { scope: 'provider', reason: 'key', status, toldMs: null };
  // A key may be good for some models and not for this one.
  if (status === 403) return { scope: 'model', reason: 'key', status, toldMs: null };
  const told = toldMs(provider, headers, now) ?? toldInBody(error, now);
  if (status === 429) {
    // Anthropic names a time in every rate limit; its spend cap names none (threat G5).
    if (provider === 'anthropic' && told === null) {
      return { scope: 'provider', reason: 'quota', status, toldMs: null };
    }
    return { scope: 'model', reason: 'rate_limit', status, toldMs: told };
  }
  if (status === 529 || status === 503) {
    return { scope: 'model', reason: 'overload', status, toldMs: told };
  }
  if (status >= 500) return { scope: 'model', reason: 'error', status, toldMs: told };
  return null;
}

function judgeEvent(error: ErrorBody, now: Date): Judgement | null {
  const name = `${text(error['type'])} ${text(error['code'])}`;
  const judged = (reason: CoolReason, status: number): Judgement => ({
    scope: 'model',
    reason,
    status,
    toldMs: toldInBody(error, now),
  });
  if (isQuota(error)) return { ...judged('quota', 429), scope: 'provider' };
  if (/overloaded/.test(name)) return judged('overload', 529);
  if (/rate_limit/.test(name)) return judged('rate_limit', 429);
  if (/api_error|server_error|internal/.test(name)) return judged('error', 500);
  return null;
}

function quota(
  status: number,
  error: ErrorBody,
  headers: Pick<Headers, 'get'>,
  provider: ProviderName,
  now: Date,
): Judgement {
  const told = toldInBody(error, now) ?? toldMs(provider, headers, now);
  return { scope: 'provider', reason: 'quota', status, toldMs: told };
}

function isQuota(error: ErrorBody): boolean {
  return (
    QUOTA_CODES.test(text(error['code'])) ||
    QUOTA_CODES.test(text(error['type'])) ||
    QUOTA_WORDS.test(text(error['message']))
  );
}

function text(value: unknown): string {
  return typeof value === 'string' ? value.slice(0, 2_000) : '';
}
