/** Reads a request body once, within a size and a time. */
import type { IncomingMessage } from 'node:http';
import type { GatewayLimits } from './limits.ts';
import type { Refusal } from './types.ts';

export type BodyResult = { ok: true; bytes: Buffer } | { ok: false; refusal: Refusal | null };

const tooLarge = (limit: number): BodyResult => ({
  ok: false,
  refusal: {
    status: 413,
    code: 'request_too_large',
    message: `The request is larger than ${Math.floor(limit / 1024 / 1024)} MB.`,
    fix: 'Send less: shorten tool results, or start the conversation anew.',
  },
});

const tooSlow: BodyResult = {
  ok: false,
  refusal: {
    status: 408,
    code: 'request_too_slow',
    message: 'The request body did not arrive in time.',
    fix: 'Send the request again.',
  },
};

/** A refusal of null: the client went away. The body must not have been read by anyone before. */
export async function readBody(
  req: IncomingMessage,
  limits: Pick<GatewayLimits, 'bodyBytes' | 'bodyMs'>,
): Promise<BodyResult> {
  const encoding = req.headers['content-encoding'];
  if (encoding !== undefined && encoding !== 'identity') {
    return {
      ok: false,
      refusal: {
        status: 415,
        code: 'encoding_not_supported',
        message: 'The request body is compressed.',
        fix: 'Send it without a content-encoding.',
      },
    };
  }
  if (Number(req.headers['content-length'] ?? 0) > limits.bodyBytes) {
    return tooLarge(limits.bodyBytes);
  }
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    let size = 0;
    const finish = (result: BodyResult): void => {
      clearTimeout(timer);
      req.off('data', onData).off('end', onEnd).off('close', onClose).off('error', onClose);
      req.once('error', () => undefined);
      resolve(result);
    };
    const onData = (chunk: Buffer): void => {
      size += chunk.length;
      if (size <= limits.bodyBytes) chunks.push(chunk);
      else finish(tooLarge(limits.bodyBytes));
    };
    const onEnd = (): void => finish({ ok: true, bytes: Buffer.concat(chunks, size) });
    const onClose = (): void => finish({ ok: false, refusal: null });
    const timer = setTimeout(() => finish(tooSlow), limits.bodyMs);
    req.on('data', onData).on('end', onEnd).on('close', onClose).on('error', onClose);
  });
}
