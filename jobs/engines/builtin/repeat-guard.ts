/** Notices an agent that goes round in circles (threat G3). */

/** The same call this many times in a row is a circle. */
export const SAME_CALLS = 3;
/** Two calls in turn, this many times (A B A B A B), are one as well. */
export const PAIR_ROUNDS = 3;

export interface RepeatGuard {
  /** Records a call; true when it closes a circle. */
  circles(name: string, args: string): boolean;
}

/** A guard that remembers just enough calls. Arguments count as equal when their JSON value is. */
export function repeatGuard(): RepeatGuard {
  const recent: string[] = [];
  return {
    circles(name, args) {
      recent.push(`${name} ${canonical(args)}`);
      if (recent.length > PAIR_ROUNDS * 2) recent.shift();
      const tail = recent.slice(-SAME_CALLS);
      if (tail.length === SAME_CALLS && tail.every((call) => call === tail[0])) return true;
      const pairs = recent.length === PAIR_ROUNDS * 2;
      return pairs && recent.every((call, i) => call === recent[i % 2]);
    },
  };
}

function canonical(args: string): string {
  try {
    return JSON.stringify(sorted(JSON.parse(args)));
  } catch {
    return args;
  }
}

/** Keys in order; null properties dropped, since null means "left out" in every tool. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).filter(([, inner]) => inner !== null);
  entries.sort(([a], [b]) => (a < b ? -1 : 1));
  return entries.map(([key, inner]) => [key, sorted(inner)]);
}
