/** Reads a request body once, within a size and a time, whoever sends it. */
import type { IncomingMessage } from 'node:http';

/** `gone`: the client went away, so that nobody waits for an answer. */
export type BodyFault = 'encoded' | 'too_large' | 'too_slow' | 'gone';
export type BodyResult = { ok: true; bytes: Buffer } | { ok: false; fault: BodyFault };

export interface BodyLimits {
  bodyBytes: number;
  /** Milliseconds that the body may take; without it the server's own limit alone holds. */
  bodyMs?: number;
}

/** Where a body goes, and who else is read at the same time. */
export interface BodyPlace {
  /** Memory of `bodyBytes` that the body is put into; without it there is memory of its own for each. */
  into?: Buffer;
  /** Counts what arrives, and may cut it off. */
  arriving?: Arriving;
}

/**
 * What is wrong with a body by its headers alone. Compressed ones are refused: a bomb would be inflated
 * before anything about its sender is known.
 */
export function bodyFault(req: IncomingMessage, limits: BodyLimits): BodyFault | null {
  const encoding = req.headers['content-encoding'];
  if (encoding !== undefined && encoding !== 'identity') return 'encoded';
  if (saidBytes(req) > limits.bodyBytes) return 'too_large';
  return req.destroyed ? 'gone' : null;
}

const saidBytes = (req: IncomingMessage): number => Number(req.headers['content-length'] ?? 0);

/** The body must not have been read by anyone before. */
export async function readBody(
  req: IncomingMessage,
  limits: BodyLimits,
  place: BodyPlace = {},
): Promise<BodyResult> {
  const fault = bodyFault(req, limits);
  if (fault !== null) return { ok: false, fault };
  return new Promise((resolve) => {
    const parts = new Parts(place.into ?? placeFor(saidBytes(req)));
    const finish = (result: BodyResult): void => {
      clearTimeout(timer);
      counted?.end();
      req.off('data', onData).off('end', onEnd).off('close', onClose).off('error', onClose);
      req.once('error', () => undefined);
      if (!result.ok) parts.giveBack();
      resolve(result);
    };
    const tooSlow = (): void => finish({ ok: false, fault: 'too_slow' });
    const counted = place.arriving?.begin(tooSlow);
    const onData = (chunk: Buffer): void => {
      if (parts.size + chunk.length > limits.bodyBytes) {
        return finish({ ok: false, fault: 'too_large' });
      }
      parts.add(chunk);
      counted?.add(chunk.length);
    };
    const onEnd = (): void => finish({ ok: true, bytes: parts.whole() });
    const onClose = (): void => finish({ ok: false, fault: 'gone' });
    const { bodyMs } = limits;
    const timer = bodyMs === undefined ? undefined : setTimeout(tooSlow, bodyMs);
    req.on('data', onData).on('end', onEnd).on('close', onClose).on('error', onClose);
  });
}

/**
 * Reads away what comes after an answer. Its memory is given back at once: of megabytes of buffers the
 * garbage collector sees only their small heads, and lets them pile up.
 */
export function readAway(req: IncomingMessage): void {
  req.on('data', giveBack).resume();
}

/** Frees the memory of bytes that nobody reads any more, where it is theirs alone, as Node's parser makes it for a body. */
export function giveBack(chunk: Buffer): void {
  const { buffer } = chunk;
  if (buffer instanceof ArrayBuffer && buffer.byteLength === chunk.length) buffer.transfer(0);
}

/** From this size on a body goes where it will stay as it arrives, so that it is never there twice. */
const LARGE_BYTES = 256 * 1024;

const placeFor = (said: number): Buffer | null =>
  said > LARGE_BYTES ? Buffer.allocUnsafe(said) : null;

class Parts {
  size = 0;
  private readonly chunks: Buffer[] = [];
  private readonly place: Buffer | null;

  constructor(place: Buffer | null) {
    this.place = place;
  }

  add(chunk: Buffer): void {
    const { length } = chunk;
    if (this.place === null) this.chunks.push(chunk);
    else {
      chunk.copy(this.place, this.size);
      giveBack(chunk);
    }
    this.size += length;
  }

  giveBack(): void {
    for (const chunk of this.chunks.splice(0)) giveBack(chunk);
  }

  whole(): Buffer {
    const [only] = this.chunks;
    if (this.place !== null) return this.place.subarray(0, this.size);
    return only && this.chunks.length === 1 ? only : Buffer.concat(this.chunks, this.size);
  }
}

/** Bodies that are still arriving, of all requests that share it. */
export interface Arriving {
  /** `cutOff` is called, once, when there is no room for this body any more. */
  begin(cutOff: () => void): { add(bytes: number): void; end(): void };
}

/**
 * Bounds the bytes of unfinished bodies, however many send them. The one that began first is cut off: most bodies are
 * here in milliseconds, so that one who lingers makes room for them.
 */
export function createArriving(mostBytes: number): Arriving {
  const bodies = new Set<{ bytes: number; cutOff: () => void }>();
  let sum = 0;
  return {
    begin: (cutOff) => {
      const body = { bytes: 0, cutOff };
      bodies.add(body);
      return {
        add: (bytes) => {
          body.bytes += bytes;
          sum += bytes;
          for (const oldest of bodies) {
            if (sum <= mostBytes) break;
            oldest.cutOff();
          }
        },
        end: () => {
          if (bodies.delete(body)) sum -= body.bytes;
        },
      };
    },
  };
}
