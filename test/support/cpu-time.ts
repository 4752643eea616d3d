/** Time that a function takes of this thread alone: other programs on a busy machine do not count. */

/** Milliseconds of processor time that `work`, which must not wait for anything, takes. */
export function cpuMs(work: () => unknown): number {
  const before = process.threadCpuUsage();
  work();
  const { user, system } = process.threadCpuUsage(before);
  return (user + system) / 1000;
}
