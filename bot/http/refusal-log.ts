/** Refused webhooks in the log, without the log becoming the attack. */
import type { Logger } from 'pino';

/** The same refusal is said once in this time, with how often it was there. */
const EVERY_MS = 10_000;

/** Says a refusal at once, and counts its repetitions until it may be said again. */
export function createRefusalLog(
  log: Logger,
  everyMs = EVERY_MS,
): (source: string, reason: string) => void {
  const counted = new Map<string, { times: number }>();
  return (source, reason) => {
    const key = `${source} ${reason}`;
    const known = counted.get(key);
    if (known !== undefined) {
      known.times += 1;
      return;
    }
    const entry = { times: 0 };
    counted.set(key, entry);
    log.warn({ source, reason }, 'webhook refused');
    const again = (): void => {
      counted.delete(key);
      if (entry.times > 0) log.warn({ source, reason, times: entry.times }, 'webhooks refused');
    };
    setTimeout(again, everyMs).unref();
  };
}
