/** What every error of a provider means for the calls after it, as docs/providers.md tells it. */
import { expect, test } from '@jest/globals';
import { toldMs } from '../../../bot/gateway/reset-times.ts';
import { DEFAULTS, judge, type Failed } from '../../../bot/gateway/taxonomy.ts';
import type { ProviderName } from '../../../bot/domain/cool-downs.ts';

const NOW = new Date('2026-11-21T14:00:00Z');
const SECOND = 1_000;

const answer = (
  status: number,
  headers: Record<string, string> = {},
  error: Record<string, unknown> = {},
): Failed => ({ kind: 'answer', status, headers: new Headers(headers), error });
const event = (error: Record<string, unknown>): Failed => ({ kind: 'event', error });

const SPENT = 'You have reached your specified API usage limits. You will regain access on ';

test.each<[string, ProviderName, Failed, string | null, number | null]>([
  ['429, Retry-After', 'openai', answer(429, { 'retry-after': '7' }), 'model rate_limit', 7_000],
  [
    '429, Retry-After as a date, by the provider’s own clock',
    'anthropic',
    answer(429, {
      'retry-after': 'Sat, 21 Nov 2026 15:00:30 GMT',
      date: 'Sat, 21 Nov 2026 15:00:00 GMT',
    }),
    'model rate_limit',
    30_000,
  ],
  [
    '429, retry-after-ms before retry-after',
    'openai',
    answer(429, { 'retry-after-ms': '1500', 'retry-after': '2' }),
    'model rate_limit',
    1_500,
  ],
  [
    '429, the limit that is used up names the time',
    'openai',
    answer(429, {
      'x-ratelimit-remaining-requests': '0',
      'x-ratelimit-reset-requests': '1m30s',
      'x-ratelimit-remaining-tokens': '100',
      'x-ratelimit-reset-tokens': '6h0m0s',
    }),
    'model rate_limit',
    90_000,
  ],
  [
    '429, the last of Anthropic’s resets',
    'anthropic',
    answer(429, {
      'anthropic-ratelimit-requests-reset': '2026-11-21T14:00:10Z',
      'anthropic-ratelimit-input-tokens-reset': '2026-11-21T14:20:00Z',
    }),
    'model rate_limit',
    1_200_000,
  ],
  ['429 without a time, OpenAI', 'openai', answer(429), 'model rate_limit', null],
  [
    '429 without a time, Anthropic: its spend cap',
    'anthropic',
    answer(429),
    'provider quota',
    null,
  ],
  [
    '429, OpenAI’s quota',
    'openai',
    answer(429, { 'retry-after': '1' }, { code: 'insufficient_quota' }),
    'provider quota',
    1_000,
  ],
  [
    '429, used up until a time',
    'openai',
    answer(429, {}, { type: 'usage_limit_reached', resets_in_seconds: 1200 }),
    'provider quota',
    1_200_000,
  ],
  [
    '400, spend limit until a date',
    'anthropic',
    answer(400, {}, { type: 'invalid_request_error', message: `${SPENT}2026-11-22 at 00:00 UTC.` }),
    'provider quota',
    10 * 3_600_000,
  ],
  [
    '400, no credit',
    'anthropic',
    answer(400, {}, { message: 'Your credit balance is too low to access the API.' }),
    'provider quota',
    null,
  ],
  ['402', 'openai', answer(402), 'provider quota', null],
  ['401', 'openai', answer(401), 'provider key', null],
  ['403', 'anthropic', answer(403), 'model key', null],
  ['500', 'openai', answer(500), 'model error', null],
  ['503, Retry-After', 'openai', answer(503, { 'retry-after': '20' }), 'model overload', 20_000],
  ['529', 'anthropic', answer(529, {}, { type: 'overloaded_error' }), 'model overload', null],
  ['no connection', 'openai', { kind: 'none', cause: 'unreachable' }, 'provider unreachable', null],
  ['silence', 'openai', { kind: 'none', cause: 'timeout' }, 'model timeout', null],
  [
    'event overloaded_error',
    'anthropic',
    event({ type: 'overloaded_error' }),
    'model overload',
    null,
  ],
  ['event rate_limit', 'openai', event({ code: 'rate_limit_exceeded' }), 'model rate_limit', null],
  ['event server_error', 'openai', event({ code: 'server_error' }), 'model error', null],
  ['event quota', 'openai', event({ code: 'insufficient_quota' }), 'provider quota', null],
  ['event about the request', 'openai', event({ code: 'invalid_prompt' }), null, null],
  ['400', 'openai', answer(400, { 'retry-after': '9' }), null, null],
  ['404', 'openai', answer(404), null, null],
  ['413', 'anthropic', answer(413), null, null],
  [
    '400 that quotes words of the agent is no quota',
    'anthropic',
    answer(400, {}, { message: 'tools.0: "Your credit balance is too low" is no name' }),
    null,
    null,
  ],
])('%s (%s)', (_, provider, failed, meaning, told) => {
  const judged = judge(provider, failed, NOW);
  expect(judged === null ? null : `${judged.scope} ${judged.reason}`).toBe(meaning);
  expect(judged?.toldMs ?? null).toBe(told);
});

test('a time that cannot be is not believed', () => {
  const told = (headers: Record<string, string>): number | null =>
    toldMs('openai', new Headers(headers), NOW);
  expect(told({ 'retry-after': '-5' })).toBeNull();
  expect(told({ 'retry-after': 'soon' })).toBeNull();
  expect(told({ 'x-ratelimit-reset-tokens': '1x' })).toBeNull();
  expect(told({ 'retry-after': 'Sat, 21 Nov 2026 13:00:00 GMT' })).toBe(0);
  expect(told({ 'retry-after': '1e9' })).toBeNull();
  expect(told({ 'retry-after': '99999999999' })).toBe(31 * 24 * 3_600 * SECOND);
});

test('defaults grow and are capped', () => {
  for (const { firstMs, factor, mostMs } of Object.values(DEFAULTS)) {
    expect(firstMs).toBeGreaterThanOrEqual(2 * SECOND);
    expect(factor).toBeGreaterThan(1);
    expect(mostMs).toBeGreaterThan(firstMs);
  }
});
