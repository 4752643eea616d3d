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
  ['429', { status: 429 }, 'provider', /^429/],
  ['the network', new Error('terminated'), 'cut', /terminated/],
  ['a thing', 'odd', 'cut', /odd/],
])('%s is %s', (_, error, kind, message) => {
  const failure = toFailure(error, open);
  expect(failure.kind).toBe(kind);
  expect(failure.message).toMatch(message);
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
