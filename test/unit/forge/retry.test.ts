import { describe, expect, test } from '@jest/globals';
import type { Clock } from '../../../bot/forge/clock.ts';
import type { ForgeErrorKind } from '../../../bot/forge/errors.ts';
import { LIMITER_LIMITS, createHostLimiter } from '../../../bot/forge/limiter.ts';
import {
  RETRY_LIMITS,
  connectionFailure,
  decideRetry,
  retryAfterMs,
  sendWithRetry,
} from '../../../bot/forge/retry.ts';
import type { Failure, Try } from '../../../bot/forge/retry.ts';

/** A clock that jumps instead of sleeping, and remembers the naps. */
function jumpingClock(): Clock & { naps: number[] } {
  let now = 1_000_000;
  const naps: number[] = [];
  return {
    naps,
    now: () => now,
    sleep: async (ms) => {
      naps.push(ms);
      now += ms;
    },
  };
}

const status = (code: number, retryAfter: number | null = null): Failure => ({
  type: 'status',
  status: code,
  retryAfterMs: retryAfter,
});
const timeout: Failure = { type: 'lost', cause: 'timeout' };
const reset: Failure = { type: 'lost', cause: 'connection' };
const refused: Failure = { type: 'unsent', hopeless: false };
const badCertificate: Failure = { type: 'unsent', hopeless: true };
const html: Failure = { type: 'unreadable' };

describe('which failures are sent again, and what they end as', () => {
  // method, failure, tries in all, kind at the end
  const table: [string, string, Failure, number, ForgeErrorKind][] = [
    ['GET', '429', status(429), 4, 'limited'],
    ['GET', '429 for 5 s', status(429, 5_000), 4, 'limited'],
    ['GET', '429 for 10 min', status(429, 600_000), 1, 'limited'],
    ['GET', '500', status(500), 4, 'unavailable'],
    ['GET', '502', status(502), 4, 'unavailable'],
    ['GET', '503', status(503), 4, 'unavailable'],
    ['GET', '504', status(504), 4, 'unavailable'],
    ['GET', '408', status(408), 4, 'unavailable'],
    ['GET', '501', status(501), 1, 'unavailable'],
    ['GET', 'time-out', timeout, 4, 'unavailable'],
    ['GET', 'reset', reset, 4, 'unavailable'],
    ['GET', 'refused', refused, 4, 'unavailable'],
    ['GET', 'bad certificate', badCertificate, 1, 'unavailable'],
    ['GET', 'HTML', html, 1, 'invalid'],
    ['GET', '400', status(400), 1, 'invalid'],
    ['GET', '401', status(401), 1, 'denied'],
    ['GET', '403', status(403), 1, 'denied'],
    ['GET', '404', status(404), 1, 'not_found'],
    ['GET', '302', status(302), 1, 'invalid'],
    ...['POST', 'PUT', 'PATCH', 'DELETE'].flatMap(
      (method): [string, string, Failure, number, ForgeErrorKind][] => [
        [method, '429', status(429), 4, 'limited'],
        [method, '429 for 5 s', status(429, 5_000), 4, 'limited'],
        [method, '503 for 5 s', status(503, 5_000), 4, 'unavailable'],
        [method, 'refused', refused, 4, 'unavailable'],
        [method, 'bad certificate', badCertificate, 1, 'unavailable'],
        [method, '500', status(500), 1, 'ambiguous'],
        [method, '502', status(502), 1, 'ambiguous'],
        [method, '503', status(503), 1, 'ambiguous'],
        [method, '504', status(504), 1, 'ambiguous'],
        [method, '408', status(408), 1, 'ambiguous'],
        [method, 'time-out', timeout, 1, 'ambiguous'],
        [method, 'reset', reset, 1, 'ambiguous'],
        [method, 'HTML', html, 1, 'ambiguous'],
        [method, '400', status(400), 1, 'invalid'],
        [method, '401', status(401), 1, 'denied'],
        [method, '403', status(403), 1, 'denied'],
        [method, '404', status(404), 1, 'not_found'],
        [method, '405', status(405), 1, 'conflict'],
        [method, '409', status(409), 1, 'conflict'],
        [method, '422', status(422), 1, 'invalid'],
      ],
    ),
  ];

  test.each(table)('%s after %s', async (method, _name, failure, tries, kind) => {
    const clock = jumpingClock();
    let sent = 0;
    const end = await sendWithRetry(
      { method, host: 'gitlab.test' },
      async () => {
        sent += 1;
        return { ok: false, failure, detail: '' };
      },
      { clock, limiter: createHostLimiter(clock), random: () => 0.5, timeoutMs: 1_000 },
    );
    expect({ sent, end }).toMatchObject({ sent: tries, end: { ok: false, kind, tries } });
  });

  test('a success after failures is a success', async () => {
    const clock = jumpingClock();
    const answers: Try<string>[] = [
      { ok: false, failure: status(502), detail: '' },
      { ok: false, failure: refused, detail: '' },
      { ok: true, value: 'here' },
    ];
    const end = await sendWithRetry(
      { method: 'GET', host: 'gitlab.test' },
      async () => answers.shift() as Try<string>,
      { clock, limiter: createHostLimiter(clock), random: () => 0.5, timeoutMs: 1_000 },
    );
    expect(end).toEqual({ ok: true, value: 'here', tries: 3 });
    expect(clock.naps).toEqual([500, 1000]);
  });
});

