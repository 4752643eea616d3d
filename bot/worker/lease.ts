/**
 * Short leases, renewed while the work goes on: a process that was killed is made up for within
 * seconds, and a slow one loses nothing. A lease that was lost all the same is found out by the writes,
 * which name their owner or fence.
 */

/** How long the work of a killed process lies still; then any other process may take it over. */
export const LEASE_SECONDS = 4;
const RENEW_EVERY_MS = 1_000;

/**
 * Does `work` and calls `renew` again and again until it ends. `renew` says false when the lease is
 * lost; a renewal that fails is tried again at the next turn.
 */
export async function whileLeased<T>(
  renew: () => Promise<boolean>,
  work: () => Promise<T>,
): Promise<T> {
  const timer = setInterval(() => {
    renew().then(
      (held) => {
        if (!held) clearInterval(timer);
      },
      () => undefined,
    );
  }, RENEW_EVERY_MS);
  timer.unref();
  try {
    return await work();
  } finally {
    clearInterval(timer);
  }
}
