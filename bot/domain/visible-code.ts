/**
 * Purpose: which stretches of a Markdown text are surely code. Only there is everything shown as it
 * stands, so a doubt counts as no code: a stretch that GitLab would hide must never pass as code.
 */
import { codeSpans, runLength } from './markdown-inline.ts';
import { htmlBlock } from './visible-html.ts';

const FENCE = /^(?:`{3,}|~{3,})/;
const TABLE_DELIMITER = /^[ \t|:-]+$/;

/** Quotes and lists inside each other; deeper ones are text. */
const CONTAINERS = 20;

/** What a line stands in: quotes and list items. `rest` begins at `offset`. */
export interface Container {
  quotes: number;
  offset: number;
  /** Blanks and list markers before it, from the last quote marker on. */
  column: number;
  rest: string;
  /** It begins a list item. */
  item: boolean;
}

/** Peels quote and list markers off a line. */
export function containerOf(line: string): Container {
  if (!' \t>-+*0123456789'.includes(line.charAt(0))) {
    return { quotes: 0, offset: 0, column: 0, rest: line, item: false };
  }
  let offset = 0;
  let quoted = 0;
  let quotes = 0;
  let item = false;
  for (let depth = 0; ; depth += 1) {
    const blank = /^[ \t]*/.exec(line.slice(offset, offset + 200))?.[0].length ?? 0;
    const from = offset + blank;
    const marker = /^(?:[-+*]|\d{1,9}[.)])(?=[ \t]|$)/.exec(line.slice(from, from + 11))?.[0];
    if (line.charAt(from) === '>' && depth < CONTAINERS) {
      quotes += 1;
      offset = line.charAt(from + 1) === ' ' ? from + 2 : from + 1;
      quoted = offset;
    } else if (
      depth < CONTAINERS &&
      marker !== undefined &&
      !THEMATIC_BREAK.test(line.slice(from))
    ) {
      item = true;
      offset = from + marker.length;
    } else {
      return { quotes, offset: from, column: from - quoted, rest: line.slice(from), item };
    }
  }
}

/** Also what underlines a heading. */
const THEMATIC_BREAK = /^(?:=+[ \t]*|\*[ \t*]*|-[ \t-]*|_[ \t_]*)$/;
const HEADING = /^#{1,6}(?:[ \t]|$)/;

/** True when a line that follows this one may begin something new without a blank line between. */
export function endsParagraph(line: Container): boolean {
  const { rest } = line;
  const rule = THEMATIC_BREAK.test(rest) && rest.replaceAll(/[ \t]/g, '').length >= 1;
  return rest === '' || HEADING.test(rest) || rule || !/^[\p{L}\p{N}*_"'(]/u.test(rest);
}

export interface Fence {
  char: string;
  length: number;
  quotes: number;
  /** Lines with less than so many columns before them end it, and leave a doubt. */
  column: number;
  item: boolean;
  /** What stands behind the fence; nobody sees it. */
  info: string;
}

/** The fence that a line opens; null when it opens none, or none for sure. */
export function fenceOf(line: Container): Fence | null {
  const run = FENCE.exec(line.rest)?.[0];
  if (run === undefined) return null;
  const info = line.rest.slice(run.length).trim();
  const char = run.charAt(0);
  if (char === '`' && info.includes('`')) return null;
  const { quotes, column, item } = line;
  return { char, length: run.length, quotes, column, item, info };
}

/** Deeper than this a line may be indented code, or go on with a paragraph: a fence is then none. */
const DEEP = 4;

/**
 * Whether the fence on the line at `at` is one whatever lists it may stand in: a deep one has to be closed by
 * the same run of backticks before any line that leaves it.
 */
export function fenceIsSure(text: string, at: number, fence: Fence): boolean {
  if (fence.column < DEEP || fence.item) return true;
  if (fence.char !== '`') return false;
  const run = '`'.repeat(fence.length);
  for (let start = lineEnd(text, at) + 1; start < text.length;) {
    const end = lineEnd(text, start);
    const raw = text.slice(start, end);
    if (raw.includes(run)) return raw.trim() === run && fenceLine(fence, raw) === 'closes';
    if (fenceLine(fence, raw) !== 'inside') return false;
    start = end + 1;
  }
  return false;
}

/** `inside`, `closes`, `over`: the line is no part of it. `doubt`: it cannot be told which. */
export function fenceLine(fence: Fence, raw: string): 'inside' | 'closes' | 'over' | 'doubt' {
  const { quotes, offset } = quotesOf(raw, fence.quotes);
  if (quotes < fence.quotes) return 'over';
  const rest = raw.slice(offset);
  const blank = /^[ \t]*/.exec(rest)?.[0].length ?? 0;
  const text = rest.trim();
  if (text !== '' && blank < fence.column) return 'doubt';
  const run = /^(?:`+|~+)$/.exec(text)?.[0] ?? '';
  return run.startsWith(fence.char) && run.length >= fence.length ? 'closes' : 'inside';
}

function quotesOf(raw: string, most: number): { quotes: number; offset: number } {
  let offset = 0;
  let quotes = 0;
  while (quotes < most) {
    const marker = /^ {0,3}> ?/.exec(raw.slice(offset, offset + 6))?.[0];
    if (marker === undefined) break;
    offset += marker.length;
    quotes += 1;
  }
  return { quotes, offset };
}

/**
 * Whether backticks on the lines from `from` to the next blank line or fence pair up on each line by
 * itself, so that they mean the same however the lines hang together. Returns where those lines end.
 */
export function codeIsSure(text: string, from: number): { sure: boolean; end: number } {
  let sure = true;
  let table = false;
  let pipes = false;
  let at = from;
  while (at < text.length) {
    const end = lineEnd(text, at);
    const line = containerOf(text.slice(at, end));
    if (line.rest === '' || (at > from && fenceOf(line) !== null)) break;
    if (htmlBlock(line.rest) !== null) sure = false;
    table ||= line.rest.includes('-') && TABLE_DELIMITER.test(line.rest);
    const paired = pairs(line.rest);
    sure &&= paired.sure;
    pipes ||= paired.pipes;
    at = end + 1;
  }
  return { sure: sure && !(table && pipes), end: Math.min(at, text.length) };
}

export function lineEnd(text: string, at: number): number {
  const end = text.indexOf('\n', at);
  return end === -1 ? text.length : end;
}

/**
 * True when every run of backticks of a line is part of a span, and nothing before one could swallow it:
 * an address, a formula or a wiki link.
 */
function pairs(line: string): { sure: boolean; pipes: boolean } {
  if (!line.includes('`')) return { sure: true, pipes: false };
  const closing = codeSpans(line);
  let pipes = false;
  let address = false;
  for (let at = 0; at < line.length;) {
    const char = line.charAt(at);
    if (char === '\\') at += 2;
    else if (char === '`') {
      const end = closing(at);
      const alone = end === at + runLength(line, at);
      if (alone || address) return { sure: false, pipes };
      pipes ||= line.slice(at, end).includes('|');
      at = end;
    } else if (char === '$' || line.startsWith('[[', at)) {
      return { sure: false, pipes };
    } else {
      if (char === ' ' || char === '\t') address = false;
      else address ||= line.startsWith('://', at) || line.startsWith('www.', at);
      at += 1;
    }
  }
  return { sure: true, pipes };
}
