/**
 * Short leases, renewed while the work goes on: a process that was killed is made up for within
 * seconds, and a slow one loses nothing. A lease that was lost all the same is found out by the writes:
 * those to the database name their owner or fence, and those to the forge ask `requireLease` first.
 */
import { AsyncLocalStorage } from 'node:async_hooks';

/** How long the work of a killed process lies still; then any other process may take it over. */
export const LEASE_SECONDS = 4;
const RENEW_EVERY_MS = 1_000;
/** Before the lease may have run out by so much, a write is not sent without asking. */
const MARGIN_MS = 500;

/** Another process holds the lease now; this one must not write. */
export class LeaseLost extends Error {
  constructor() {
    super('the lease was lost; another process goes on');
    this.name = 'LeaseLost';
  }
}

interface Held {
  /** Until then nobody else can have taken it, in milliseconds of `performance.now()`. */
  sureUntil: number;
  renew(): Promise<boolean>;
}

const current = new AsyncLocalStorage<Held>();

/**
 * Does `work` and calls `renew` again and again until it ends. `since` is `performance.now()` from before
 * the claim. `renew` says false when the lease is lost; a renewal that fails is tried again at the next turn.
 */
export async function whileLeased<T>(
  since: number,
  renew: () => Promise<boolean>,
  work: () => Promise<T>,
): Promise<T> {
  const held: Held = {
    sureUntil: since + LEASE_SECONDS * 1000,
    renew: async () => {
      const asked = performance.now();
      const renewed = await renew();
      if (renewed) held.sureUntil = asked + LEASE_SECONDS * 1000;
      return renewed;
    },
  };
  const timer = setInterval(() => {
    held.renew().then(
      (renewed) => {
        if (!renewed) clearInterval(timer);
      },
      () => undefined,
    );
  }, RENEW_EVERY_MS);
  timer.unref();
  try {
    return await current.run(held, work);
  } finally {
    clearInterval(timer);
  }
}

/**
 * Call it right before a write leaves the bot. A process that was stopped for a while, or whose event loop
 * was blocked, wakes up in the middle of its work: the database is asked then whether the lease is still
 * its own. Outside of `whileLeased` it does nothing.
 * @throws LeaseLost when it is not; the database's error when it cannot be asked
 */
export async function requireLease(): Promise<void> {
  const held = current.getStore();
  if (held === undefined) return;
  while (performance.now() > held.sureUntil - MARGIN_MS) {
    if (!(await held.renew())) throw new LeaseLost();
  }
}
