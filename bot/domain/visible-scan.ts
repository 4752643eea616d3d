/** Purpose: one pass over a Markdown text that leaves out what GitLab does not show of it. */
import { codeSpans } from './markdown-inline.ts';
import {
  codeIsSure,
  containerOf,
  endsParagraph,
  fenceIsSure,
  fenceLine,
  fenceOf,
  lineEnd,
  type Container,
  type Fence,
} from './visible-code.ts';
import { CLOSES_RAW, htmlBlock, type HtmlEnd } from './visible-html.ts';
import { InlineScan, type Known } from './visible-inline.ts';
import { definitionAt, normalLabel } from './visible-links.ts';

const FOOTNOTE = /^\[\^([^\]\s]{1,200})\]:/;

/** One pass. Characters nobody sees must be gone before. */
export class Scan {
  readonly addresses = new Map<string, string>();
  readonly notes = new Map<string, number>();
  readonly on: InlineScan;
  readonly #text: string;
  readonly #known: Known | null;
  #fence: Fence | null = null;
  #html: HtmlEnd | null = null;
  /** A block whose structure could not be told: nothing after it counts as code. */
  #doubt = false;
  #paragraph = false;
  #code = { sure: false, end: 0 };

  constructor(text: string, known: Known | null) {
    this.#text = text;
    this.#known = known;
    this.on = new InlineScan(text, known);
  }

  run(): string {
    while (this.on.at < this.#text.length) this.#line();
    return this.on.shown();
  }

  #line(): void {
    const start = this.on.at;
    const end = lineEnd(this.#text, start);
    const raw = this.#text.slice(start, end);
    if (this.#fence !== null && this.#fenced(this.#fence, raw)) return;
    const line = containerOf(raw);
    if (line.rest === '') {
      if (this.#html === 'blank' && raw.trim() === '') this.#html = null;
      this.#paragraph = false;
      this.on.endParagraph();
      return this.#emitLine(raw);
    }
    if (this.#opens(line, raw)) return;
    this.#paragraph = this.#html === null && !endsParagraph(line);
    if (start >= this.#code.end) this.#code = codeIsSure(this.#text, start);
    this.on.emit(raw.slice(0, line.offset));
    this.on.at = start + line.offset;
    this.on.contained = line.item || line.quotes > 0;
    this.#inline();
  }

  /** A fence, a definition or a block of HTML that the line begins; true when the line is dealt with. */
  #opens(line: Container, raw: string): boolean {
    const { rest, offset } = line;
    const start = this.on.at + offset;
    const fence = fenceOf(line);
    if (fence !== null) {
      // Where none can be told for sure nothing that follows is code, but the name of a language goes.
      const html = this.#html !== null;
      if (!html && !this.#doubt && fenceIsSure(this.#text, this.on.at, fence)) this.#fence = fence;
      // The name of a language is seen by nobody either, but it is no news.
      if (fence.info !== '' && !/^[\w+#.-]{1,20}$/.test(fence.info)) this.on.hidden += 1;
      this.#emitLine(`${raw.slice(0, offset)}${fence.char.repeat(fence.length)}`);
      return true;
    }
    if (this.#html !== null) return false;
    if (rest.startsWith('[^') && this.#footnote(rest, start)) return true;
    if (rest.startsWith('[') && !this.#paragraph) {
      const found = definitionAt(this.#text, start);
      if (found !== null) {
        if (!this.addresses.has(found.label)) this.addresses.set(found.label, found.address);
        if (found.says || this.#known?.used.has(found.label) !== true) this.on.hidden += 1;
        this.on.at = Math.min(found.end + 1, this.#text.length);
        return true;
      }
    }
    this.#html = htmlBlock(rest);
    return false;
  }

  /** A line while a fence is open; false when it turned out to be none of its lines. */
  #fenced(fence: Fence, raw: string): boolean {
    const place = fenceLine(fence, raw);
    if (place === 'closes' || place === 'inside') {
      this.#emitLine(raw);
      if (place === 'closes') this.#fence = null;
      return true;
    }
    this.#fence = null;
    this.#doubt ||= place === 'doubt';
    return false;
  }

  /** A footnote's text is shown when something points at it; its label never is. */
  #footnote(rest: string, start: number): boolean {
    const label = FOOTNOTE.exec(rest)?.[1];
    if (label === undefined) return false;
    const key = normalLabel(label);
    if (!this.notes.has(key)) this.notes.set(key, this.notes.size + 1);
    const number = this.#known?.notes.get(key);
    this.on.at = start + label.length + 4;
    if (number !== undefined) {
      this.on.emit(`[^${number}]:`);
      this.#inline();
      return true;
    }
    this.on.hidden += 1;
    this.#skipFootnote();
    return true;
  }

  #skipFootnote(): void {
    let blank = false;
    for (let at = lineEnd(this.#text, this.on.at) + 1; ;) {
      this.on.at = Math.min(at, this.#text.length);
      if (at >= this.#text.length) return;
      const end = lineEnd(this.#text, at);
      const raw = this.#text.slice(at, end);
      const deep = /^(?: {4}|\t)/.test(raw);
      const empty = raw.trim() === '';
      if (!empty && !deep && (blank || endsParagraph(containerOf(raw)))) return;
      blank = empty;
      at = end + 1;
    }
  }

  /** From here to the end of the line on which it comes out. */
  #inline(): void {
    const text = this.#text;
    let closing = this.#codeFrom();
    let stop = lineEnd(text, this.on.at);
    while (this.on.at < stop) {
      const line = stop;
      this.on.token(closing, this.#html);
      if (this.on.at <= line) continue;
      // Something reached over the end of the line: what follows may be anything but code.
      this.#html ??= 'blank';
      stop = lineEnd(text, this.on.at);
      closing = null;
    }
    const raw = text.slice(text.lastIndexOf('\n', stop - 1) + 1, stop);
    if (this.#html === 'line' || (this.#html === 'closed' && CLOSES_RAW.test(raw)))
      this.#html = null;
    if (stop < text.length) this.on.emit('\n');
    this.on.at = Math.min(stop + 1, text.length);
  }

  #codeFrom(): ((at: number) => number) | null {
    if (this.#doubt || this.#html !== null || !this.#code.sure) return null;
    const start = this.on.at;
    const closing = codeSpans(this.#text.slice(start, lineEnd(this.#text, start)));
    return (at) => start + closing(at - start);
  }

  #emitLine(raw: string): void {
    const end = lineEnd(this.#text, this.on.at);
    this.on.emit(end < this.#text.length ? `${raw}\n` : raw);
    this.on.at = Math.min(end + 1, this.#text.length);
  }
}
