/**
 * Looks at a picture by an agent before it is shown: it has to be a PNG through and through, and only what draws it
 * stays. Texts, profiles and whatever stands behind its end are left out.
 */
import { crc32 } from 'node:zlib';

export const PNG_LIMITS = {
  bytes: 600_000,
  /** Longest side, in pixels. */
  side: 4_096,
  chunks: 5_000,
} as const;

const MAGIC = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
/** Chunks that draw: header, palette, transparency, pixels, end. */
const DRAWING: ReadonlySet<string> = new Set(['IHDR', 'PLTE', 'tRNS', 'IDAT', 'IEND']);
/** Length, name and checksum of a chunk. */
const FRAME = 12;
const HEADER_BYTES = 13;

export type CheckedPng = { ok: true; png: Buffer } | { ok: false; why: string };

/** The picture with nothing in it but the picture, or why it is refused. */
export function cleanPng(bytes: Buffer): CheckedPng {
  if (bytes.length > PNG_LIMITS.bytes) return refuse(`it is larger than ${PNG_LIMITS.bytes} bytes`);
  if (!bytes.subarray(0, MAGIC.length).equals(MAGIC)) return refuse('it is no PNG');
  const kept: Buffer[] = [MAGIC];
  let at = MAGIC.length;
  for (let count = 0; count < PNG_LIMITS.chunks; count += 1) {
    if (at + FRAME > bytes.length) return refuse('it ends too early');
    const length = bytes.readUInt32BE(at);
    const end = at + FRAME + length;
    if (end > bytes.length) return refuse('a part of it is longer than the whole');
    const name = bytes.toString('latin1', at + 4, at + 8);
    if (crc32(bytes.subarray(at + 4, end - 4)) !== bytes.readUInt32BE(end - 4)) {
      return refuse('a checksum is wrong');
    }
    if ((count === 0) !== (name === 'IHDR')) return refuse('its header is not where it belongs');
    const size = count === 0 ? sizeProblem(bytes.subarray(at + 8, end - 4)) : null;
    if (size !== null) return refuse(size);
    if (DRAWING.has(name)) kept.push(bytes.subarray(at, end));
    if (name === 'IEND') return { ok: true, png: Buffer.concat(kept) };
    at = end;
  }
  return refuse('it has too many parts');
}

function sizeProblem(header: Buffer): string | null {
  if (header.length !== HEADER_BYTES) return 'its header is not one';
  const [width, height] = [header.readUInt32BE(0), header.readUInt32BE(4)];
  const fits = width > 0 && height > 0 && Math.max(width, height) <= PNG_LIMITS.side;
  return fits ? null : `it is ${width} by ${height} pixels`;
}

function refuse(why: string): CheckedPng {
  return { ok: false, why };
}
