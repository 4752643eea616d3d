/** A balancer in front of the bot: it asks each process whether it is ready, and sends only to those that are. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Life } from './lives.ts';
import type { Proxy } from './proxy.ts';

/** Between two checks of a process, and how long one may take: a busy machine takes its time. */
const CHECK_MS = 2_000;
const SILENT_MS = 5_000;
/**
 * What a process has to be given to say that it stops, in whole seconds: its last good answer may have come
 * right before it was told to, two more checks, and the time that a busy machine takes for them.
 */
export const SHUTDOWN_DELAY_SECONDS = 5;

/**
 * Starts to check the processes that listen, and goes on until the function that it resolves to is called, or all
 * processes are gone. Each has been checked once when it resolves.
 */
export async function startBalancer(
  proxy: Proxy,
  lives: readonly Life[],
): Promise<() => Promise<void>> {
  const all = proxy.targets;
  const ready = new Set(all);
  let told = false;
  const going = (): boolean => !told && lives.some((life) => life.alive());
  const check = async (port: number): Promise<void> => {
    const answer = await isReady(port);
    // One that says nothing stays what it was.
    if (answer === true) ready.add(port);
    if (answer === false) ready.delete(port);
    proxy.targets = all.filter((one) => ready.has(one));
  };
  await Promise.all(all.map(check));
  const work = all.map(async (port) => {
    for (; going(); await sleep(CHECK_MS)) await check(port);
  });
  return async () => {
    told = true;
    await Promise.all(work);
    proxy.targets = all;
  };
}

/** Null when nothing came in time. */
async function isReady(port: number): Promise<boolean | null> {
  try {
    const answer = await fetch(`http://127.0.0.1:${port}/readyz`, {
      headers: { Connection: 'close' },
      signal: AbortSignal.timeout(SILENT_MS),
    });
    await answer.body?.cancel();
    return answer.ok;
  } catch (error) {
    return error instanceof Error && error.name === 'TimeoutError' ? null : false;
  }
}
