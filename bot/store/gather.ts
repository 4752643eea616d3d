/** Many small writes as few larger ones, without making anyone wait for company. */
import { setTimeout as sleep } from 'node:timers/promises';

export interface GatherOptions<Item> {
  /** Most weight of one call; an item that is heavier goes alone. */
  most: number;
  /** Default: every item weighs 1. */
  weight?: (item: Item) => number;
  /** Milliseconds from the end of a call for several to the next call, in which more can come; default 0. */
  restMs?: number;
}

/**
 * Turns a function for many items into one for a single item. What comes at the same moment goes at once; what comes
 * while a call is under way waits and goes together in the next one. `send` answers in the order of its
 * items. When a call for several fails, each is sent alone, so that one bad item fails only itself;
 * `send` must therefore be safe to repeat.
 */
export function gather<Item, Answer>(
  send: (items: Item[]) => Promise<Answer[]>,
  options: GatherOptions<Item>,
): (item: Item) => Promise<Answer> {
  interface Waiting {
    item: Item;
    done: PromiseWithResolvers<Answer>;
  }
  const weight = options.weight ?? (() => 1);
  let waiting: Waiting[] = [];
  const { restMs = 0 } = options;
  let busy = false;

  const next = (): Waiting[] => {
    let sum = 0;
    let count = 0;
    for (const { item } of waiting) {
      sum += weight(item);
      if (count > 0 && sum > options.most) break;
      count += 1;
    }
    const batch = waiting.slice(0, count);
    waiting = waiting.slice(count);
    return batch;
  };
  const settle = async (batch: readonly Waiting[]): Promise<void> => {
    try {
      const answers = await send(batch.map(({ item }) => item));
      for (const [index, { done }] of batch.entries()) done.resolve(answers[index] as Answer);
    } catch (error) {
      if (batch.length === 1) batch[0]?.done.reject(error);
      else await Promise.all(batch.map((one) => settle([one])));
    }
  };
  const run = async (): Promise<void> => {
    busy = true;
    // What the same moment brings goes along.
    await Promise.resolve();
    while (waiting.length > 0) {
      const batch = next();
      await settle(batch);
      if (batch.length > 1 && restMs > 0) await sleep(restMs);
    }
    busy = false;
  };
  return (item) => {
    const done = Promise.withResolvers<Answer>();
    waiting.push({ item, done });
    if (!busy) void run();
    return done.promise;
  };
}
