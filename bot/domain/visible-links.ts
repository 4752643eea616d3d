/** Purpose: what of links, images, their definitions and footnotes a reader sees. */
import { worthTelling } from './visible-html.ts';

/** CommonMark's own limits. */
const LABEL_CHARS = 999;
const PARENTHESES = 32;
/** Longest address that is kept of a link; nobody reads it, but it may name a file. */
const ADDRESS_CHARS = 200;

export interface Definition {
  label: string;
  address: string;
  /** What it says besides an address, which nobody sees. */
  says: boolean;
  end: number;
}

/** The part of an inline link from `](` on. */
export interface LinkTail {
  address: string;
  says: boolean;
  end: number;
}

/** Labels are compared without regard to case and blanks. */
export function normalLabel(label: string): string {
  return label
    .replaceAll(/[\s>]+/g, ' ')
    .trim()
    .toLowerCase();
}

/** `[label]: address "title"` at `at`, over several lines if need be; null when it is none. */
export function definitionAt(text: string, at: number): Definition | null {
  const close = labelEnd(text, at);
  if (close === null || text.charAt(close + 1) !== ':') return null;
  const label = text.slice(at + 1, close);
  if (label.trim() === '' || label.startsWith('^')) return null;
  const found = destinationAt(text, blanks(text, close + 2));
  if (found === null || found.end === found.start) return null;
  // On a line of its own, what looks like the start of a block is one.
  const below = text.slice(close + 2, found.start).includes('\n');
  if (below && !/^[A-Za-z/.]/.test(text.charAt(found.start))) return null;
  const titled = titleAt(text, blanks(text, found.end), found.end);
  const lineEnd = restOfLine(text, titled?.end ?? found.end) ?? restOfLine(text, found.end);
  if (lineEnd === null) return null;
  const withTitle = titled !== null && titled.end <= lineEnd;
  const { address, cut } = cleanAddress(text.slice(found.start, found.end));
  const says = cut || (withTitle && titled.title.trim() !== '') || worthTelling(label);
  return { label: normalLabel(label), address, says, end: lineEnd };
}

/** `](address "title")` at `at`; null when it is none. */
export function linkTailAt(text: string, at: number): LinkTail | null {
  const found = destinationAt(text, blanks(text, at + 2));
  if (found === null) return null;
  const titled = titleAt(text, blanks(text, found.end), found.end);
  const close = blanks(text, titled?.end ?? found.end);
  if (text.charAt(close) !== ')') return null;
  const { address, cut } = cleanAddress(text.slice(found.start, found.end));
  return { address, says: cut || (titled !== null && worthTelling(titled.title)), end: close + 1 };
}

/** `[label]` at `at`, without brackets in it: the label and where it ends. */
export function labelAt(text: string, at: number): { label: string; end: number } | null {
  const close = labelEnd(text, at);
  return close === null ? null : { label: text.slice(at + 1, close), end: close + 1 };
}

function labelEnd(text: string, at: number): number | null {
  const last = Math.min(text.length, at + LABEL_CHARS);
  for (let end = at + 1; end < last; end += 1) {
    const char = text.charAt(end);
    if (char === ']') return end;
    if (char === '[') return null;
    if (char === '\n' && isBlankLine(text, end + 1)) return null;
    if (char === '\\') end += 1;
  }
  return null;
}

/** An address without what a reader would have to look for: query and fragment, and a long tail. */
function cleanAddress(given: string): { address: string; cut: boolean } {
  const plain = given.replaceAll(/^<|>$/g, '');
  const short = /^[^?#]*/.exec(plain)?.[0].slice(0, ADDRESS_CHARS) ?? '';
  // A line of a file and a note are places that people point at.
  const place = /^#(?:L\d+(?:-L?\d+)?|note_\d+)$/.exec(plain.slice(short.length))?.[0] ?? '';
  const address = `${short.replaceAll(/\s+/g, '')}${place}` || '#';
  return { address, cut: worthTelling(plain.slice(short.length + place.length)) };
}

function destinationAt(text: string, from: number): { start: number; end: number } | null {
  if (text.charAt(from) === '<') {
    for (let at = from + 1; at < text.length; at += 1) {
      const char = text.charAt(at);
      if (char === '>') return { start: from, end: at + 1 };
      if (char === '\n' || char === '<') return null;
      if (char === '\\') at += 1;
    }
    return null;
  }
  let depth = 0;
  let at = from;
  for (; at < text.length; at += 1) {
    const char = text.charAt(at);
    if (char <= ' ') break;
    if (char === '\\') at += 1;
    else if (char === '(') depth += 1;
    else if (char === ')') depth -= 1;
    if (depth < 0) break;
    if (depth > PARENTHESES) return null;
  }
  return depth > 0 ? null : { start: from, end: Math.min(at, text.length) };
}

/** A title in quotes or parentheses, apart from what stands before it; it may span lines, not a blank one. */
function titleAt(
  text: string,
  from: number,
  before: number,
): { title: string; end: number } | null {
  const open = text.charAt(from);
  if (from === before || !['"', "'", '('].includes(open)) return null;
  const close = open === '(' ? ')' : open;
  for (let at = from + 1; at < text.length; at += 1) {
    const char = text.charAt(at);
    if (char === close) return { title: text.slice(from + 1, at), end: at + 1 };
    if (char === '\n' && isBlankLine(text, at + 1)) return null;
    if (char === '\\') at += 1;
    else if (open === '(' && char === '(') return null;
  }
  return null;
}

/** Position after blanks, which may hold one line break. */
function blanks(text: string, from: number): number {
  let at = from;
  let lines = 0;
  for (; at < text.length; at += 1) {
    const char = text.charAt(at);
    if (char === '\n' && (lines += 1) > 1) break;
    if (char !== '\n' && char !== ' ' && char !== '\t') break;
  }
  return at;
}

/** Where the line ends when nothing but blanks is left of it; null when there is more. */
function restOfLine(text: string, from: number): number | null {
  let at = from;
  while (text.charAt(at) === ' ' || text.charAt(at) === '\t') at += 1;
  return at >= text.length || text.charAt(at) === '\n' ? Math.min(at, text.length) : null;
}

function isBlankLine(text: string, from: number): boolean {
  let at = from;
  while (text.charAt(at) === ' ' || text.charAt(at) === '\t') at += 1;
  return at >= text.length || text.charAt(at) === '\n';
}
