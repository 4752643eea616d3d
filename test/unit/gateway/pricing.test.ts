import { readFileSync } from 'node:fs';
import { expect, test } from '@jest/globals';
import { parse } from 'yaml';
import { costMicrousd, worstCaseMicrousd } from '../../../bot/gateway/pricing.ts';
import { ModelPrice, PriceTable } from '../../../schema/wire/prices.ts';

const prices = PriceTable.parse({
  openai: {
    plain: { input: 2, cachedInput: 0.1, cacheWrite: 2.5, cacheWriteLong: 5, output: 10 },
    long: {
      ...{ input: 0.1, cachedInput: 0.01, cacheWrite: 0.125, cacheWriteLong: 0.2, output: 0.5 },
      longPrompt: { aboveTokens: 1000, inputFactor: 5, outputFactor: 2 },
    },
  },
  anthropic: {},
});
const usage = (input: number, cached = 0, write = 0, long = 0, output = 0) => ({
  inputTokens: input,
  cachedInputTokens: cached,
  cacheWriteTokens: write,
  cacheWriteLongTokens: long,
  outputTokens: output,
});

test.each([
  ['plain', usage(0), 0],
  ['plain', usage(1_000_000), 2_000_000],
  ['plain', usage(1000, 400, 100, 100, 50), 400 * 2 + 40 + 250 + 500 + 500],
  // Fractions are rounded up, and only once.
  ['plain', usage(1, 1), 1],
  ['plain', usage(3, 3), 1],
  ['plain', usage(10, 10), 1],
  ['plain', usage(11, 11), 2],
  // Sums of 0.1 stay exact.
  ['long', usage(30), 3],
  ['long', usage(1000, 0, 0, 0, 100), 150],
  ['long', usage(1001, 0, 0, 0, 1000), Math.ceil(500.5 + 1000)],
  // A report that counts more cached than input tokens costs no less than the cached ones.
  ['plain', usage(10, 100), 10],
])('%s %j costs %i micro-dollars', (model, tokens, cost) => {
  expect(costMicrousd(prices, 'openai', model, tokens)).toBe(cost);
});

test.each(['other', 'constructor', '__proto__', 'toString'])('%s has no price', (model) => {
  expect(costMicrousd(prices, 'openai', model, usage(1))).toBeNull();
});

test('the worst case is never below what any division of the tokens costs', () => {
  for (const model of ['plain', 'long']) {
    const price = prices.openai[model]!;
    for (const input of [1, 999, 1000, 1001, 5000]) {
      const worst = worstCaseMicrousd(price, input, 300);
      for (const tokens of [
        usage(input, 0, 0, 0, 300),
        usage(input, input, 0, 0, 300),
        usage(input, 0, input, 0, 300),
        usage(input, 0, 0, input, 299),
      ]) {
        expect(costMicrousd(prices, 'openai', model, tokens)).toBeLessThanOrEqual(worst);
      }
    }
  }
});

test('the shipped price table is complete and in proportion', () => {
  const file = new URL('../../../config/settings.yaml', import.meta.url);
  const table = PriceTable.parse((parse(readFileSync(file, 'utf8')) as { prices: unknown }).prices);
  const models = [...Object.values(table.openai), ...Object.values(table.anthropic)];
  expect(models.length).toBeGreaterThan(8);
  for (const price of models) {
    expect(price.cachedInput).toBeLessThanOrEqual(price.input);
    expect(price.cacheWrite).toBeGreaterThanOrEqual(price.input);
    expect(price.cacheWriteLong).toBeGreaterThanOrEqual(price.cacheWrite);
    expect(price.output).toBeGreaterThan(price.input);
  }
});

test('prices finer than six decimals or below zero are refused', () => {
  const price = { input: 1, cachedInput: 0, cacheWrite: 1, cacheWriteLong: 1, output: 1 };
  expect(ModelPrice.safeParse(price).success).toBe(true);
  expect(ModelPrice.safeParse({ ...price, input: 0.0000001 }).success).toBe(false);
  expect(ModelPrice.safeParse({ ...price, output: -1 }).success).toBe(false);
  expect(ModelPrice.safeParse({ ...price, outputs: 1 }).success).toBe(false);
});
