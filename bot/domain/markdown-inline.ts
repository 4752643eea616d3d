/** Purpose: which lines of one Markdown paragraph start inside a code span, a comment or a container. */

/** Elements that fold away or set apart what stands in them; the text after the tag is theirs. */
const CONTAINERS = new Set([
  'aside',
  'blockquote',
  'details',
  'dialog',
  'div',
  'figure',
  'iframe',
  'pre',
  'section',
  'table',
  'template',
]);

/** Container names are short; a longer name is no tag to us. */
const TAG = /<(\/?)([A-Za-z][A-Za-z0-9-]{0,20})(?=[\s/>]|$)/g;
const FIRST_TAG = new RegExp(`^${TAG.source}`);
const MAX_TAG_START = 24;

/**
 * Indices of the lines that do not start as plain text. `open` holds the containers open so far with
 * their depth and is brought up to date. Linear in the length of the paragraph.
 */
export function hiddenLines(lines: readonly string[], open: Map<string, number>): Set<number> {
  const text = lines.join('\n');
  const closingRun = codeSpans(text);
  const hidden = new Set<number>();
  let line = 0;
  let comments = true;
  if (open.size > 0) hidden.add(0);

  for (let at = 0; at < text.length;) {
    const char = text.charAt(at);
    let end = at + 1;
    if (char === '\n') {
      line += 1;
      if (open.size > 0) hidden.add(line);
    } else if (char === '\\') {
      if (text.charAt(end) !== '\n') end += 1;
    } else if (char === '`') {
      end = closingRun(at);
    } else if (char === '<' && comments && text.startsWith('<!--', at)) {
      const close = text.indexOf('-->', at + 4);
      // Without an end it is plain text, and so are all that follow.
      comments = close !== -1;
      if (comments) end = close + 3;
    } else if (char === '<') {
      end = tagEnd(text, at, open);
    }
    for (let next = at + 1; next < end; next += 1) {
      if (text.charAt(next) !== '\n') continue;
      line += 1;
      hidden.add(line);
    }
    at = end;
  }
  return hidden;
}

/** Counts the container tags of a line of raw HTML. */
export function openTags(line: string, open: Map<string, number>): void {
  for (const [, slash, name] of line.matchAll(TAG)) count(open, slash === '/', name ?? '');
}

function count(open: Map<string, number>, closes: boolean, name: string): void {
  const key = name.toLowerCase();
  if (!CONTAINERS.has(key)) return;
  const depth = (open.get(key) ?? 0) + (closes ? -1 : 1);
  if (depth > 0) open.set(key, depth);
  else open.delete(key);
}

/** End of the tag that starts at `at`; the next character when there is none. */
function tagEnd(text: string, at: number, open: Map<string, number>): number {
  const parts = FIRST_TAG.exec(text.slice(at, at + MAX_TAG_START));
  if (parts === null) return at + 1;
  count(open, parts[1] === '/', parts[2] ?? '');
  let end = at + 1;
  while (end < text.length && text.charAt(end) !== '>' && text.charAt(end) !== '<') end += 1;
  return text.charAt(end) === '>' ? end + 1 : at + 1;
}

/**
 * Prepares the look-up of code spans (CommonMark 6.1): given where a run of backticks starts, it tells
 * where the span ends, or where the run ends when no run of the same length follows. The starts must
 * be asked in rising order, which makes all look-ups together linear.
 */
export function codeSpans(text: string): (start: number) => number {
  const runs = new Map<number, { starts: number[]; next: number }>();
  for (let at = text.indexOf('`'); at !== -1;) {
    const length = runLength(text, at);
    const same = runs.get(length);
    if (same === undefined) runs.set(length, { starts: [at], next: 0 });
    else same.starts.push(at);
    at = text.indexOf('`', at + length);
  }
  return (start) => {
    const length = runLength(text, start);
    const same = runs.get(length);
    if (same === undefined) return start + length;
    while ((same.starts[same.next] ?? Infinity) < start + length) same.next += 1;
    const close = same.starts[same.next];
    return close === undefined ? start + length : close + length;
  };
}

export function runLength(text: string, start: number): number {
  let end = start;
  while (text.charAt(end) === '`') end += 1;
  return end - start;
}
