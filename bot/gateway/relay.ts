/** Passes an answer through, byte for byte as it arrives, while a meter reads along. */
import type { ServerResponse } from 'node:http';
import type { GatewayLimits } from './limits.ts';
import type { Meter } from './meter.ts';

/** Headers of an answer that go on; length and encoding are the connection's own. */
const ANSWER_HEADERS = ['content-type', 'request-id', 'x-request-id'];

/**
 * `whole`: the provider ended its answer itself; `lost`: the connection, the client or a limit did;
 * `refused`: an error came in place of the answer, and nothing was sent.
 */
export type RelayEnd = 'whole' | 'lost' | 'refused';

/** Bytes that are held back at most until it is known whether an answer begins. */
const HOLD_BYTES = 64 * 1024;

function drained(res: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      res.off('drain', done).off('close', done);
      resolve();
    };
    res.once('drain', done).once('close', done);
  });
}

function open(response: Response, res: ServerResponse): void {
  const headers: Record<string, string> = { 'cache-control': 'no-cache' };
  for (const name of ANSWER_HEADERS) {
    const value = response.headers.get(name);
    if (value !== null) headers[name] = value;
  }
  // Proxies in front of the bot (nginx) would otherwise collect a stream before they pass it on.
  headers['x-accel-buffering'] = 'no';
  res.writeHead(response.status, headers);
}

export interface RelayOptions {
  /** Ends the call to the provider: used when either side is silent or the answer takes too long. */
  stop: AbortController;
  limits: Pick<GatewayLimits, 'idleMs' | 'answerMs'>;
  /** Called once, when the first event shows that an answer begins. */
  onBegin: () => void;
}

/**
 * Sends headers and body of `response`; leaves `res` open, so that the money can be settled before
 * the client sees the end. The first event is held back until it is whole: an error in its place is the
 * caller's to answer. After it every chunk leaves as it comes.
 */
export async function relayAnswer(
  response: Response,
  res: ServerResponse,
  meter: Meter,
  options: RelayOptions,
): Promise<RelayEnd> {
  const { stop, limits } = options;
  const abort = (): void => stop.abort();
  const idle = setTimeout(abort, limits.idleMs);
  const longest = setTimeout(abort, limits.answerMs);
  // A client that does not read keeps the loop below waiting; this wakes it.
  const leave = (): void => void (res.headersSent && res.destroy());
  stop.signal.addEventListener('abort', leave, { once: true });
  const held: Uint8Array[] = [];
  let heldBytes = 0;
  const begin = (): void => {
    open(response, res);
    // With the headers in one write: each costs a system call before the first token.
    if (held.length === 0) res.flushHeaders();
    for (const chunk of held.splice(0)) res.write(chunk);
  };
  try {
    for await (const chunk of response.body ?? []) {
      idle.refresh();
      meter.push(chunk);
      if (res.destroyed) return 'lost';
      if (!res.headersSent) {
        held.push(chunk);
        heldBytes += chunk.length;
        if (!meter.begun && heldBytes < HOLD_BYTES) continue;
        if (meter.failure !== null) return 'refused';
        options.onBegin();
        begin();
      } else if (!res.write(chunk)) await drained(res);
      idle.refresh();
    }
    if (!res.headersSent && !res.destroyed) begin();
    return stop.signal.aborted || res.destroyed ? 'lost' : 'whole';
  } catch {
    return 'lost';
  } finally {
    // What came before a loss is shown, so that the client sees a broken answer and no silence.
    const shows = held.length > 0 || !stop.signal.aborted;
    if (!res.headersSent && !res.destroyed && shows && meter.failure === null) begin();
    clearTimeout(idle);
    clearTimeout(longest);
    stop.signal.removeEventListener('abort', leave);
  }
}
