/**
 * Purpose: the lines of a Markdown text that a reader sees as plain text at the top level.
 *
 * Not a Markdown parser: a single pass over CommonMark's block rules plus GitLab's `>>>` quotes, which
 * leans to leaving a line out when in doubt (a line glued to a quote or list item belongs to it). The
 * cost is linear in the length of the text; no regular expression runs over more than one line, and
 * none of them backtracks (threats E7).
 */
import { hiddenLines, openTags } from './markdown-inline.ts';

/** A line of the text: `number` counts from 1, `text` has no line ending. */
export interface PlainLine {
  number: number;
  text: string;
}

/** HTML blocks that end at a marker instead of a blank line (CommonMark 4.6, kinds 1 to 5). */
const HTML_ENDS: readonly { start: RegExp; end: RegExp }[] = [
  {
    start: /^<(?:script|pre|style|textarea)(?:[\s>]|$)/i,
    end: /<\/(?:script|pre|style|textarea)>/i,
  },
  { start: /^<!--/, end: /-->/ },
  { start: /^<\?/, end: /\?>/ },
  { start: /^<!\[CDATA\[/, end: /\]\]>/ },
  { start: /^<![A-Za-z]/, end: />/ },
];

/** CommonMark 4.6, kinds 6 and 7, taken together: any line that starts with a tag. */
const HTML_TAG = /^<\/?[A-Za-z][A-Za-z0-9-]*(?:[\s/>]|$)/;
/** What list items and thematic breaks start with. */
const MARKERS = '*-_+0123456789';
const HEADING = /^#{1,6}(?:[ \t]|$)/;
const FENCE = /^(`{3,}|~{3,})/;
const LIST_MARKER = /^(?:[-+*]|\d{1,9}[.)])(?=[ \t]|$)/;
const THEMATIC_BREAK = /^(?:\*[ \t*]*|-[ \t-]*|_[ \t_]*)$/;
const TABLE_DELIMITER = /^[ \t|:-]+$/;

type Block =
  | { type: 'none' }
  | { type: 'paragraph'; lines: PlainLine[] }
  /** After a quote or list line without a blank one: plain text still belongs to it. */
  | { type: 'glued' }
  | { type: 'fence'; char: string; length: number }
  | { type: 'html'; end: RegExp | null }
  | { type: 'quote' };

/** Lines of top-level paragraphs, without those in code, quotes, lists, tables, HTML and comments. */
export function plainLines(markdown: string): PlainLine[] {
  return new Scanner().run(markdown);
}

class Scanner {
  private readonly found: PlainLine[] = [];
  private block: Block = { type: 'none' };
  /** Columns that a line must be indented to stay in the list item; 0 outside of lists. */
  private listIndent = 0;
  /** Tags of containers such as `<details>` that are open. */
  private readonly tags = new Map<string, number>();

  run(markdown: string): PlainLine[] {
    const lines = markdown.split(/\r\n|\n|\r/);
    for (const [index, text] of lines.entries()) this.line({ number: index + 1, text });
    this.endParagraph();
    return this.found;
  }

  private line(line: PlainLine): void {
    const indent = indentOf(line.text);
    const rest = trimBlanks(line.text);
    if (this.insideBlock(line, indent, rest)) return;
    if (rest === '') {
      this.close({ type: 'none' });
      return;
    }
    if (this.listIndent > 0 && indent >= this.listIndent) {
      this.close({ type: 'glued' });
      return;
    }
    if (indent > 3) {
      // Indented code, unless it goes on with a paragraph; neither holds a line that counts.
      if (this.block.type === 'paragraph') this.block.lines.push(line);
      return;
    }
    const { listIndent } = this;
    this.listIndent = 0;
    if (this.opensBlock(line, indent, rest)) return;
    if (this.block.type === 'glued') {
      this.listIndent = listIndent;
      return;
    }
    if (this.block.type === 'paragraph') this.block.lines.push(line);
    else this.block = { type: 'paragraph', lines: [line] };
  }

  /** Handles a line of an open fence, HTML block or `>>>` quote. */
  private insideBlock(line: PlainLine, indent: number, rest: string): boolean {
    const block = this.block;
    if (block.type === 'fence') {
      const run = FENCE.exec(rest)?.[0] ?? '';
      const closes = run.startsWith(block.char) && run.length >= block.length;
      if (indent <= 3 && closes && rest.length === run.length) this.close({ type: 'none' });
      return true;
    }
    if (block.type === 'html') {
      if (block.end === null) openTags(line.text, this.tags);
      const ends = block.end === null ? rest === '' : block.end.test(line.text);
      if (ends) this.close({ type: 'none' });
      return true;
    }
    if (block.type === 'quote') {
      if (isQuoteFence(line.text, rest)) this.close({ type: 'none' });
      return true;
    }
    return false;
  }

  /** Recognises the first line of anything that is no paragraph, by what it starts with. */
  private opensBlock(line: PlainLine, indent: number, rest: string): boolean {
    switch (rest.charAt(0)) {
      case '`':
      case '~':
        return this.opensFence(rest);
      case '>':
        this.close({ type: isQuoteFence(line.text, rest) ? 'quote' : 'glued' });
        return true;
      case '<':
        return this.opensHtml(line, rest);
      case '#':
        if (!HEADING.test(rest)) return false;
        this.close({ type: 'none' });
        return true;
      default:
        return MARKERS.includes(rest.charAt(0)) && this.opensListOrBreak(indent, rest);
    }
  }

  private opensFence(rest: string): boolean {
    const fence = FENCE.exec(rest)?.[0];
    if (fence === undefined) return false;
    const char = fence.charAt(0);
    if (char === '`' && rest.includes('`', fence.length)) return false;
    this.close({ type: 'fence', char, length: fence.length });
    return true;
  }

  private opensListOrBreak(indent: number, rest: string): boolean {
    if (isThematicBreak(rest)) {
      this.close({ type: 'none' });
      return true;
    }
    const marker = LIST_MARKER.exec(rest)?.[0];
    if (marker === undefined) return false;
    this.close({ type: 'glued' });
    this.listIndent = indent + contentOffset(rest, marker);
    return true;
  }

  private opensHtml(line: PlainLine, rest: string): boolean {
    const marked = HTML_ENDS.find(({ start }) => start.test(rest));
    if (marked === undefined && !HTML_TAG.test(rest)) return false;
    this.close({ type: 'html', end: marked?.end ?? null });
    if (marked === undefined) openTags(line.text, this.tags);
    // What starts a block does not end it: `<!-->` is an open comment to us.
    else if (marked.end.test(rest.replace(marked.start, ''))) this.close({ type: 'none' });
    return true;
  }

  private close(next: Block): void {
    this.endParagraph();
    this.block = next;
  }

  private endParagraph(): void {
    if (this.block.type !== 'paragraph') return;
    const { lines } = this.block;
    const hidden = hiddenLines(
      lines.map(({ text }) => text),
      this.tags,
    );
    for (const [index, line] of lines.entries()) {
      // The rows of a table go on to the end of the paragraph.
      if (index > 0 && line.text.includes('|') && TABLE_DELIMITER.test(line.text)) return;
      if (!hidden.has(index) && indentOf(line.text) <= 3) this.found.push(line);
    }
  }
}

