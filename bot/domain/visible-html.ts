/**
 * Purpose: what of HTML inside Markdown a reader sees. Tags follow CommonMark 6.6 where Markdown decides,
 * and a laxer reading inside blocks of raw HTML, where a browser does; in doubt more counts as hidden.
 */

/** Elements whose tags are kept, bare: they shape what is read. Any other tag is taken out. */
const KEPT = new Set(
  `a abbr b blockquote br caption center code dd del details div dl dt em figure figcaption h1 h2 h3 h4
  h5 h6 hr i img ins kbd li mark ol p pre q s samp small span strike strong sub summary sup table tbody
  td tfoot th thead tr tt u ul var`.split(/\s+/),
);
/** Elements whose content no reader sees. */
const UNSEEN = new Set(
  'embed frameset head iframe link meta noembed noframes noscript object param script source style svg template title track'.split(
    ' ',
  ),
);
const VOID = new Set(
  'area base br col embed hr img input link meta param source track wbr'.split(' '),
);

/** Attributes that say nothing to anybody, so that taking them out is not worth a word. */
const PLAIN_ATTRIBUTE =
  /^(?:align|class|colspan|dir|height|href|id|lang|name|open|rel|rowspan|src|start|target|type|valign|width)$/;

const NAME = /<(\/?)([A-Za-z][A-Za-z0-9-]*)/y;
const LAX_NAME = /<(\/?)([A-Za-z][^\s/>]*)/y;
const ATTRIBUTE = /\s+([A-Za-z_:][\w.:-]*)(?:\s*=\s*("[^"]*"|'[^']*'|[^\s"'=<>`]+))?/y;
const TAG_END = /\s*\/?>/y;
export const BLANK_LINE = /\n[ \t]*\n/;
/** Declarations, processing instructions and character data: none of it is ever shown. */
const OTHERS: readonly { start: string; end: string }[] = [
  { start: '<?', end: '?>' },
  { start: '<![CDATA[', end: ']]>' },
];
const DECLARATION = /<![A-Za-z][^>]*>/y;
const AUTOLINK = /<(?:[A-Za-z][A-Za-z0-9+.-]{1,31}:[^\s<>]*|[\w.+-]{1,64}@[\w.-]{1,255})>/y;

/** What starts with a `<`. `none`: a plain character. */
export type Angle =
  | { kind: 'none' }
  /** Shown as it stands. */
  | { kind: 'autolink'; end: number }
  | { kind: 'hidden'; end: number }
  | {
      kind: 'tag';
      end: number;
      name: string;
      closes: boolean;
      /** The element and all it holds are not shown. */
      unseen: boolean;
      /** Its attributes say something that is worth telling. */
      says: boolean;
    };

/** Looks at the `<` at `at`. `lax`: inside a block of raw HTML. An end of -1 means: to the end of the text. */
export function angleAt(text: string, at: number, lax: boolean): Angle {
  const next = text.charAt(at + 1);
  if (!/[A-Za-z/!?0-9_.+-]/.test(next)) return { kind: 'none' };
  if (next !== '!' && next !== '?') {
    const link = next === '/' || lax ? null : matchAt(AUTOLINK, text, at);
    if (link !== null) return { kind: 'autolink', end: at + link[0].length };
    return tagAt(text, at, lax);
  }
  if (text.startsWith('<!--', at)) return { kind: 'hidden', end: after(text, '-->', at + 4) };
  for (const { start, end } of OTHERS) {
    if (text.startsWith(start, at)) return { kind: 'hidden', end: after(text, end, at + 2) };
  }
  const declaration = matchAt(DECLARATION, text, at);
  if (declaration === null) return { kind: 'none' };
  return { kind: 'hidden', end: at + declaration[0].length };
}

/** Where a block of raw HTML ends: at a blank line, with its line, or where a tag closes it. */
export type HtmlEnd = 'blank' | 'line' | 'closed';
export const CLOSES_RAW = /<\/(?:script|pre|style|textarea)>/i;

/** Whether a line begins a block of raw HTML, and where that ends. */
export function htmlBlock(line: string): HtmlEnd | null {
  if (!line.startsWith('<')) return null;
  if (/^<(?:script|pre|style|textarea)(?:[\s>]|$)/i.test(line)) return 'closed';
  if (/^<(?:!--|\?|![A-Za-z[])/.test(line)) return 'line';
  if (BLOCK.test(line)) return 'blank';
  const tag = tagAt(line, 0, false);
  const alone = tag.kind === 'tag' && line.slice(tag.end).trim() === '';
  return alone ? 'blank' : null;
}

const BLOCK =
  /^<\/?(?:address|article|aside|base|basefont|blockquote|body|caption|center|col|colgroup|dd|details|dialog|dir|div|dl|dt|fieldset|figcaption|figure|footer|form|frame|frameset|h[1-6]|head|header|hr|html|iframe|legend|li|link|main|menu|menuitem|nav|noframes|ol|optgroup|option|p|param|search|section|summary|table|tbody|td|tfoot|th|thead|title|tr|track|ul)(?:[\s/>]|$)/i;

/** The tag as it is kept, '' when it is not. */
export function bareTag(tag: Angle & { kind: 'tag' }): string {
  return KEPT.has(tag.name) ? `<${tag.closes ? '/' : ''}${tag.name}>` : '';
}

export function isVoid(name: string): boolean {
  return VOID.has(name);
}

/** Text that was never shown is worth a word when it could be a sentence. */
export function worthTelling(text: string): boolean {
  return text.length > 40 || /\S\s+\S/.test(text.trim());
}

function tagAt(text: string, at: number, lax: boolean): Angle {
  const start = matchAt(lax ? LAX_NAME : NAME, text, at);
  if (start === null) return { kind: 'none' };
  const closes = start[1] === '/';
  const name = (start[2] ?? '').toLowerCase();
  const from = at + start[0].length;
  const strict = strictEnd(text, from);
  let end = strict ?? (lax ? laxEnd(text, from) : null);
  if (end === null) return { kind: 'none' };
  const inside = text.slice(from, end === -1 ? text.length : end);
  if (BLANK_LINE.test(inside)) {
    // To Markdown it is no tag then; what a block of raw HTML leaves open hides all that follows.
    if (!lax) return { kind: 'none' };
    end = -1;
  }
  const { hides, says } = attributesOf(inside);
  return { kind: 'tag', end, name, closes, unseen: !closes && (hides || UNSEEN.has(name)), says };
}

/** End of a tag as Markdown knows it; null when it is none. */
function strictEnd(text: string, from: number): number | null {
  let at = from;
  for (;;) {
    const attribute = matchAt(ATTRIBUTE, text, at);
    if (attribute === null) break;
    at += attribute[0].length;
  }
  const end = matchAt(TAG_END, text, at);
  return end === null ? null : at + end[0].length;
}

/** End of a tag as a browser knows it: an open quote goes on to the next, over whatever comes between. */
function laxEnd(text: string, from: number): number {
  let last = '';
  for (let at = from; at < text.length; at += 1) {
    const char = text.charAt(at);
    if (char === '>') return at + 1;
    if (last === '=' && (char === '"' || char === "'")) {
      at = text.indexOf(char, at + 1);
      if (at === -1) return -1;
    }
    if (!/\s/.test(char)) last = char;
  }
  return -1;
}

const HIDING_STYLE =
  /display:none|visibility:(?:hidden|collapse)|opacity:0(?:\.0*)?(?:[;%]|$)|(?:font-size|line-height|width|height|max-height|max-width):0(?:[a-z%;]|$)|clip(?:-path)?:|text-indent:-\d|(?:left|top):-\d{3,}|color:transparent/;

function attributesOf(inside: string): { hides: boolean; says: boolean } {
  let hides = false;
  let says = false;
  for (const [, name = '', value = ''] of inside.matchAll(
    /([A-Za-z_:@][\w.:@-]*)\s*(?:=\s*("[^"]*"|'[^']*'|[^\s"'>]+))?/g,
  )) {
    const key = name.toLowerCase();
    const plain = value.replaceAll(/^["']|["']$/g, '').toLowerCase();
    if (key === 'hidden') hides = true;
    if (key === 'style') hides ||= HIDING_STYLE.test(plain.replaceAll(/\s+/g, ''));
    if ((key === 'width' || key === 'height') && /^0(?:px|%|em)?$/.test(plain)) hides = true;
    if (!PLAIN_ATTRIBUTE.test(key)) says ||= worthTelling(`${key} ${plain}`);
    else says ||= worthTelling(plain) && /\s\S+\s/.test(plain);
  }
  return { hides, says };
}

function after(text: string, mark: string, from: number): number {
  const at = text.indexOf(mark, from);
  return at === -1 ? -1 : at + mark.length;
}

function matchAt(expression: RegExp, text: string, at: number): RegExpExecArray | null {
  expression.lastIndex = at;
  return expression.exec(text);
}
