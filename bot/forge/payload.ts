/**
 * Safe access to payloads that anybody may have shaped: own properties only, never a throw, never a
 * walk into a prototype. Texts come out storable: PostgreSQL takes neither NUL nor lone surrogates.
 */
import { Buffer } from 'node:buffer';
import { createHash } from 'node:crypto';
import { digestOf } from './in-pieces.ts';
import { JsonScan, type JsonBounds } from './json-scan.ts';

const MAX_NAME_LENGTH = 100;

export type ParsedBody = { ok: true; value: unknown } | { ok: false; reason: string };

/**
 * Bounds of a webhook body (threats E4). Real ones nest less than 12 deep and hold some thousand
 * values; a million keys in 12 MB would hold the event loop for more than a second.
 */
export const BODY_BOUNDS: JsonBounds = { depth: 64, items: 200_000 };

/** The first bound that a JSON text breaks, or null: it can be known before JSON.parse. */
export function brokenBound(raw: Uint8Array, bounds: JsonBounds): keyof JsonBounds | null {
  const scan = new JsonScan(raw, bounds);
  scan.run(raw.length);
  return scan.broken;
}

const UTF8 = new TextDecoder('utf-8', { fatal: true });

/** Raw bytes to JSON: bounds, then UTF-8, then syntax; never throws. */
export function parseJsonBody(raw: Uint8Array): ParsedBody {
  const broken = brokenBound(raw, BODY_BOUNDS);
  if (broken !== null) {
    const reason =
      broken === 'depth'
        ? `the body is nested deeper than ${BODY_BOUNDS.depth} levels`
        : `the body has more than ${BODY_BOUNDS.items} values`;
    return { ok: false, reason };
  }
  let text: string;
  try {
    text = UTF8.decode(raw);
  } catch {
    return { ok: false, reason: 'the body is not valid UTF-8' };
  }
  try {
    return { ok: true, value: JSON.parse(text) as unknown };
  } catch {
    return { ok: false, reason: 'the body is not valid JSON' };
  }
}

/** Follows own properties of plain objects; undefined as soon as one is missing. */
export function at(value: unknown, ...path: string[]): unknown {
  let here = value;
  for (const key of path) {
    if (!isObject(here) || !Object.hasOwn(here, key)) return undefined;
    here = here[key];
  }
  return here;
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The string, without NUL and lone surrogates; '' for anything else. */
export function text(value: unknown): string {
  return typeof value === 'string' ? value.replaceAll('\0', '').toWellFormed() : '';
}

/** Like `text`, but null when there is nothing in it. */
export function textOrNull(value: unknown): string | null {
  const found = text(value);
  return found === '' ? null : found;
}

/** A database id or iid: a positive integer that a double holds exactly; else null. */
export function id(value: unknown): number | null {
  return typeof value === 'number' && Number.isSafeInteger(value) && value > 0 ? value : null;
}

export function list(value: unknown): unknown[] {
  return Array.isArray(value) ? value : [];
}

/** The table's own entry under a payload's word; undefined for any other word or value. */
export function pick<T>(table: Readonly<Record<string, T>>, word: unknown): T | undefined {
  return typeof word === 'string' && Object.hasOwn(table, word) ? table[word] : undefined;
}

/** A commit id, or null for absent, malformed and all-zero ones (a created or deleted ref). */
export function sha(value: unknown): string | null {
  const found = text(value);
  return /^[0-9a-f]{40,64}$/.test(found) && !/^0+$/.test(found) ? found : null;
}

/** A forge's name of something for logs and rows: one line of printable ASCII, capped; '' if none. */
export function shortName(value: unknown): string {
  return text(value)
    .slice(0, MAX_NAME_LENGTH)
    .replace(/[^\x20-\x7e]/g, '?');
}

/** Base64 of SHA-256 without padding: the content key of a body. */
export async function contentKey(raw: Buffer): Promise<string> {
  return (await digestOf(createHash('sha256'), raw)).toString('base64url');
}

/** The only header value of a request, or null: absent, empty, repeated or oversized values fail. */
export function singleHeader(value: unknown, maxLength: number): string | null {
  return typeof value === 'string' && value !== '' && Buffer.byteLength(value) <= maxLength
    ? value
    : null;
}
