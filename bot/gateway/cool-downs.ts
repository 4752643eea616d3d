/**
 * The gateway's view of the cool-downs that all processes share: remembered for a moment, so that a call
 * costs no query while nothing is wrong. When the time of one is over, one call goes first and the rest
 * wait for what becomes of it.
 */
import { coolingNow } from '../domain/cool-downs.ts';
import type { ModelRoute } from '../../schema/wire/job-api.ts';
import type { CoolDownRow, NewCoolDown } from '../store/providers.ts';
import type { GatewayLimits } from './limits.ts';
import { DEFAULTS } from './taxonomy.ts';
import type { Judgement } from './taxonomy.ts';

/** Where cool-downs are kept; the store in a real installation. */
export interface CoolDownStore {
  list(): Promise<CoolDownRow[]>;
  cool(wish: NewCoolDown): Promise<CoolDownRow>;
  takeProbe(route: ModelRoute, leaseMs: number): Promise<boolean>;
  dropProbe(route: ModelRoute): Promise<void>;
  end(route: ModelRoute, ageMs: number): Promise<void>;
}

/** Time the first call after a cool-down has to begin its answer before another one may try. */
const PROBE_LEASE_MS = 60_000;
/** How often the others look how it went. */
const PROBE_LOOK_MS = 100;
/** A refusal for want of the first call's outcome names this much as its end. */
const PROBE_REFUSAL_MS = 5_000;

type Limits = Pick<GatewayLimits, 'coolDownsFreshMs' | 'coolDownsStaleMs' | 'probeWaitMs'>;

export type Admission =
  | { ok: true; probe: boolean }
  /** Until when, by this process's clock of the day. */
  | { ok: false; coolDown: CoolDownRow; until: Date };

export class CoolDowns {
  readonly #store: CoolDownStore;
  readonly #now: () => number;
  readonly #limits: Limits;
  #rows: CoolDownRow[] = [];
  /** When the rows were asked for, by `now`; null before the first time. */
  #readAt: number | null = null;
  #reading: Promise<void> | null = null;
  /** Counts what this process changed itself: a reading from before it is worth nothing. */
  #changes = 0;

  /** @param now milliseconds; only differences are used. */
  constructor(store: CoolDownStore, now: () => number, limits: Limits) {
    this.#store = store;
    this.#now = now;
    this.#limits = limits;
  }

  /** Begins to read what `admit` will need, beside what else a call needs before it. */
  lookAhead(): void {
    void this.#refresh(this.#limits.coolDownsFreshMs, Number.POSITIVE_INFINITY);
  }

  /**
   * Whether a model may be called now. Waits while another call finds out whether a cool-down is over.
   * What cannot be read does not stop a call: the provider will say no itself.
   */
  async admit(route: ModelRoute, signal: AbortSignal): Promise<Admission> {
    const { probeWaitMs, coolDownsFreshMs, coolDownsStaleMs } = this.#limits;
    const waitUntil = this.#now() + probeWaitMs;
    for (let first = true; ; first = false) {
      await this.#refresh(
        first ? coolDownsFreshMs : Math.min(coolDownsFreshMs, PROBE_LOOK_MS),
        first ? coolDownsStaleMs : 0,
      );
      const own = this.#rows.filter(
        (row) => row.provider === route.provider && [null, route.model].includes(row.model),
      );
      if (own.length === 0) return { ok: true, probe: false };
      const cooling = this.#cooling(route, own);
      if (cooling !== null) return cooling;
      if (signal.aborted) return { ok: true, probe: false };
      if (await this.#store.takeProbe(route, PROBE_LEASE_MS)) return { ok: true, probe: true };
      if (this.#now() >= waitUntil) {
        const until = new Date(Date.now() + PROBE_REFUSAL_MS);
        return { ok: false, coolDown: own[0] as CoolDownRow, until };
      }
      await new Promise((resolve) => setTimeout(resolve, PROBE_LOOK_MS));
    }
  }

  /** Begins a cool-down for what a call met; the call was made `ageMs` ago. */
  async failed(route: ModelRoute, judgement: Judgement, ageMs: number): Promise<CoolDownRow> {
    const { scope, ...rest } = judgement;
    const row = await this.#store.cool({
      ...rest,
      ...DEFAULTS[judgement.reason],
      provider: route.provider,
      model: scope === 'provider' ? null : route.model,
      ageMs,
    });
    this.#forget();
    return row;
  }

  /** A call was answered: a cool-down that was over before it was made has ended for good. */
  async answered(route: ModelRoute, probe: boolean, ageMs: number): Promise<void> {
    const known = this.#rows.some(
      (row) => row.provider === route.provider && [null, route.model].includes(row.model),
    );
    if (!probe && !known) return;
    await this.#store.end(route, ageMs);
    this.#forget();
  }

  /** The call that went first told nothing, for example because its client left. */
  async untold(route: ModelRoute): Promise<void> {
    await this.#store.dropProbe(route);
    this.#forget();
  }

  #cooling(route: ModelRoute, own: readonly CoolDownRow[]): Admission | null {
    const passed = this.#now() - (this.#readAt ?? this.#now());
    const today = Date.now();
    const rows = own.map((row) => ({ ...row, until: new Date(today + row.leftMs - passed) }));
    const coolDown = coolingNow(route, rows, new Date(today));
    return coolDown === null ? null : { ok: false, coolDown, until: coolDown.until };
  }

  #forget(): void {
    this.#changes += 1;
    this.#readAt = null;
  }

  async #refresh(freshMs: number, staleMs: number): Promise<void> {
    const age = this.#readAt === null ? Number.POSITIVE_INFINITY : this.#now() - this.#readAt;
    if (age <= freshMs) return;
    this.#reading ??= this.#read();
    if (age > staleMs) await this.#reading;
  }

  async #read(): Promise<void> {
    const askedAt = this.#now();
    const changes = this.#changes;
    try {
      const rows = await this.#store.list();
      if (changes !== this.#changes) return;
      this.#rows = rows;
      this.#readAt = askedAt;
    } catch {
      // The rows known last hold on; the next call asks again.
    } finally {
      this.#reading = null;
    }
  }
}
