/** Every bound the gateway keeps. */

export interface GatewayLimits {
  /** Bytes of a request body. */
  bodyBytes: number;
  /** Time a client may take to send its body, in milliseconds. */
  bodyMs: number;
  /** Output tokens of a call that names no maximum. */
  defaultOutputTokens: number;
  /** Most output tokens of any call; larger wishes are lowered to it. */
  maxOutputTokens: number;
  /** Time to connect and to the first event of a streamed answer, in milliseconds. */
  firstMs: number;
  /** The same for an answer in one piece, whose header comes when the model is done. */
  wholeAnswerMs: number;
  /** Longest silence of a provider within an answer, or of a client that does not read, in milliseconds. */
  idleMs: number;
  /** Longest answer, in milliseconds. */
  answerMs: number;
  /** Largest single stream event, or whole answer, that is still read for its usage. */
  meterBytes: number;
  /** Bytes of a provider's error that are looked at. */
  errorBytes: number;
  /** Calls of one attempt under way at once. */
  callsPerAttempt: number;
  /** What was read of cool-downs is asked for anew after this, and used until the answer comes. */
  coolDownsFreshMs: number;
  /** What is older is not used at all: all processes agree within this time. */
  coolDownsStaleMs: number;
  /** Wait for the call that goes first after a cool-down, before a refusal. */
  probeWaitMs: number;
  /** Calls that wait to be settled; while there are as many, no other call begins. */
  openSettlements: number;
  /** Longest time for which the end of an answer waits until its money is booked, in milliseconds. */
  settleWaitMs: number;
  /** First wait before a call that was not settled is tried again; it doubles up to the other. */
  settleRetryMs: number;
  settleRetryMostMs: number;
  /** Time that a closing gateway gives to calls under way, and then to settling, in milliseconds. */
  closeMs: number;
  /** How long a look-up of a token is remembered, in milliseconds (threats F4, F9). */
  grantCacheMs: number;
  /** Tokens remembered at once. */
  grantCacheEntries: number;
}

export const DEFAULT_LIMITS: GatewayLimits = {
  bodyBytes: 16 * 1024 * 1024,
  bodyMs: 60_000,
  defaultOutputTokens: 16_000,
  maxOutputTokens: 64_000,
  // Within a minute an agent goes on with another model, whatever the first one does.
  firstMs: 45_000,
  // Below the 300 s after which Node's fetch gives up by itself.
  wholeAnswerMs: 290_000,
  idleMs: 120_000,
  answerMs: 30 * 60_000,
  meterBytes: 32 * 1024 * 1024,
  errorBytes: 64 * 1024,
  callsPerAttempt: 64,
  coolDownsFreshMs: 1_000,
  coolDownsStaleMs: 2_000,
  probeWaitMs: 20_000,
  // Some hundred bytes each.
  openSettlements: 10_000,
  settleWaitMs: 2_000,
  settleRetryMs: 100,
  settleRetryMostMs: 5_000,
  closeMs: 2_000,
  grantCacheMs: 2_000,
  grantCacheEntries: 1_000,
};

/** Bytes of text that make a token at the least; an upper bound for reservations and estimates. */
export const BYTES_PER_TOKEN = 3;
/**
 * Tokens a second charged for an answer that ended early. Reasoning is not visible in a stream, so
 * without it a client that always leaves early would think for free.
 */
export const CUT_TOKENS_PER_SECOND = 100;
