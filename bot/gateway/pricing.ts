/** What a model call costs, in whole micro-dollars, rounded up. */
import type { ModelPrice, PriceTable } from '../../schema/wire/prices.ts';

export interface TokenUsage {
  /** All input tokens: fresh, read from the cache and written to it. */
  inputTokens: number;
  cachedInputTokens: number;
  /** Written for the cache's default time. */
  cacheWriteTokens: number;
  /** Written for the cache's longer time. */
  cacheWriteLongTokens: number;
  outputTokens: number;
}

export type Provider = keyof PriceTable;

export const KEY_VARIABLES: Record<Provider, string> = {
  openai: 'OPENAI_API_KEY',
  anthropic: 'ANTHROPIC_API_KEY',
};

/**
 * A dollar per million tokens is a micro-dollar per token; prices are used as whole millionths of
 * that, so that sums stay exact.
 */
const SCALE = 1_000_000;

/** The price of a model, or null when the table does not list it. */
export function priceOf(prices: PriceTable, provider: Provider, model: string): ModelPrice | null {
  const models = prices[provider];
  return Object.hasOwn(models, model) ? (models[model] ?? null) : null;
}

/** Cost of one call in micro-dollars, or null for a model without a price. */
export function costMicrousd(
  prices: PriceTable,
  provider: Provider,
  model: string,
  usage: TokenUsage,
): number | null {
  const price = priceOf(prices, provider, model);
  return price === null ? null : costAt(price, usage);
}

/** Cost of one call at a known price, in micro-dollars. */
export function costAt(price: ModelPrice, usage: TokenUsage): number {
  const factor = factorsFor(price, usage.inputTokens);
  const { cachedInputTokens, cacheWriteTokens, cacheWriteLongTokens } = usage;
  const fresh = usage.inputTokens - cachedInputTokens - cacheWriteTokens - cacheWriteLongTokens;
  const parts: [tokens: number, usd: number][] = [
    [Math.max(0, fresh), price.input * factor.input],
    [cachedInputTokens, price.cachedInput * factor.input],
    [cacheWriteTokens, price.cacheWrite * factor.input],
    [cacheWriteLongTokens, price.cacheWriteLong * factor.input],
    [usage.outputTokens, price.output * factor.output],
  ];
  const scaled = parts.reduce((sum, [tokens, usd]) => sum + tokens * Math.round(usd * SCALE), 0);
  return Math.ceil(scaled / SCALE);
}

/**
 * The most a call can cost: every input token at the dearest input rate, and as many output tokens as
 * it may make.
 */
export function worstCaseMicrousd(
  price: ModelPrice,
  inputTokens: number,
  outputTokens: number,
): number {
  const dearest = Math.max(price.input, price.cacheWrite, price.cacheWriteLong);
  return costAt(
    { ...price, input: dearest },
    {
      inputTokens,
      cachedInputTokens: 0,
      cacheWriteTokens: 0,
      cacheWriteLongTokens: 0,
      outputTokens,
    },
  );
}

function factorsFor(price: ModelPrice, inputTokens: number): { input: number; output: number } {
  const long = price.longPrompt;
  if (long === undefined || inputTokens <= long.aboveTokens) return { input: 1, output: 1 };
  return { input: long.inputFactor, output: long.outputFactor };
}
