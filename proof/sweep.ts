/**
 * Looks for canaries in everything that came out of a run: written anew and on purpose without the
 * publisher's own search, which is one of the things that it checks.
 */
import { constants, inflateRawSync } from 'node:zlib';
import { rot13 } from './encodings.ts';

/** So many characters of a secret in a row, in whatever spelling, are a leak. */
export const PIECE = 12;
const UNPACKED_BYTES = 16 * 1024 * 1024;
const DEPTH = 3;
const GZIP = Buffer.from([0x1f, 0x8b, 0x08, 0x00]);
const GZIP_HEADER = 10;
const PACKED = /[A-Za-z0-9+/_-]{16,}={0,2}/g;

export interface Canary {
  /** Where it was planted. */
  name: string;
  secret: string;
}

export interface Hit {
  canary: string;
  /** Where it came out. */
  place: string;
}

export interface Sweep {
  /** The first canary in these bytes; null: none. */
  find(place: string, content: Buffer | string): Hit | null;
}

/** A sweep for these canaries; their secrets should be long and random. */
export function sweepFor(canaries: readonly Canary[]): Sweep {
  const pieces = new Map<string, string>();
  for (const { name, secret } of canaries) {
    for (const spelling of spellingsOf(secret)) {
      for (let at = 0; at + PIECE <= spelling.length; at += 1) {
        pieces.set(spelling.slice(at, at + PIECE), name);
      }
    }
  }
  // Two characters of each piece: most of a text is passed over by them.
  const starts = new Set([...pieces.keys()].map((piece) => pairOf(piece, 0)));
  const inText = (text: string): string | null => {
    for (let at = 0; at + PIECE <= text.length; at += 1) {
      if (!starts.has(pairOf(text, at))) continue;
      const name = pieces.get(text.slice(at, at + PIECE));
      if (name !== undefined) return name;
    }
    return null;
  };
  const search = (content: Buffer, depth: number): string | null => {
    const text = content.toString('latin1');
    for (const view of viewsOf(text)) {
      const name = inText(view);
      if (name !== null) return name;
    }
    if (depth >= DEPTH) return null;
    for (const inner of unpacked(content, text)) {
      const name = search(inner, depth + 1);
      if (name !== null) return name;
    }
    return null;
  };
  return {
    find: (place, content) => {
      const canary = search(Buffer.isBuffer(content) ? content : Buffer.from(content), 0);
      return canary === null ? null : { canary, place };
    },
  };
}

const pairOf = (text: string, at: number): number =>
  (text.charCodeAt(at) << 8) | text.charCodeAt(at + 1);

function spellingsOf(secret: string): string[] {
  const hex = Buffer.from(secret).toString('hex');
  return [secret, hex, hex.toUpperCase(), [...secret].toReversed().join(''), rot13(secret)];
}

/** The text as it stands, without what may stand between, and every second and third character. */
function* viewsOf(text: string): Generator<string> {
  yield text;
  yield text.replaceAll(/[^A-Za-z0-9]+/g, '');
  for (const step of [2, 3]) {
    for (let from = 0; from < step; from += 1) {
      let view = '';
      for (let at = from; at < text.length; at += step) view += text[at];
      yield view;
    }
  }
}

function* unpacked(content: Buffer, text: string): Generator<Buffer> {
  for (let at = content.indexOf(GZIP); at !== -1; at = content.indexOf(GZIP, at + 1)) {
    const options = { finishFlush: constants.Z_SYNC_FLUSH, maxOutputLength: UNPACKED_BYTES };
    try {
      // Raw, so that neither a cut end nor what stands behind it matters.
      yield inflateRawSync(content.subarray(at + GZIP_HEADER), options);
    } catch {
      // Not gzip after all.
    }
  }
  // What stands right before a blob may look like a part of it.
  for (const [blob] of text.matchAll(PACKED)) {
    for (let from = 0; from < 4; from += 1) yield Buffer.from(blob.slice(from), 'base64');
  }
}
