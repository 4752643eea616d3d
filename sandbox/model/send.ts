/** Writes a rendered answer to the wire, with its delays and its fault. */
import type { ServerResponse } from 'node:http';
import type { Answer, Conversation, Fault, Rendered } from './types.ts';

/** Waits, but not beyond the end of the connection. */
function wait(res: ServerResponse, ms: number): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(done, ms);
    function done(): void {
      clearTimeout(timer);
      res.off('close', done);
      resolve();
    }
    res.once('close', done);
  });
}

/** Resolves when the bytes have left, so that a cut falls where it was asked for. */
function write(res: ServerResponse, bytes: Buffer): Promise<void> {
  return new Promise((resolve) => {
    if (bytes.length === 0) return resolve();
    const done = (): void => {
      res.off('close', done);
      resolve();
    };
    res.once('close', done);
    res.write(bytes, done);
  });
}

/**
 * Faults that need no answer. Returns false for the ones that damage an answer under way.
 * `hang` leaves the request open until the client or the server closes the connection.
 */
export function sendFault(res: ServerResponse, fault: Fault, defaultBody: unknown): boolean {
  if ('status' in fault) {
    res.writeHead(fault.status, { 'content-type': 'application/json', ...fault.headers });
    res.end(JSON.stringify(fault.body ?? defaultBody));
    return true;
  }
  if ('reset' in fault) {
    res.destroy(new Error('reset on demand'));
    return true;
  }
  return 'hang' in fault;
}

type Event = Rendered['events'][number];

export function encodeEvent({ event, data }: Event): string {
  const text = data === '[DONE]' ? '[DONE]' : JSON.stringify(data);
  return `${event === undefined ? '' : `event: ${event}\n`}data: ${text}\n\n`;
}

/** The parts of the body in the order they are sent. */
function partsOf(conversation: Conversation, rendered: Rendered, fault?: Fault): string[] {
  if (!conversation.stream) return [JSON.stringify(rendered.json)];
  if (fault !== undefined && 'errorEventAt' in fault) {
    const before = rendered.events.slice(0, fault.errorEventAt);
    return [...before, rendered.errorEvent].map(encodeEvent);
  }
  const broken = fault !== undefined && 'malformedEventAt' in fault ? fault.malformedEventAt : -1;
  return rendered.events
    .map(encodeEvent)
    .map((part, i) => (i === broken ? part.replace(/\n\n$/, '%%%\n\n') : part));
}

/** Resolves when the answer is sent or the connection is gone. */
export async function sendAnswer(
  res: ServerResponse,
  conversation: Conversation,
  answer: Answer,
  rendered: Rendered,
  fault: Fault | undefined,
): Promise<void> {
  if (answer.delayMs !== undefined) await wait(res, answer.delayMs);
  if (res.destroyed) return;
  const type = conversation.stream ? 'text/event-stream; charset=utf-8' : 'application/json';
  const idHeader = conversation.provider === 'anthropic' ? 'request-id' : 'x-request-id';
  res.writeHead(200, { 'content-type': type, [idHeader]: 'req_scripted' });
  res.flushHeaders();
  const cut = fault !== undefined && 'cutAfterBytes' in fault ? fault.cutAfterBytes : Infinity;
  const stall = fault !== undefined && 'hangAfterBytes' in fault ? fault.hangAfterBytes : Infinity;
  let left = Math.min(cut, stall);
  for (const part of partsOf(conversation, rendered, fault)) {
    const bytes = Buffer.from(part);
    const now = bytes.subarray(0, Math.min(bytes.length, left));
    left -= now.length;
    await write(res, now);
    if (res.destroyed) return;
    if (left <= 0) break;
    if (answer.chunkDelayMs !== undefined) await wait(res, answer.chunkDelayMs);
  }
  if (left > 0) {
    res.end();
  } else if (cut <= stall) {
    res.destroy(new Error('cut on demand'));
  }
}
