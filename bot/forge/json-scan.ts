/**
 * What can be known of a JSON text without parsing it: whether it stays within bounds, and the numbers in a few
 * places. One pass over the bytes that keeps nothing of them, so that a text of any size costs no memory, and
 * that can stop anywhere, so that it need not hold the event loop. Says nothing about the text being valid.
 */

/** What a JSON text may be made of. */
export interface JsonBounds {
  /** Deepest nesting. */
  depth: number;
  /** Opening brackets and commas: an upper bound of the values that parsing makes. */
  items: number;
}

/** Keys of the outermost object: null for the number right there, else the key in the object below. */
export type NumberPlaces = ReadonlyMap<string, string | null>;

const NO_PLACES: NumberPlaces = new Map();

const QUOTE = 0x22;
const COMMA = 0x2c;
const MINUS = 0x2d;
const BACKSLASH = 0x5c;
/** A text that is longer than this is skipped by the native search; shorter ones are read faster than it is called. */
const LONG_TEXT = 24;
/** Longest text of a key that may be one of `places`, every letter of it escaped. */
const LONG_KEY = 120;
/** Longer numbers are none that a forge writes; what they come to is not looked at. */
const LONG_NUMBER = 32;

/**
 * A scan of one text. The numbers it finds are at least those that JSON.parse would leave in these places: of a key that
 * is there twice it finds both.
 */
export class JsonScan {
  /** The first bound that the text breaks, or null; the scan ends there. */
  broken: keyof JsonBounds | null = null;
  /** The numbers in `places`, NaN for one too long to be looked at. */
  readonly numbers = new Set<number>();

  private readonly raw: Uint8Array;
  private readonly bounds: JsonBounds;
  private readonly places: NumberPlaces;
  private at = 0;
  private depth = 0;
  private items = 0;
  /** Whether the containers at depth 1 and 2 are objects. */
  private readonly objects = [false, false, false];
  /** Where the text begins in which the last run stopped. */
  private textFrom: number | null = null;
  /** The next text is a key of one of them. */
  private keyNext = false;
  /** The next value, when it is a number, is one that is looked for. */
  private numberNext = false;
  /** What `places` has under the last key of the outermost object. */
  private below: string | null | undefined = undefined;

  constructor(raw: Uint8Array, bounds: JsonBounds, places: NumberPlaces = NO_PLACES) {
    this.raw = raw;
    this.bounds = bounds;
    this.places = places;
  }

  /** Goes on up to the byte `until`, or some bytes more. */
  run(until: number): void {
    const { raw, bounds } = this;
    let { at, depth, items } = this;
    if (this.textFrom !== null) at = this.readText(this.textFrom, at, until, depth);
    for (; at < until && this.broken === null; at += 1) {
      const byte = raw[at] as number;
      if (byte === QUOTE) at = this.readText(at + 1, at + 1, until, depth) - 1;
      else if (byte === 0x7b || byte === 0x5b) {
        depth += 1;
        items += 1;
        if (depth > bounds.depth) this.broken = 'depth';
        if (depth <= 2) this.objects[depth] = byte === 0x7b;
        this.nextEntry(depth);
      } else if (byte === COMMA) {
        items += 1;
        this.nextEntry(depth);
      } else if (byte === 0x7d || byte === 0x5d) depth -= 1;
      else if (this.numberNext && (isDigit(byte) || byte === MINUS)) at = this.readNumber(at) - 1;
      if (items > bounds.items) this.broken ??= 'items';
    }
    Object.assign(this, { at, depth, items });
  }

  private nextEntry(depth: number): void {
    this.keyNext = depth <= 2 && this.places.size > 0 && this.objects[depth] === true;
    this.numberNext = false;
  }

  /** Reads a text on from `from`; returns where the scan goes on. */
  private readText(start: number, from: number, until: number, depth: number): number {
    const end = endOfText(this.raw, start, from, until);
    this.textFrom = end < 0 ? start : null;
    if (end < 0) return ~end;
    if (this.keyNext) this.readKey(start, end, depth);
    return end + 1;
  }

  private readKey(from: number, to: number, depth: number): void {
    this.keyNext = false;
    const key = to - from > LONG_KEY ? '' : keyOf(this.raw, from, to);
    if (depth === 1) {
      this.below = this.places.get(key);
      this.numberNext = this.below === null;
    } else this.numberNext = typeof this.below === 'string' && this.below === key;
  }

  /** Returns where the number ends. */
  private readNumber(from: number): number {
    this.numberNext = false;
    let to = from + 1;
    while (to - from <= LONG_NUMBER && isNumeric(this.raw[to] ?? 0)) to += 1;
    this.numbers.add(to - from > LONG_NUMBER ? Number.NaN : Number(latin1(this.raw, from, to)));
    return to;
  }
}

const isDigit = (byte: number): boolean => byte >= 0x30 && byte <= 0x39;

/** What a number goes on with: digits, signs, the point and the exponent. */
function isNumeric(byte: number): boolean {
  return (
    isDigit(byte) || byte === MINUS || byte === 0x2b || byte === 0x2e || (byte | 0x20) === 0x65
  );
}

/** A key as JSON.parse reads it; '' for one that is not of ASCII or no text. */
function keyOf(raw: Uint8Array, from: number, to: number): string {
  const text = latin1(raw, from, to);
  if (!text.includes('\\')) return text;
  try {
    return String(JSON.parse(`"${text}"`));
  } catch {
    return '';
  }
}

function latin1(raw: Uint8Array, from: number, to: number): string {
  return Buffer.from(raw.buffer, raw.byteOffset + from, to - from).toString('latin1');
}

/**
 * Where the quote is that ends the text that begins at `start` and was read up to `from`; the length when none
 * does; the complement of where to go on when it is not there before `until`.
 */
function endOfText(raw: Uint8Array, start: number, from: number, until: number): number {
  const near = from > start ? from : Math.min(raw.length, from + LONG_TEXT);
  for (let i = from; i < near; i += 1) {
    if (raw[i] === BACKSLASH) i += 1;
    else if (raw[i] === QUOTE) return i;
    // An escape may reach over the end of what is near.
    if (i >= near - 1) return farEndOfText(raw, start, i + 1, until);
  }
  return from > start ? farEndOfText(raw, start, from, until) : raw.length;
}

function farEndOfText(raw: Uint8Array, start: number, from: number, until: number): number {
  for (let end = raw.indexOf(QUOTE, from); end >= 0; end = raw.indexOf(QUOTE, end + 1)) {
    let before = end - 1;
    while (before >= start && raw[before] === BACKSLASH) before -= 1;
    // An even number of backslashes escape each other.
    if ((end - 1 - before) % 2 === 0) return end;
    // Many escaped quotes take long.
    if (end >= until) return ~(end + 1);
  }
  return raw.length;
}
