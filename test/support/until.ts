/** Waiting for a condition instead of for a time. */
const POLL_MS = 10;

/** Something took longer than it may, which another load of the machine can explain. */
export class TooLate extends Error {
  override name = 'TooLate';
}

/** Resolves when `condition` holds; rejects with TooLate after `ms` milliseconds, saying what was waited for. */
export async function until(
  condition: () => boolean | Promise<boolean>,
  ms: number,
  what: string,
): Promise<void> {
  const deadline = performance.now() + ms;
  while (!(await condition())) {
    if (performance.now() > deadline) throw new TooLate(`Waited ${ms} ms for ${what}.`);
    await new Promise((resolve) => {
      setTimeout(resolve, POLL_MS);
    });
  }
}
