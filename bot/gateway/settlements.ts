/**
 * What calls cost, on its way to the ledger: it is kept here until the ledger has it, however long the
 * database is away. What a process takes with it when it dies is counted by its hold
 * (schema/sql/0006_calls.sql).
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { CallKey } from '../store/budgets.ts';
import { gather } from '../store/gather.ts';
import type { CallUsage } from '../store/usage.ts';
import type { GatewayLimits } from './limits.ts';
import type { GatewayLog, Ledger } from './types.ts';

type Limits = Pick<
  GatewayLimits,
  'openSettlements' | 'settleWaitMs' | 'settleRetryMs' | 'settleRetryMostMs' | 'closeMs'
>;

/** Most calls that are looked up at once, and how long others may come before they are. */
const LOOK_UP = { calls: 500, afterMs: 50 };

/**
 * Resolves with `work`, or after so many milliseconds without it. Keeps the process alive until then: a
 * database that is away leaves nothing else that does.
 */
export async function within(ms: number, work: Promise<unknown>): Promise<void> {
  const over = new AbortController();
  const late = sleep(ms, undefined, { signal: over.signal }).catch(() => undefined);
  await Promise.race([work, late]);
  over.abort();
}

interface Open {
  call: CallKey;
  /** Null: the call was not made, and its money is given back. */
  usage: CallUsage | null;
  tries: number;
  trying: boolean;
}

export class Settlements {
  readonly #ledger: Ledger;
  readonly #limits: Limits;
  readonly #log: GatewayLog;
  /** By call, the one that waits longest first. */
  readonly #open = new Map<string, Open>();
  readonly #isKept: (callId: string) => Promise<boolean>;
  readonly #closing = new AbortController();
  #retrying = false;

  constructor(ledger: Ledger, limits: Limits, log: GatewayLog) {
    this.#ledger = ledger;
    this.#limits = limits;
    this.#log = log;
    this.#isKept = gather(
      async (callIds: string[]) => {
        await sleep(LOOK_UP.afterMs);
        const kept = await ledger.keptCalls(callIds);
        return callIds.map((callId) => kept.has(callId));
      },
      { most: LOOK_UP.calls },
    );
  }

  /**
   * True while as many calls wait as may: then no other call may begin, so that memory is bounded and
   * nothing is dropped. Calls that began before still settle.
   */
  get full(): boolean {
    return this.#open.size >= this.#limits.openSettlements;
  }

  /**
   * Settles a call, now or in the background. Resolves when its money is booked, the first try failed, or
   * `settleWaitMs` are over; never rejects.
   */
  settle(usage: CallUsage): Promise<void> {
    return this.#add(usage, usage);
  }

  /** Frees what may be held for a call that was not made; otherwise as `settle`. */
  giveBack(call: CallKey): Promise<void> {
    return this.#add(call, null);
  }

  /**
   * Tries what is left once more, for at most `closeMs`, and names what stays unsettled in the log. Nothing
   * is tried in the background any more.
   */
  async close(): Promise<void> {
    this.#closing.abort();
    const last = Promise.all([...this.#open.values()].map((open) => this.#try(open).kept));
    await within(this.#limits.closeMs, last);
    for (const { call, usage } of this.#open.values()) {
      this.#log.error({ ...(usage ?? call) }, 'a call is left unsettled: its hold will count');
    }
  }

  async #add(call: CallKey, usage: CallUsage | null): Promise<void> {
    const open: Open = { call, usage, tries: 0, trying: false };
    this.#open.set(call.callId, open);
    const waited = Promise.withResolvers<void>();
    const late = setTimeout(() => waited.resolve(), this.#limits.settleWaitMs);
    void this.#try(open).booked.then(() => waited.resolve());
    await waited.promise;
    clearTimeout(late);
  }

  /** Whether its money is booked now, and whether that is safe from a crash; neither ever rejects. */
  #try(open: Open): { booked: Promise<boolean>; kept: Promise<boolean> } {
    open.tries += 1;
    open.trying = true;
    const booked = this.#book(open);
    return { booked, kept: booked.then(async (done) => done && this.#confirm(open)) };
  }

  async #book(open: Open): Promise<boolean> {
    const { call, usage } = open;
    try {
      if (usage === null) await this.#ledger.giveBack(call);
      else await this.#ledger.settle(usage);
      return true;
    } catch (error) {
      return this.#failed(open, error);
    }
  }

  async #confirm(open: Open): Promise<boolean> {
    const { call, usage, tries } = open;
    try {
      if (usage !== null && !(await this.#isKept(call.callId))) {
        throw new Error('a crash of the database took it away');
      }
    } catch (error) {
      return this.#failed(open, error);
    }
    this.#open.delete(call.callId);
    if (tries > 1) this.#log.info({ ...call, tries }, 'a call was settled late');
    return true;
  }

  #failed(open: Open, error: unknown): false {
    const { call, usage, tries } = open;
    open.trying = false;
    // Another try had it settled meanwhile.
    if (!this.#open.delete(call.callId)) return false;
    // The others come first now: one that can never be settled holds up nothing.
    this.#open.set(call.callId, open);
    const fields = { ...(usage ?? call), tries, message: (error as Error).message };
    if (tries === 1) this.#log.error(fields, 'a call was not settled; it is tried again');
    else this.#log.warn({ ...fields, open: this.#open.size }, 'a call is still not settled');
    this.#retry();
    return false;
  }

  #retry(): void {
    if (this.#retrying || this.#closing.signal.aborted) return;
    this.#retrying = true;
    void this.#work();
  }

  /** One at a time, so that a database that comes back is not run over; a failure makes it wait. */
  async #work(): Promise<void> {
    const { signal } = this.#closing;
    const { settleRetryMs, settleRetryMostMs } = this.#limits;
    let failures = 1;
    for (;;) {
      const most = Math.min(settleRetryMostMs, settleRetryMs * 2 ** (failures - 1));
      const waitMs = most * (0.5 + Math.random() / 2);
      await sleep(waitMs, undefined, { signal, ref: false }).catch(() => undefined);
      let open = this.#longest();
      while (open !== undefined && !signal.aborted) {
        const done = await this.#try(open).booked;
        failures = done ? 1 : failures + 1;
        if (!done) break;
        open = this.#longest();
      }
      if (open === undefined || signal.aborted) break;
    }
    this.#retrying = false;
  }

  #longest(): Open | undefined {
    for (const open of this.#open.values()) if (!open.trying) return open;
    return undefined;
  }
}
