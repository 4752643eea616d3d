/**
 * Finds regular expressions whose time grows faster than their input.
 *
 * Three shapes are looked for, which are nearly all that happen in practice:
 *   nested      (a+)+      a repeat inside a repeat, exponential
 *   neighbours  \s*\n?\s*  two repeats that can share characters, with only optional things between
 *   unanchored  \s+$       a repeat that every starting point tries again
 * A character may be in both of two sets when some ASCII character, or é, is.
 */

/** What one piece of an expression can match: characters it can start with, and whether it repeats. */
interface Piece {
  readonly set: ReadonlySet<string>;
  /** Sets of which one character each must be there, every time round. */
  readonly must: readonly ReadonlySet<string>[];
  readonly unbounded: boolean;
  /** Can match nothing. */
  readonly optional: boolean;
  /** Takes no characters: anchors, look-arounds, word borders. */
  readonly zeroWidth: boolean;
  /** The end of the text, which a repeat of any character always reaches. */
  readonly isEnd: boolean;
  /** A group in which something repeats without a limit. */
  readonly repeatsInside: boolean;
}

export type Fault = 'nested' | 'neighbours' | 'unanchored';

const ALPHABET = [...Array.from({ length: 128 }, (_, code) => String.fromCharCode(code)), 'é'];
/** Repeats up to this many times are a constant factor. */
const BOUNDED = 1000;

class Reader {
  readonly faults = new Set<Fault>();
  private readonly source: string;
  private readonly flags: string;
  private at = 0;

  constructor(source: string, flags: string) {
    this.source = source;
    this.flags = flags.replaceAll(/[gyd]/g, '');
  }

  /** Reads alternatives up to `)` or the end, as the sequence of pieces of each. */
  alternatives(top: boolean): Piece[][] {
    const all: Piece[][] = [[]];
    while (this.at < this.source.length && this.source[this.at] !== ')') {
      if (this.source[this.at] === '|') {
        this.at += 1;
        all.push([]);
        continue;
      }
      all.at(-1)?.push(this.repeated(this.atom()));
    }
    for (const sequence of all) this.judge(sequence, top);
    return all;
  }

  private judge(sequence: readonly Piece[], top: boolean): void {
    const [lead, ...others] = sequence;
    if (top && lead?.unbounded === true && canFail(others, lead)) this.faults.add('unanchored');
    sequence.forEach((piece, index) => {
      if (!piece.unbounded) return;
      for (const next of sequence.slice(index + 1)) {
        if (next.zeroWidth) continue;
        const after = sequence.slice(sequence.indexOf(next) + 1);
        if (next.unbounded && canShare(piece, next) && canFail(after, next)) {
          this.faults.add('neighbours');
        }
        if (!next.optional && !meets(piece.set, next.set)) break;
      }
    });
  }

  private repeated(piece: Piece): Piece {
    const quantifier = /^(?:[*+?]|\{(\d+)(,?)(\d*)\})\??/.exec(this.source.slice(this.at));
    if (quantifier === null) return piece;
    this.at += quantifier[0].length;
    const [text, least, comma, most] = quantifier;
    const sign = text[0];
    const limit =
      sign === '?'
        ? 1
        : sign === '{'
          ? comma === ''
            ? Number(least)
            : Number(most || Infinity)
          : Infinity;
    const unbounded = limit > BOUNDED;
    if (unbounded && piece.repeatsInside) this.faults.add('nested');
    return {
      ...piece,
      unbounded: piece.unbounded || unbounded,
      optional:
        piece.optional || sign === '*' || sign === '?' || (sign === '{' && Number(least) === 0),
      repeatsInside: piece.repeatsInside || unbounded,
    };
  }

  private atom(): Piece {
    const rest = this.source.slice(this.at);
    if (rest.startsWith('(')) return this.group(rest);
    if (/^(?:[\^$]|\\[bB])/.test(rest)) {
      this.at += rest.startsWith('\\') ? 2 : 1;
      return { ...ANCHOR, isEnd: rest.startsWith('$') && !this.flags.includes('m') };
    }
    const text =
      /^(?:\[(?:\\[^]|[^\]\\])*\]|\\[pP]\{[^}]*\}|\\k<[^>]*>|\\u\{[^}]*\}|\\u[0-9a-fA-F]{4}|\\x[0-9a-fA-F]{2}|\\[^]|[^])/.exec(
        rest,
      )?.[0] ?? '';
    this.at += text.length;
    const set = this.characters(text);
    return { ...NOTHING, set, must: [set] };
  }

  private group(rest: string): Piece {
    const opening = /^\((?:\?(?:[:=!]|<[=!]|<[^>]*>))?/.exec(rest)?.[0] ?? '(';
    this.at += opening.length;
    const look = /[=!]$/.test(opening);
    const sequences = this.alternatives(false);
    this.at += 1;
    if (look) return ANCHOR;
    const [only] = sequences.length === 1 ? sequences : [];
    return {
      ...NOTHING,
      must: only?.filter((one) => !one.optional).flatMap(({ must }) => must) ?? [],
      set: new Set(sequences.flatMap((sequence) => sequence.flatMap(({ set }) => [...set]))),
      unbounded: sequences.some((sequence) => sequence.length === 1 && sequence[0]?.unbounded),
      optional: sequences.some((sequence) =>
        sequence.every((one) => one.optional || one.zeroWidth),
      ),
      // Repeats with a mandatory border of other characters around them split in one way only.
      repeatsInside: sequences.some(ambiguous),
    };
  }

  private characters(text: string): ReadonlySet<string> {
    if (/^\\(?:k<|[1-9])/.test(text)) return new Set(ALPHABET);
    const one = new RegExp(`^(?:${text})$`, this.flags);
    return new Set(ALPHABET.filter((char) => one.test(char)));
  }
}

const NOTHING: Piece = {
  set: new Set(),
  must: [],
  unbounded: false,
  optional: false,
  zeroWidth: false,
  isEnd: false,
  repeatsInside: false,
};

/** Takes no characters, and can fail. */
const ANCHOR: Piece = { ...NOTHING, zeroWidth: true, optional: true };

function meets(one: ReadonlySet<string>, other: ReadonlySet<string>): boolean {
  return [...other].some((char) => one.has(char));
}

/** Whether matching can fail behind `repeat`, so that other lengths of it are tried. */
function canFail(after: readonly Piece[], repeat: Piece): boolean {
  const takesAll = repeat.set.size === ALPHABET.length;
  return after.some((piece) => !piece.optional || (piece.zeroWidth && !(takesAll && piece.isEnd)));
}

/** Whether a text can be split between the two repeats in more than one way. */
function canShare(one: Piece, other: Piece): boolean {
  return (
    meets(one.set, other.set) &&
    one.must.every((set) => meets(set, other.set)) &&
    other.must.every((set) => meets(set, one.set))
  );
}

/** Repeating this sequence can split one text in many ways. */
function ambiguous(sequence: readonly Piece[]): boolean {
  const solid = sequence.filter((piece) => !piece.zeroWidth);
  return solid.some((piece, index) => {
    if (!piece.repeatsInside) return false;
    const border = solid.filter((one, place) => place !== index && !one.optional);
    return !border.some((one) => !meets(piece.set, one.set));
  });
}

/**
 * @param source text between the slashes
 * @param flags as written behind the second slash
 */
export function superLinear(source: string, flags: string): Fault[] {
  const reader = new Reader(source, flags);
  reader.alternatives(!flags.includes('y'));
  return [...reader.faults].toSorted();
}