describe('how long is waited', () => {
  const base = { method: 'GET', ownMs: 0, askedMs: 0, tries: 1, random: 0.999 };

  test('back-off doubles and jitters over its whole range', () => {
    const waits = [1, 2, 3].map((tries) => decideRetry({ ...base, tries, failure: status(502) }));
    expect(waits).toEqual([
      { retry: true, waitMs: 999, asked: false },
      { retry: true, waitMs: 1998, asked: false },
      { retry: true, waitMs: 3996, asked: false },
    ]);
    expect(decideRetry({ ...base, random: 0, failure: reset })).toMatchObject({ waitMs: 0 });
  });

  test('no try starts once the time of the request is used up', () => {
    const ownMs = RETRY_LIMITS.ownMs - 100;
    expect(decideRetry({ ...base, ownMs, failure: timeout })).toEqual({
      retry: false,
      kind: 'unavailable',
    });
  });

  test('waits the forge asks for add up to their own cap', () => {
    const failure = status(429, 61_000);
    expect(decideRetry({ ...base, failure })).toEqual({ retry: true, waitMs: 61_000, asked: true });
    expect(decideRetry({ ...base, askedMs: 61_000, failure })).toEqual({
      retry: false,
      kind: 'limited',
    });
  });

  test('slow tries are cut to the time that is left', async () => {
    const clock = jumpingClock();
    const allowed: number[] = [];
    const end = await sendWithRetry(
      { method: 'GET', host: 'gitlab.test' },
      async (timeoutMs) => {
        allowed.push(timeoutMs);
        await clock.sleep(timeoutMs);
        return { ok: false, failure: timeout, detail: '' };
      },
      { clock, limiter: createHostLimiter(clock), random: () => 0, timeoutMs: 25_000 },
    );
    expect(end).toMatchObject({ ok: false, kind: 'unavailable' });
    expect(allowed).toEqual([25_000, 25_000, 10_000]);
  });

  test.each([
    [{ 'retry-after': '7' }, 7_000],
    [{ 'retry-after': 'Thu, 01 Jan 1970 00:00:30 GMT' }, 20_000],
    [{ 'retry-after': 'Thu, 01 Jan 1970 00:00:01 GMT' }, 0],
    [{ 'ratelimit-reset': '15' }, 5_000],
    [{ 'retry-after': '3', 'ratelimit-reset': '15' }, 3_000],
    [{ 'retry-after': 'soon', 'ratelimit-reset': 'later' }, null],
    [{}, null],
  ] as [Record<string, string>, number | null][])('%j', (headers, expected) => {
    expect(retryAfterMs(new Headers(headers), 10_000)).toBe(expected);
  });
});

