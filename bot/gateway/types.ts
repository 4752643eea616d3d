/** What the gateway needs from the rest of the bot, and the words its files share. */
import type { ModelRoute } from '../../schema/wire/job-api.ts';
import type { PriceTable } from '../../schema/wire/prices.ts';
import type { Cooled } from '../domain/cool-downs.ts';
import type { CallKey, Hold, Reservation } from '../store/budgets.ts';
import type { CallUsage } from '../store/usage.ts';
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

/** A call that money is held for, before it is made. */
export type CallToHold = Pick<Hold, 'callId' | 'provider' | 'model' | 'microusd'>;

/** Money and rights, kept by the store. Amounts are whole micro-dollars. */
export interface Ledger {
  /** `tokenHash` is the SHA-256 of the whole token; null once the attempt is over. */
  authorize(tokenHash: Buffer): Promise<Grant | null>;
  /**
   * Holds money for one call on all levels; never lets spent and held money together exceed the cap of
   * the task, the run, or the day of the repository or the installation.
   */
  reserve(grant: Grant, call: CallToHold): Promise<Reservation>;
  /**
   * Writes down what a call used, and replaces what was held for it by what it cost; once, however often it
   * is asked for.
   */
  settle(usage: CallUsage): Promise<void>;
  /** Which of these calls are settled for good. */
  keptCalls(callIds: readonly string[]): Promise<ReadonlySet<string>>;
  /** Frees what is held for a call that was not made. */
  giveBack(call: CallKey): Promise<void>;
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
