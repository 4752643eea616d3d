/** Work GitLab does in Sidekiq: after the answer, tracked so that a test can wait for its end. */
export interface Background {
  /** Runs `work` after `delayMs`; a failure is kept in `problems`. */
  run(name: string, work: () => Promise<void>, delayMs?: number): void;
  /** Resolves once nothing is under way. */
  idle(): Promise<void>;
  /** Failures so far: a sandbox bug, or a broken repository. */
  readonly problems: { name: string; error: unknown }[];
  /** Drops what has not begun and waits for the rest. */
  close(): Promise<void>;
}

export function createBackground(): Background {
  const underWay = new Set<Promise<void>>();
  const timers = new Map<NodeJS.Timeout, () => void>();
  const problems: { name: string; error: unknown }[] = [];
  let closed = false;

  const wait = (ms: number): Promise<void> =>
    new Promise((resolve) => {
      const timer = setTimeout(() => {
        timers.delete(timer);
        resolve();
      }, ms);
      timers.set(timer, resolve);
    });

  const idle = async (): Promise<void> => {
    while (underWay.size > 0) await Promise.all(underWay);
  };

  return {
    problems,
    run(name, work, delayMs = 0) {
      const task = (async () => {
        await wait(delayMs);
        if (!closed) await work();
      })()
        .catch((error: unknown) => {
          if (!closed) problems.push({ name, error });
        })
        .finally(() => underWay.delete(task));
      underWay.add(task);
    },
    idle,
    async close() {
      closed = true;
      for (const [timer, resolve] of timers) {
        clearTimeout(timer);
        resolve();
      }
      timers.clear();
      await idle();
    },
  };
}
