/** Time that a function takes of this thread alone: other programs on a busy machine do not count. */

/** Milliseconds of processor time that `work`, which must not wait for anything, takes. */
export function cpuMs(work: () => unknown): number {
  const before = process.threadCpuUsage();
  work();
  const { user, system } = process.threadCpuUsage(before);
  return (user + system) / 1000;
}

/** The same for `work` that waits for others now and then, while nothing else goes on in this thread. */
export async function cpuMsOf<T>(work: () => Promise<T>): Promise<{ ms: number; value: T }> {
  const before = process.threadCpuUsage();
  const value = await work();
  const { user, system } = process.threadCpuUsage(before);
  return { ms: (user + system) / 1000, value };
}
