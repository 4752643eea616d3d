/** Purpose: what of one stretch of Markdown text between its blocks a reader sees: links, tags, entities. */
import { isHidden } from '../../schema/wire/hidden-characters.ts';
import { runLength } from './markdown-inline.ts';
import {
  angleAt,
  BLANK_LINE,
  bareTag,
  isVoid,
  worthTelling,
  type Angle,
  type HtmlEnd,
} from './visible-html.ts';
import { labelAt, linkTailAt, normalLabel } from './visible-links.ts';

/** What the text defines for use elsewhere in it. */
export interface Known {
  /** Addresses by label. */
  addresses: ReadonlyMap<string, string>;
  /** Labels that the text points at; those of footnotes begin with `^`. */
  used: ReadonlySet<string>;
  /** Numbers of footnotes by label. */
  notes: ReadonlyMap<string, number>;
}

const ENTITY = /&(?:#(\d{1,7})|#[xX]([0-9a-fA-F]{1,6})|([A-Za-z]{2,32}));/y;
/** Names of characters that nobody sees, and of the sign that opens a comment. */
const NAMED: Readonly<Record<string, string>> = {
  lt: '<',
  LT: '<',
  shy: '\u00ad',
  zwj: '\u200d',
  zwnj: '\u200c',
  lrm: '\u200e',
  rlm: '\u200f',
  ZeroWidthSpace: '\u200b',
  NoBreak: '\u2060',
  ApplyFunction: '\u2061',
  af: '\u2061',
  InvisibleTimes: '\u2062',
  it: '\u2062',
  InvisibleComma: '\u2063',
  ic: '\u2063',
  NegativeThinSpace: '\u200b',
  NegativeMediumSpace: '\u200b',
  NegativeThickSpace: '\u200b',
  NegativeVeryThinSpace: '\u200b',
};
const COMMENT_END = /--!?(?:>|&gt;|&#0*62;|&#[xX]0*3[eE];)/g;
const PUNCTUATION = /[!-/:-@[-`{-~]/;

/** Labels that are longer or hold brackets are none. */
const LABEL_CHARS = 999;

/** Reads a text token by token and keeps what is shown. */
export class InlineScan {
  readonly text: string;
  at = 0;
  hidden = 0;
  /** The line stands in a list or a quote. */
  contained = false;
  readonly used = new Set<string>();
  readonly #known: Known | null;
  readonly #out: string[] = [];
  /** Brackets that are open, with the place of what follows them in the output. */
  #brackets: { out: number; image: boolean; at: number }[] = [];

  constructor(text: string, known: Known | null) {
    this.text = text;
    this.#known = known;
  }

  /** What is shown of all that was read. */
  shown(): string {
    return this.#out.join('');
  }

  /** Links do not reach over blank lines. */
  endParagraph(): void {
    this.#brackets = [];
  }

  /** Deals with what begins here. `closing` finds the end of code; null where none is sure. `html`: in raw HTML. */
  token(closing: ((at: number) => number) | null, html: HtmlEnd | null): void {
    const text = this.text;
    const at = this.at;
    const char = text.charAt(at);
    switch (char) {
      case '`': {
        const end = closing === null ? at + runLength(text, at) : closing(at);
        return this.copy(end);
      }
      case '\\':
        return this.copy(html === null && PUNCTUATION.test(text.charAt(at + 1)) ? at + 2 : at + 1);
      case '<':
        return this.#angle(angleAt(text, at, html !== null), html);
      case '&':
        return this.#entity();
      case '[':
        return this.#open(false);
      case '!':
        return text.charAt(at + 1) === '[' ? this.#open(true) : this.copy(at + 1);
      case ']':
        return this.#close();
      default: {
        PLAIN.lastIndex = at;
        return this.copy(at + (PLAIN.exec(text)?.[0].length ?? 1));
      }
    }
  }

  #angle(angle: Angle, html: HtmlEnd | null): void {
    const rest = this.text.length;
    if (angle.kind === 'none') return this.copy(this.at + 1);
    if (angle.kind === 'autolink') return this.copy(angle.end);
    if (angle.kind === 'hidden') {
      // A block of HTML ends at a blank line, or with the list or quote it stands in; what it leaves open hides all that follows.
      const inside = this.text.slice(this.at, angle.end);
      const left =
        (html === 'blank' && BLANK_LINE.test(inside)) ||
        (html === 'line' && this.contained && /\n(?![ \t>])/.test(inside));
      const over = angle.end === -1 || left;
      return this.drop(over ? rest : angle.end);
    }
    const end = angle.end === -1 ? rest : angle.end;
    if (angle.unseen)
      return this.drop(isVoid(angle.name) ? end : this.#elementEnd(angle.name, end));
    const bare = angle.end === -1 ? '' : bareTag(angle);
    if (bare === '' || angle.says) this.hidden += 1;
    this.emit(bare);
    this.at = end;
  }

  /** Where an element that nobody sees ends; the end of the text when it is never closed. */
  #elementEnd(name: string, from: number): number {
    let depth = 1;
    for (let at = this.text.indexOf('<', from); at !== -1; at = this.text.indexOf('<', at + 1)) {
      const angle = angleAt(this.text, at, true);
      if (angle.kind !== 'tag' || angle.name !== name) continue;
      depth += angle.closes ? -1 : 1;
      if (angle.end === -1) break;
      if (depth === 0) return angle.end;
    }
    return this.text.length;
  }

  #entity(): void {
    const at = this.at;
    ENTITY.lastIndex = at;
    const match = ENTITY.exec(this.text);
    if (match === null) return this.copy(at + 1);
    const char = decoded(match);
    const end = at + match[0].length;
    if (char === '<' && this.text.startsWith('!--', end)) {
      COMMENT_END.lastIndex = end + 3;
      const close = COMMENT_END.exec(this.text);
      return this.drop(close === null ? this.text.length : close.index + close[0].length);
    }
    return char !== null && isHidden(char) ? this.drop(end) : this.copy(end);
  }

  #open(image: boolean): void {
    const at = this.at + (image ? 1 : 0);
    const note = /^\[\^([^\]\s]{1,200})\]/.exec(this.text.slice(at, at + 204));
    const number = note === null ? undefined : this.#known?.notes.get(normalLabel(note[1] ?? ''));
    if (note !== null) this.used.add(`^${normalLabel(note[1] ?? '')}`);
    if (note !== null && number !== undefined) {
      this.emit(`${image ? '!' : ''}[^${number}]`);
      this.at = at + note[0].length;
      return;
    }
    this.copy(at + 1);
    this.#brackets.push({ out: this.#out.length, image, at: at + 1 });
  }

  /** The end of a link's text, of an image's, or a bracket. */
  #close(): void {
    const at = this.at;
    const open = this.#brackets.pop();
    const tail = this.text.charAt(at + 1) === '(' ? linkTailAt(this.text, at) : null;
    if (tail !== null) return this.#link(open, tail.address, tail.says, tail.end);
    const after = this.text.charAt(at + 1) === '[' ? labelAt(this.text, at + 1) : null;
    const own = this.#ownLabel(open, at);
    const label = normalLabel(after === null || after.label.trim() === '' ? own : after.label);
    if (open !== undefined && label !== '') this.used.add(label);
    const address = label === '' ? undefined : this.#known?.addresses.get(label);
    if (open === undefined || address === undefined) return this.copy(at + 1);
    const says = after !== null && normalLabel(own) !== label && worthTelling(label);
    this.#link(open, address, says, after?.end ?? at + 1);
  }

  #ownLabel(open: { at: number } | undefined, at: number): string {
    if (open === undefined || at - open.at > LABEL_CHARS) return '';
    const own = this.text.slice(open.at, at);
    return own.includes('[') ? '' : own;
  }

  /** Of an image nobody sees the words that stand for it. */
  #link(
    open: { out: number; image: boolean } | undefined,
    address: string,
    says: boolean,
    end: number,
  ): void {
    if (says) this.hidden += 1;
    if (open?.image === true) {
      const words = this.#out.splice(open.out).join('');
      if (!says && worthTelling(words)) this.hidden += 1;
    }
    this.emit(`](${address})`);
    this.at = end;
  }

  emit(text: string): void {
    if (text !== '') this.#out.push(text);
  }

  copy(end: number): void {
    this.emit(this.text.slice(this.at, end));
    this.at = end;
  }

  drop(end: number): void {
    this.hidden += 1;
    this.at = end;
  }
}

/** Text without any sign that means something, up to the end of the line. */
const PLAIN = /[^\n`\\<&[\]!]+/y;

/** The character an entity stands for; null when its name is not one that matters here. */
function decoded(match: RegExpExecArray): string | null {
  const [, decimal, hex, name] = match;
  if (name !== undefined) return Object.hasOwn(NAMED, name) ? (NAMED[name] ?? null) : null;
  const code = decimal === undefined ? Number.parseInt(hex ?? '', 16) : Number(decimal);
  return code > 0 && code <= 0x10ffff ? String.fromCodePoint(code) : null;
}
