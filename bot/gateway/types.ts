/** What the gateway needs from the rest of the bot, and the words its files share. */
import type { ModelRoute } from '../../schema/wire/job-api.ts';
import type { PriceTable } from '../../schema/wire/prices.ts';
import type { Cooled } from '../domain/cool-downs.ts';
import type { Reservation } from '../store/budgets.ts';
import type { CoolDownStore } from './cool-downs.ts';
import type { GatewayLimits } from './limits.ts';
import type { Provider } from './pricing.ts';

/** The wire formats the gateway speaks. */
export type Api = 'responses' | 'chat' | 'messages';

/** What a live attempt token allows. */
export interface Grant {
  attemptId: number;
  taskId: number;
  runId: number;
  repoId: number;
  /** What the repository may spend in a day, as it was when the run started. */
  repoDayCapMicrousd: number;
  /** The models of the attempt's spec; no other can be called. */
  models: readonly ModelRoute[];
}

/**
 * `cut`: the answer ended early, tokens are the best known; `refused`: the provider answered with an
 * error or not at all, no tokens.
 */
export type UsageOutcome = 'ok' | 'cut' | 'refused';

/** One row of the table `usage` (schema/sql/0001_init.sql). */
export interface UsageRow {
  attemptId: number;
  taskId: number;
  runId: number;
  repoId: number;
  provider: Provider;
  model: string;
  /** All input tokens; the cached ones are part of them. */
  inputTokens: number;
  cachedInputTokens: number;
  outputTokens: number;
  costMicrousd: number;
  outcome: UsageOutcome;
}

/** Money and rights, kept by the store. Amounts are whole micro-dollars. */
export interface Ledger {
  /** `tokenHash` is the SHA-256 of the whole token; null once the attempt is over. */
  authorize(tokenHash: Buffer): Promise<Grant | null>;
  /**
   * Holds money for one call on all levels; never lets spent and held money together exceed the cap of
   * the task, the run, or the day of the repository or the installation.
   */
  reserve(grant: Grant, microusd: number): Promise<Reservation>;
  /** Replaces what was held for a call by what it cost; called exactly once per reservation. */
  settle(grant: Grant, call: { hold: number; spent: number }): Promise<void>;
  record(row: UsageRow): Promise<void>;
  /** Keeps with the attempt that a model could not be called, for people to read. */
  cooled(grant: Grant, route: ModelRoute, cooled: Cooled): Promise<void>;
}

/** Where a provider is reached. OpenAI's base URL includes `/v1`, Anthropic's does not. */
export interface ProviderAccess {
  baseUrl: string;
  apiKey: string;
}

export interface GatewayLog {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

export interface GatewayDeps {
  ledger: Ledger;
  /** Where cool-downs are shared with the other processes. */
  coolDowns: CoolDownStore;
  /** null: no key is configured for this provider. */
  providers: Record<Provider, ProviderAccess | null>;
  prices: PriceTable;
  /** What differs from DEFAULT_LIMITS. */
  limits?: Partial<GatewayLimits>;
  log: GatewayLog;
  /** Milliseconds; only differences are used. */
  now: () => number;
  fetch?: typeof fetch;
}

/** A request the gateway answers itself, with an error for people and programs. */
export interface Refusal {
  status: number;
  code: string;
  /** What is the case and why. */
  message: string;
  /** What to do about it. */
  fix: string;
  /** For models that are left alone: until when, and how long that is. */
  cooling?: { until: Date; waitMs: number };
}
