import { expect, test } from '@jest/globals';
import { toFailure, withIdle } from '../../../jobs/engines/failures.ts';
import { ModelFailure } from '../../../jobs/engines/model.ts';

const open = new AbortController().signal;

test.each<[string, unknown, string, RegExp]>([
  ['our own', new ModelFailure('cut', 'half'), 'cut', /^half$/],
  ['401', { status: 401 }, 'revoked', /no longer knows/],
  [
    'budget, OpenAI SDK',
    { status: 403, code: 'budget_exceeded', error: { code: 'budget_exceeded', message: 'Over' } },
    'budget',
    /^Over$/,
  ],
  [
    'budget, Anthropic SDK',
    { status: 403, error: { error: { code: 'budget_exceeded', message: 'Over' } } },
    'budget',
    /^Over$/,
  ],
  ['another 403', { status: 403, error: { code: 'no', message: 'No' } }, 'provider', /^403/],
  ['429 of a proxy', { status: 429 }, 'gateway', /^429/],
  ['503', { status: 503 }, 'gateway', /^503/],
  ['400', { status: 400 }, 'provider', /^400/],
  [
    'a cooling model, OpenAI SDK',
    { status: 429, error: { code: 'model_cooling', message: 'Left alone', wait_ms: 90 } },
    'cooling',
    /^Left alone$/,
  ],
  [
    'a cooling model, Anthropic SDK',
    { status: 403, error: { error: { message: 'The key is refused', wait_ms: 90 } } },
    'cooling',
    /^The key is refused$/,
  ],
  ['the network', new Error('terminated'), 'cut', /terminated/],
  ['a thing', 'odd', 'cut', /odd/],
])('%s is %s', (_, error, kind, message) => {
  const failure = toFailure(error, open);
  expect(failure.kind).toBe(kind);
  expect(failure.message).toMatch(message);
});

test('without any answer the gateway is to blame, and a cooling model says for how long', () => {
  expect(toFailure(new Error('Connection error.'), open, true).kind).toBe('gateway');
  const error = { status: 429, error: { wait_ms: 1234 } };
  expect(toFailure(error, open, true)).toMatchObject({ kind: 'cooling', waitMs: 1234 });
});

test('our own abort is not the provider’s fault', () => {
  expect(toFailure(new Error('x'), AbortSignal.abort()).kind).toBe('aborted');
});

test('a silent stream is cut and its source is closed; a slow one is not', async () => {
  let closed = false;
  async function* source(pauses: number[]): AsyncGenerator<number> {
    try {
      for (const pause of pauses) {
        await new Promise((resolve) => setTimeout(resolve, pause));
        yield pause;
      }
    } finally {
      closed = true;
    }
  }
  const seen: number[] = [];
  const read = async (pauses: number[]): Promise<void> => {
    for await (const value of withIdle(source(pauses), 150)) seen.push(value);
  };
  await read([1, 60, 60, 60]);
  expect({ seen, closed }).toEqual({ seen: [1, 60, 60, 60], closed: true });
  closed = false;
  await expect(read([1, 400])).rejects.toMatchObject({
    kind: 'cut',
    message: 'no data for 0.15 s',
  });
  await new Promise((resolve) => setTimeout(resolve, 400));
  expect(closed).toBe(true);
});