/** GitLab's multi-line quote stands between two lines of nothing but `>>>`. */
function isQuoteFence(text: string, rest: string): boolean {
  return rest === '>>>' && text.startsWith('>>>');
}

function isThematicBreak(rest: string): boolean {
  return THEMATIC_BREAK.test(rest) && rest.replaceAll(/[ \t]/g, '').length >= 3;
}

/** Columns from the list marker to the content of the item (CommonMark 5.2). */
function contentOffset(rest: string, marker: string): number {
  const gap = indentOf(rest.slice(marker.length));
  const blank = rest.length === marker.length;
  return marker.length + (blank || gap > 4 ? 1 : Math.max(gap, 1));
}

/** The text without leading and trailing spaces and tabs; other blanks are text to Markdown. */
export function trimBlanks(text: string): string {
  let start = 0;
  let end = text.length;
  while (start < end && isBlank(text.charAt(start))) start += 1;
  while (end > start && isBlank(text.charAt(end - 1))) end -= 1;
  return text.slice(start, end);
}

function isBlank(char: string): boolean {
  return char === ' ' || char === '\t';
}

/** Columns of leading blanks; a tab goes to the next multiple of four. */
function indentOf(text: string): number {
  let columns = 0;
  for (let index = 0; isBlank(text.charAt(index)); index += 1) {
    columns += text.charAt(index) === ' ' ? 1 : 4 - (columns % 4);
  }
  return columns;
}
