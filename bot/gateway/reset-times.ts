/** When a provider wants to be called again, from the headers and the words of its answer. */
import type { ProviderName } from '../domain/cool-downs.ts';

/** Longest time a provider is believed: a month, the period of spend limits. */
const MOST_MS = 31 * 24 * 3_600_000;

type Headers = Pick<globalThis.Headers, 'get'>;

/**
 * Milliseconds until the provider takes calls again; null when it does not say. `retry-after` comes first:
 * it is about this very call. Of the limits' own reset times only those count whose rest is 0, or all when
 * none says so, and of them the last.
 */
export function toldMs(provider: ProviderName, headers: Headers, now: Date): number | null {
  const after = retryAfterMs(headers, now);
  if (after !== null) return bounded(after);
  const times = provider === 'openai' ? openaiResets(headers) : anthropicResets(headers, now);
  const used = times.filter(({ used }) => used);
  const counted = (used.length > 0 ? used : times).map(({ ms }) => ms);
  return counted.length === 0 ? null : bounded(Math.max(...counted));
}

/** A time that the body of an error names: `resets_in_seconds`, `resets_at`, or a date in its words. */
export function toldInBody(error: Record<string, unknown>, now: Date): number | null {
  const seconds = error['resets_in_seconds'];
  if (typeof seconds === 'number' && seconds > 0) return bounded(seconds * 1000);
  const at = error['resets_at'];
  if (typeof at === 'number' && at > 0) return bounded(at * 1000 - now.getTime());
  const message = typeof error['message'] === 'string' ? error['message'] : '';
  const found = /(\d{4}-\d{2}-\d{2})(?:[T ]| at )?(\d{2}:\d{2})?/.exec(message);
  if (found === null) return null;
  const time = Date.parse(`${found[1]}T${found[2] ?? '00:00'}:00Z`);
  return Number.isNaN(time) ? null : bounded(time - now.getTime());
}

function retryAfterMs(headers: Headers, now: Date): number | null {
  const ms = Number(headers.get('retry-after-ms') ?? Number.NaN);
  if (ms >= 0) return ms;
  const text = headers.get('retry-after')?.trim() ?? '';
  if (/^\d+(\.\d+)?$/.test(text)) return Number(text) * 1000;
  const at = /^[A-Z][a-z]{2}, /.test(text) ? Date.parse(text) : Number.NaN;
  if (Number.isNaN(at)) return null;
  // Both are the provider's clock where it tells its own; ours may be wrong.
  const told = Date.parse(headers.get('date') ?? '');
  return at - (Number.isNaN(told) ? now.getTime() : told);
}

interface Reset {
  ms: number;
  /** Nothing is left of this limit. */
  used: boolean;
}

const OPENAI = ['requests', 'tokens'] as const;
const ANTHROPIC = ['requests', 'tokens', 'input-tokens', 'output-tokens'] as const;

/** `x-ratelimit-reset-tokens: 6m0s`. */
function openaiResets(headers: Headers): Reset[] {
  return OPENAI.flatMap((kind) => {
    const ms = spanMs(headers.get(`x-ratelimit-reset-${kind}`) ?? '');
    return ms === null ? [] : [{ ms, used: headers.get(`x-ratelimit-remaining-${kind}`) === '0' }];
  });
}

/** `anthropic-ratelimit-tokens-reset: 2026-11-21T14:20:00Z`. */
function anthropicResets(headers: Headers, now: Date): Reset[] {
  return ANTHROPIC.flatMap((kind) => {
    const at = Date.parse(headers.get(`anthropic-ratelimit-${kind}-reset`) ?? '');
    if (Number.isNaN(at)) return [];
    const used = headers.get(`anthropic-ratelimit-${kind}-remaining`) === '0';
    return [{ ms: at - now.getTime(), used }];
  });
}

const UNITS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};

/** `1s`, `120ms`, `1h2m3.5s`; a plain number counts as seconds. */
function spanMs(text: string): number | null {
  if (/^\d+(\.\d+)?$/.test(text)) return Number(text) * 1000;
  if (!/^(?:\d+(?:\.\d+)?(?:ms|[smhd])){1,6}$/.test(text)) return null;
  const parts = [...text.matchAll(/(\d+(?:\.\d+)?)(ms|[smhd])/g)];
  return parts.reduce((sum, [, count, unit]) => sum + Number(count) * (UNITS[unit ?? ''] ?? 0), 0);
}

function bounded(ms: number): number {
  return Math.min(Math.max(0, Math.ceil(ms)), MOST_MS);
}
