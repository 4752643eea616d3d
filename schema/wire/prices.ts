/** The price table of config/settings.yaml: what one million tokens of a model cost, in dollars. */
import * as z from 'zod';

/** Dollars per million tokens; six decimals are finer than any published price. */
const Usd = z
  .number()
  .min(0)
  .max(10_000)
  .refine((usd) => Math.abs(usd * 1e6 - Math.round(usd * 1e6)) < 1e-3, {
    message: 'has more than six decimals',
  });

export const ModelPrice = z.strictObject({
  /** Input tokens that were neither read from the provider's cache nor written to it. */
  input: Usd,
  /** Input tokens read from the cache. */
  cachedInput: Usd,
  /** Input tokens written to the cache for its default time (Anthropic 5 min, OpenAI 30 min). */
  cacheWrite: Usd,
  /** Input tokens written to the cache for the longer time (Anthropic 1 h, OpenAI 12 h). */
  cacheWriteLong: Usd,
  /** Output tokens, reasoning included. */
  output: Usd,
  /** A request with more input tokens than `aboveTokens` pays more for all of its tokens. */
  longPrompt: z
    .strictObject({
      aboveTokens: z.int().positive(),
      /** Multiplies input, cached input and cache writes. */
      inputFactor: z.number().min(1).max(100),
      outputFactor: z.number().min(1).max(100),
    })
    .optional(),
});
export type ModelPrice = z.infer<typeof ModelPrice>;

const Models = z.record(z.string().min(1).max(200), ModelPrice);

/** Model names as the provider's API spells them; a model that is not here cannot be used. */
export const PriceTable = z.strictObject({ openai: Models, anthropic: Models });
export type PriceTable = z.infer<typeof PriceTable>;
