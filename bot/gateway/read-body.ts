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

/**
 * The body must not have been read by anyone before. Compressed ones are refused: a bomb would be
 * inflated before anything about its sender is known.
 */
export async function readBody(req: IncomingMessage, limits: BodyLimits): Promise<BodyResult> {
  const encoding = req.headers['content-encoding'];
  if (encoding !== undefined && encoding !== 'identity') return { ok: false, fault: 'encoded' };
  const said = Number(req.headers['content-length'] ?? 0);
  if (said > limits.bodyBytes) return { ok: false, fault: 'too_large' };
  if (req.destroyed) return { ok: false, fault: 'gone' };
  return new Promise((resolve) => {
    const parts = new Parts(said);
    const finish = (result: BodyResult): void => {
      clearTimeout(timer);
      req.off('data', onData).off('end', onEnd).off('close', onClose).off('error', onClose);
      req.once('error', () => undefined);
      resolve(result);
    };
    const onData = (chunk: Buffer): void => {
      if (parts.size + chunk.length <= limits.bodyBytes) parts.add(chunk);
      else finish({ ok: false, fault: 'too_large' });
    };
    const onEnd = (): void => finish({ ok: true, bytes: parts.whole() });
    const onClose = (): void => finish({ ok: false, fault: 'gone' });
    const { bodyMs } = limits;
    const timer =
      bodyMs === undefined
        ? undefined
        : setTimeout(() => finish({ ok: false, fault: 'too_slow' }), bodyMs);
    req.on('data', onData).on('end', onEnd).on('close', onClose).on('error', onClose);
  });
}

/** From this size on a body goes where it will stay as it arrives, so that it is never there twice. */
const LARGE_BYTES = 64 * 1024;

class Parts {
  size = 0;
  private readonly chunks: Buffer[] = [];
  private readonly place: Buffer | null;

  constructor(said: number) {
    this.place = said > LARGE_BYTES ? Buffer.allocUnsafe(said) : null;
  }

  add(chunk: Buffer): void {
    if (this.place === null) this.chunks.push(chunk);
    else chunk.copy(this.place, this.size);
    this.size += chunk.length;
  }

  whole(): Buffer {
    const [only] = this.chunks;
    if (this.place !== null) return this.place.subarray(0, this.size);
    return only && this.chunks.length === 1 ? only : Buffer.concat(this.chunks, this.size);
  }
}
