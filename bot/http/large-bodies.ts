/** The memory that large bodies are read into: so much, made when it is needed, and used again and again. */
import { createTurns } from './turns.ts';

export interface LargeBodiesOptions {
  /** Largest body. */
  bytes: number;
  /** Bodies that are in memory at once. */
  atOnce: number;
  /** Requests that may wait unread for their turn. */
  mostWaiting: number;
  /** Milliseconds after which memory that nobody used is given back. */
  idleMs: number;
}

export interface LargeBodies {
  /** Largest body. */
  readonly bytes: number;
  /**
   * Runs what it is given when there is memory for its body, which is free for others again when it ends.
   * Null at once when too many wait.
   */
  run<T>(work: (memory: Buffer) => Promise<T>): Promise<T> | null;
}

/**
 * A body of its own for each would be garbage of megabytes, and the collector, which goes by the small heads
 * of buffers, is late for that.
 */
export function createLargeBodies(options: LargeBodiesOptions): LargeBodies {
  const { bytes, atOnce, mostWaiting, idleMs } = options;
  const turns = createTurns(atOnce, mostWaiting);
  let free: Buffer<ArrayBuffer>[] = [];
  const giveBack = (): void => {
    for (const { buffer } of free) buffer.transfer(0);
    free = [];
  };
  let idle: NodeJS.Timeout | undefined;
  return {
    bytes,
    run: (work) =>
      turns(async () => {
        const memory = free.pop() ?? Buffer.allocUnsafeSlow(bytes);
        try {
          return await work(memory);
        } finally {
          free.push(memory);
          clearTimeout(idle);
          idle = setTimeout(giveBack, idleMs).unref();
        }
      }),
  };
}
