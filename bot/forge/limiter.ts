/** Shares one host between all callers: so many requests at once, and none while it said to wait. */
import type { Clock } from './clock.ts';

export const LIMITER_LIMITS = {
  /** Requests under way to one host at the same time. */
  concurrent: 8,
  /** Longest time one answer can hold a host back, whatever number it names. */
  holdMs: 15 * 60_000,
} as const;

export type Entry =
  /** Go on, and call `leave` exactly once at the end; `heldMs` was spent waiting for a hold. */
  | { ok: true; heldMs: number; leave(): void }
  /** The host is held back longer than `patienceMs`. */
  | { ok: false; retryAfterMs: number };

export interface HostLimiter {
  /** Waits for a free place, first come first served, then for the end of a hold. Never throws. */
  enter(host: string, patienceMs: number): Promise<Entry>;
  /** No request to the host for so many milliseconds from now; the longest hold counts. */
  hold(host: string, ms: number): void;
}

interface HostState {
  active: number;
  waiting: (() => void)[];
  heldUntil: number;
}

/** One limiter per process and forge; pass the same one to drivers that share a host. */
export function createHostLimiter(
  clock: Clock,
  concurrent: number = LIMITER_LIMITS.concurrent,
): HostLimiter {
  const hosts = new Map<string, HostState>();

  const stateOf = (host: string): HostState => {
    let state = hosts.get(host);
    if (!state) {
      state = { active: 0, waiting: [], heldUntil: 0 };
      hosts.set(host, state);
    }
    return state;
  };

  // A place is handed over, not freed, so that a newcomer cannot overtake those who wait.
  const leave = (state: HostState): void => {
    const next = state.waiting.shift();
    if (next) next();
    else state.active -= 1;
  };

  return {
    async enter(host, patienceMs) {
      const state = stateOf(host);
      if (state.active < concurrent) state.active += 1;
      else await new Promise<void>((resolve) => state.waiting.push(resolve));
      let heldMs = 0;
      for (;;) {
        const waitMs = state.heldUntil - clock.now();
        if (waitMs <= 0) return { ok: true, heldMs, leave: () => leave(state) };
        if (heldMs + waitMs > patienceMs) {
          leave(state);
          return { ok: false, retryAfterMs: waitMs };
        }
        await clock.sleep(waitMs);
        heldMs += waitMs;
      }
    },
    hold(host, ms) {
      const state = stateOf(host);
      const until = clock.now() + Math.min(ms, LIMITER_LIMITS.holdMs);
      state.heldUntil = Math.max(state.heldUntil, until);
    },
  };
}
