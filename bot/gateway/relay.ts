/** Passes an answer through, byte for byte as it arrives, while a meter reads along. */
import type { ServerResponse } from 'node:http';
import type { GatewayLimits } from './limits.ts';
import type { Meter } from './meter.ts';

/** Headers of an answer that go on; length and encoding are the connection's own. */
const ANSWER_HEADERS = ['content-type', 'request-id', 'x-request-id'];

/** `whole`: the provider ended its answer itself; `lost`: the connection, the client or a limit did. */
export type RelayEnd = 'whole' | 'lost';

function drained(res: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      res.off('drain', done).off('close', done);
      resolve();
    };
    res.once('drain', done).once('close', done);
  });
}

/**
 * Sends headers and body of `response`; leaves `res` open, so that the money can be settled before
 * the client sees the end. `stop` ends the call to the provider: it is used when either side is
 * silent for too long or the answer takes too long.
 */
export async function relayAnswer(
  response: Response,
  res: ServerResponse,
  meter: Meter,
  options: { stop: AbortController; limits: Pick<GatewayLimits, 'idleMs' | 'answerMs'> },
): Promise<RelayEnd> {
  const headers: Record<string, string> = { 'cache-control': 'no-cache' };
  for (const name of ANSWER_HEADERS) {
    const value = response.headers.get(name);
    if (value !== null) headers[name] = value;
  }
  // Proxies in front of the bot (nginx) would otherwise collect a stream before they pass it on.
  headers['x-accel-buffering'] = 'no';
  const { stop, limits } = options;
  const abort = (): void => stop.abort();
  const idle = setTimeout(abort, limits.idleMs);
  const longest = setTimeout(abort, limits.answerMs);
  // A client that does not read keeps the loop below waiting; this wakes it.
  const leave = (): void => void res.destroy();
  stop.signal.addEventListener('abort', leave, { once: true });
  try {
    if (res.destroyed) return 'lost';
    res.writeHead(response.status, headers);
    res.flushHeaders();
    for await (const chunk of response.body ?? []) {
      idle.refresh();
      meter.push(chunk);
      if (res.destroyed) return 'lost';
      if (!res.write(chunk)) await drained(res);
      idle.refresh();
    }
    return stop.signal.aborted || res.destroyed ? 'lost' : 'whole';
  } catch {
    return 'lost';
  } finally {
    clearTimeout(idle);
    clearTimeout(longest);
    stop.signal.removeEventListener('abort', leave);
  }
}
