/** A balancer in front of the bot: it asks each process whether it is ready, and sends only to those that are. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Life } from './lives.ts';
import type { Proxy } from './proxy.ts';

/** Between two checks of a process, and how long one may take. */
const CHECK_MS = 500;
/**
 * What a process has to be given to say that it stops, in whole seconds: its last good answer may have come
 * right before it was told to, two more checks, and the time that a busy machine takes for them.
 */
export const SHUTDOWN_DELAY_SECONDS = 3;

/**
 * Starts to check the processes that listen, and goes on until the function that it resolves to is called, or all
 * processes are gone. The first check is over when it resolves.
 */
export async function startBalancer(
  proxy: Proxy,
  lives: readonly Life[],
): Promise<() => Promise<void>> {
  const all = proxy.targets;
  const listening = lives.filter(({ role }) => role !== 'worker');
  const check = async (): Promise<void> => {
    const answers = await Promise.all(listening.map(({ port }) => isReady(port)));
    proxy.targets = listening.filter((_, index) => answers[index]).map(({ port }) => port);
  };
  let told = false;
  const going = (): boolean => !told && lives.some((life) => life.alive());
  await check();
  const work = (async () => {
    for (; going(); await sleep(CHECK_MS)) await check();
  })();
  return async () => {
    told = true;
    await work;
    proxy.targets = all;
  };
}

async function isReady(port: number): Promise<boolean> {
  try {
    const signal = AbortSignal.timeout(CHECK_MS);
    const answer = await fetch(`http://127.0.0.1:${port}/readyz`, {
      signal,
      headers: { Connection: 'close' },
    });
    await answer.body?.cancel();
    return answer.ok;
  } catch {
    return false;
  }
}
