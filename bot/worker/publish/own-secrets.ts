/**
 * Finds the bot's own secrets, and any piece of one, in what it is about to publish (threats B6, B7).
 * None of them is ever given to a job; this is the second line, for the day the first one breaks.
 */
import { constants, inflateRawSync } from 'node:zlib';

/** Shorter values would match by chance. */
const MIN_SECRET = 8;
/** So many characters in a row are a leak; whoever needs the rest can guess on. */
const PIECE = 12;
/** Pieces are looked up by parts of this length: each piece holds one that starts at such a step. */
const STEP = 4;
const PART = PIECE - STEP + 1;
/** Longer texts are read as they stand, but not taken apart. */
const DEEP_CHARS = 256 * 1024;
const UNPACKED_BYTES = 4 * 1024 * 1024;
/** How often something packed is looked for in what was unpacked. */
const DEPTH = 2;
const BASE64 = /[A-Za-z0-9+/_-]{24,}={0,2}/g;
const BLOBS = 200;
/** Gzip without optional fields, as every library writes it. */
const GZIP = Buffer.from([0x1f, 0x8b, 0x08, 0x00]);
const GZIP_HEADER = 10;

export interface OwnSecrets {
  /** True when the bytes hold a secret, a piece of one, or either in another spelling. */
  in(content: Buffer): boolean;
}

/** Prepares the search; do it once per list of secrets. */
export function ownSecrets(values: readonly string[]): OwnSecrets {
  const secrets = values.filter((value) => value.length >= MIN_SECRET);
  const whole = secrets.flatMap(spellings);
  // A piece that could be a word proves nothing: only those with letters and digits count.
  const pieces = secrets.flatMap((secret) => [...spellings(secret), squeezed(secret)]);
  const parts = new Map<string, string[]>();
  for (const spelling of new Set(pieces)) {
    for (let at = 0; at + PART <= spelling.length; at += STEP) {
      const part = spelling.slice(at, at + PART);
      if (isRandom(part)) parts.set(part, [...(parts.get(part) ?? []), spelling]);
    }
  }
  const holds = (text: string): boolean =>
    whole.some((value) => text.includes(value)) ||
    [...parts].some(([part, from]) => from.some((spelling) => holdsPiece(text, part, spelling)));
  const search = (content: Buffer, depth: number): boolean => {
    const text = content.toString('latin1');
    if (holds(text)) return true;
    if (text.length > DEEP_CHARS) return false;
    if ([squeezed(text), everySecond(text, 0), everySecond(text, 1)].some(holds)) return true;
    return depth < DEPTH && unpacked(content, text).some((inner) => search(inner, depth + 1));
  };
  return { in: (content) => secrets.length > 0 && search(content, 0) };
}

/** A secret as it stands and in the encodings a model could be talked into. */
function spellings(secret: string): string[] {
  const bytes = Buffer.from(secret);
  const base64 = [0, 1, 2].map((offset) => {
    const shifted = Buffer.concat([Buffer.alloc(offset), bytes]).toString('base64');
    // Characters that also depend on what stands before or after the secret are left out.
    return shifted.slice(
      Math.ceil((offset * 8) / 6),
      Math.floor(((bytes.length + offset) * 8) / 6),
    );
  });
  const hex = bytes.toString('hex');
  return [
    bytes.toString('latin1'),
    ...base64,
    hex,
    hex.toUpperCase(),
    encodeURIComponent(secret),
    [...secret].toReversed().join(''),
    rot13(secret),
  ];
}

function rot13(text: string): string {
  return text.replaceAll(/[a-z]/gi, (char) => {
    const base = char <= 'Z' ? 65 : 97;
    return String.fromCharCode(((char.charCodeAt(0) - base + 13) % 26) + base);
  });
}

/** Letters and digits only: what was put between them to hide them is gone. */
const squeezed = (text: string): string => text.replaceAll(/[^A-Za-z0-9]+/g, '');

function everySecond(text: string, from: number): string {
  let out = '';
  for (let at = from; at < text.length; at += 2) out += text[at];
  return out;
}

const isRandom = (part: string): boolean => /\d/.test(part) && /[A-Za-z]/.test(part);

/** True when at least PIECE characters around some place of `part` are the same in both. */
function holdsPiece(text: string, part: string, spelling: string): boolean {
  const from = spelling.indexOf(part);
  for (let at = text.indexOf(part); at !== -1; at = text.indexOf(part, at + 1)) {
    let before = 0;
    while (before < from && text[at - before - 1] === spelling[from - before - 1]) before += 1;
    let length = before + PART;
    while (text[at - before + length] === spelling[from - before + length]) {
      if (from - before + length >= spelling.length) break;
      length += 1;
    }
    if (length >= PIECE) return true;
  }
  return false;
}

/** What is packed in the bytes: gzip as it stands, and base64. */
function unpacked(content: Buffer, text: string): Buffer[] {
  const found: Buffer[] = [];
  for (let at = content.indexOf(GZIP); at !== -1; at = content.indexOf(GZIP, at + 1)) {
    const inner = gunzip(content.subarray(at));
    if (inner !== null) found.push(inner);
    if (found.length >= BLOBS) break;
  }
  // What stands right before a blob may look like a part of it.
  for (const [blob] of [...text.matchAll(BASE64)].slice(0, BLOBS)) {
    for (let from = 0; from < 4; from += 1) found.push(Buffer.from(blob.slice(from), 'base64'));
  }
  return found;
}

/** Unpacked raw, so that neither a cut end nor what stands behind it matters. */
function gunzip(bytes: Buffer): Buffer | null {
  const { Z_SYNC_FLUSH: finishFlush } = constants;
  try {
    return inflateRawSync(bytes.subarray(GZIP_HEADER), {
      finishFlush,
      maxOutputLength: UNPACKED_BYTES,
    });
  } catch {
    return null;
  }
}
