/** Work on many bytes that lets others have their turn in between. */
import type { Hash, Hmac } from 'node:crypto';
import { setImmediate as othersFirst } from 'node:timers/promises';

/** SHA-256 of so much takes about a millisecond; most webhooks are smaller, and done at once. */
export const PIECE_BYTES = 256 * 1024;

/**
 * Calls `work` for one piece of `length` bytes after the other, with where it begins and ends, until it
 * answers false.
 */
export async function inPieces(
  length: number,
  work: (from: number, to: number) => boolean,
): Promise<void> {
  for (let from = 0; from < length; from += PIECE_BYTES) {
    if (from > 0) await othersFirst();
    if (!work(from, Math.min(length, from + PIECE_BYTES))) return;
  }
}

/** The digest of what `hash` was given before and of these bytes. */
export async function digestOf(hash: Hash | Hmac, bytes: Buffer): Promise<Buffer> {
  await inPieces(bytes.length, (from, to) => {
    hash.update(bytes.subarray(from, to));
    return true;
  });
  return hash.digest();
}
