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

/** Most calls that are looked up at once. */
const LOOK_UP = 500;

interface Open {
  call: CallKey;
  /** Null: the call was not made, and its money is given back. */
  usage: CallUsage | null;
  tries: number;
  trying: boolean;
  /** The first try has booked the money, has failed, or takes long. */
  tried: PromiseWithResolvers<void>;
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
        const kept = await ledger.keptCalls(callIds);
        return callIds.map((callId) => kept.has(callId));
      },
      { most: LOOK_UP },
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
    const last = Promise.all([...this.#open.values()].map((open) => this.#try(open)));
    await Promise.race([last, sleep(this.#limits.closeMs, undefined, { ref: false })]);
    for (const { call, usage } of this.#open.values()) {
      this.#log.error({ ...(usage ?? call) }, 'a call is left unsettled: its hold will count');
    }
  }

  async #add(call: CallKey, usage: CallUsage | null): Promise<void> {
    const tried = Promise.withResolvers<void>();
    const open: Open = { call, usage, tries: 0, trying: false, tried };
    this.#open.set(call.callId, open);
    void this.#try(open).then((done) => done || this.#retry());
    const late = setTimeout(() => tried.resolve(), this.#limits.settleWaitMs);
    await tried.promise;
    clearTimeout(late);
  }

  /** Whether the ledger has it now, safe from a crash. */
  async #try(open: Open): Promise<boolean> {
    const { call, usage, tried } = open;
    const { callId } = call;
    open.tries += 1;
    open.trying = true;
    try {
      if (usage === null) await this.#ledger.giveBack(call);
      else await this.#ledger.settle(usage);
      tried.resolve();
      if (usage !== null && !(await this.#isKept(callId))) throw new Error('a crash took it away');
      this.#open.delete(callId);
      if (open.tries > 1) this.#log.info({ ...call, tries: open.tries }, 'a call was settled late');
      return true;
    } catch (error) {
      // The others come first now: one that can never be settled holds up nothing.
      this.#open.delete(callId);
      this.#open.set(callId, open);
      const fields = { ...(usage ?? call), tries: open.tries, message: (error as Error).message };
      if (open.tries === 1) this.#log.error(fields, 'a call was not settled; it is tried again');
      else this.#log.warn({ ...fields, open: this.#open.size }, 'a call is still not settled');
      return false;
    } finally {
      open.trying = false;
      tried.resolve();
    }
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
        const done = await this.#try(open);
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
