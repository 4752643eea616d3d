/** At most so many at once; the others wait, first come first served. */

/**
 * Runs what it is given when it is its turn, and passes on its outcome. Answers null at once when
 * `mostWaiting` wait already; by default everybody may.
 */
export function createTurns(
  atOnce: number,
  mostWaiting = Infinity,
): <T>(work: () => Promise<T>) => Promise<T> | null {
  const waiting: (() => void)[] = [];
  let free = atOnce;
  const inTurn = async <T>(work: () => Promise<T>): Promise<T> => {
    if (free > 0) free -= 1;
    else await new Promise<void>((resolve) => waiting.push(resolve));
    try {
      return await work();
    } finally {
      const next = waiting.shift();
      if (next) next();
      else free += 1;
    }
  };
  return (work) => (free === 0 && waiting.length >= mostWaiting ? null : inTurn(work));
}
