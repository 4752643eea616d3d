/** Which model of a route is asked next, while providers are limited or down. */

/** A cool-down that ends so soon is waited for: another model would have to read everything anew. */
export const NEAR_MS = 5_000;
/** Waits of that kind for one model in one turn. */
export const NEAR_WAITS = 2;
/** When every model cools down, the first reset is waited for if it is so near; a runner is held meanwhile. */
export const RESET_WAIT_MS = 60_000;
/** All such waits of one task together; beyond it the runner is given back. */
export const WAITS_MS = 10 * 60_000;

export type Next =
  | { kind: 'go'; at: number }
  | { kind: 'wait'; at: number; ms: number }
  /** Nothing can be asked for too long, or ever; `until` is the first reset, null when there is none. */
  | { kind: 'out'; until: number | null };

/** What one task knows of its route. Indices are those of the task's models. */
export class RouteState {
  /** Up to when each model is left alone; 0: it is not. */
  readonly #until: number[];
  /** Models that were given up since the last answer of any. */
  readonly #broken = new Set<number>();
  readonly #now: () => number;
  #waitedMs = 0;

  constructor(models: number, now: () => number) {
    this.#until = Array<number>(models).fill(0);
    this.#now = now;
  }

  cool(at: number, ms: number): void {
    this.#until[at] = this.#now() + ms;
  }

  broke(at: number): void {
    this.#broken.add(at);
  }

  /** Its cool-down is over; and as time has passed, those that were given up may be tried again. */
  answered(at: number): void {
    this.#broken.clear();
    this.#until[at] = 0;
  }

  /** The next model after `at`, in a circle, so that the first one is come back to when its time is over. */
  next(at: number): Next {
    const now = this.#now();
    const order = this.#until.map((_, step) => (at + step) % this.#until.length);
    const usable = order.filter((index) => !this.#broken.has(index));
    const free = usable.find((index) => this.#untilOf(index) <= now);
    if (free !== undefined) return { kind: 'go', at: free };
    const [first] = usable.toSorted((a, b) => this.#untilOf(a) - this.#untilOf(b));
    if (first === undefined) return { kind: 'out', until: null };
    const ms = this.#untilOf(first) - now;
    if (ms > RESET_WAIT_MS || this.#waitedMs + ms > WAITS_MS) {
      return { kind: 'out', until: this.#untilOf(first) };
    }
    this.#waitedMs += ms;
    return { kind: 'wait', at: first, ms };
  }

  #untilOf(at: number): number {
    return this.#until[at] ?? 0;
  }
}

/** Waits, but not beyond the end of the task. */
export function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const done = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener('abort', done, { once: true });
  });
}