describe('what fetch throws', () => {
  const failed = (cause: unknown) => new TypeError('fetch failed', { cause });
  const coded = (code: string) => Object.assign(new Error(code), { code });

  test.each([
    ['refused', failed(coded('ECONNREFUSED')), refused],
    [
      'refused on both addresses',
      failed(new AggregateError([coded('ECONNREFUSED'), coded('ECONNREFUSED')])),
      refused,
    ],
    [
      'refused on one address, reset on the other',
      failed(new AggregateError([coded('ECONNREFUSED'), coded('ECONNRESET')])),
      reset,
    ],
    ['no such name', failed(coded('ENOTFOUND')), refused],
    ['connect time-out', failed(coded('UND_ERR_CONNECT_TIMEOUT')), refused],
    ['self-signed', failed(coded('DEPTH_ZERO_SELF_SIGNED_CERT')), badCertificate],
    ['wrong name', failed(coded('ERR_TLS_CERT_ALTNAME_INVALID')), badCertificate],
    ['reset', failed(coded('ECONNRESET')), reset],
    ['closed', failed(coded('UND_ERR_SOCKET')), reset],
    ['headers late', failed(coded('UND_ERR_HEADERS_TIMEOUT')), timeout],
    ['our own time-out', new DOMException('late', 'TimeoutError'), timeout],
    ['something unknown', 'boom', reset],
  ] as [string, unknown, Failure][])('%s', (_name, error, expected) => {
    expect(connectionFailure(error)).toEqual(expected);
  });
});

describe('the limiter of a host', () => {
  test('after a 429 nobody sends before the allowed time', async () => {
    const clock = jumpingClock();
    const limiter = createHostLimiter(clock);
    const tools = { clock, limiter, random: () => 0.5, timeoutMs: 1_000 };
    const started = clock.now();
    const times: number[] = [];
    let limited = true;
    const ask = () =>
      sendWithRetry(
        { method: 'POST', host: 'gitlab.test' },
        async (): Promise<Try<null>> => {
          times.push(clock.now() - started);
          if (!limited) return { ok: true, value: null };
          limited = false;
          return { ok: false, failure: status(429, 9_000), detail: '' };
        },
        tools,
      );
    expect(await ask()).toMatchObject({ ok: true, tries: 2 });
    limiter.hold('gitlab.test', 4_000);
    expect(await ask()).toMatchObject({ ok: true, tries: 1 });
    expect(times).toEqual([0, 9_000, 13_000]);
  });

  test('a hold longer than a caller may wait is told at once and nothing is sent', async () => {
    const clock = jumpingClock();
    const limiter = createHostLimiter(clock);
    limiter.hold('gitlab.test', 300_000);
    let sent = 0;
    const end = await sendWithRetry(
      { method: 'GET', host: 'gitlab.test' },
      async (): Promise<Try<null>> => {
        sent += 1;
        return { ok: true, value: null };
      },
      { clock, limiter, random: () => 0.5, timeoutMs: 1_000 },
    );
    expect(sent).toBe(0);
    expect(end).toMatchObject({ ok: false, kind: 'limited', retryAfterMs: 300_000 });
    expect(await limiter.enter('other.test', 0)).toMatchObject({ ok: true });
  });

  test('an absurd hold ends at the cap', async () => {
    const clock = jumpingClock();
    const limiter = createHostLimiter(clock);
    limiter.hold('gitlab.test', 1e12);
    expect(await limiter.enter('gitlab.test', 1_000)).toEqual({
      ok: false,
      retryAfterMs: LIMITER_LIMITS.holdMs,
    });
  });

  test('eight at once, the rest in the order they came', async () => {
    const clock = jumpingClock();
    const limiter = createHostLimiter(clock);
    const order: number[] = [];
    let active = 0;
    let most = 0;
    await Promise.all(
      Array.from({ length: 30 }, async (_, index) => {
        const entry = await limiter.enter('gitlab.test', 0);
        if (!entry.ok) throw new Error('held back');
        order.push(index);
        active += 1;
        most = Math.max(most, active);
        await new Promise((resolve) => setImmediate(resolve));
        active -= 1;
        entry.leave();
      }),
    );
    expect(most).toBe(LIMITER_LIMITS.concurrent);
    expect(order).toEqual(Array.from({ length: 30 }, (_, index) => index));
  });

  test('callers that give up let the next ones through', async () => {
    const clock = jumpingClock();
    const limiter = createHostLimiter(clock, 1);
    const first = await limiter.enter('gitlab.test', 0);
    const waiting = [limiter.enter('gitlab.test', 10), limiter.enter('gitlab.test', 10)];
    limiter.hold('gitlab.test', 60_000);
    if (first.ok) first.leave();
    expect(await Promise.all(waiting)).toMatchObject([{ ok: false }, { ok: false }]);
  });
});
