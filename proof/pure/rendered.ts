/**
 * What a text does once GitLab shows it, by a Markdown implementation that the bot does not use: what
 * it loads, where it leads, whom it notifies, what it runs. The checker of promises B3, B4 and B5.
 */
import MarkdownIt from 'markdown-it';

/** The forge's own host; everything else is elsewhere. */
export const FORGE_HOST = 'gitlab.example.com';

/** HTML of the bot's own sentences. */
const OWN_HTML = /^(?:<\/?(?:details|summary)>|<!-- autodev:[\w:-]+ -->|[\w ;,.]|\s)*$/;
/** Fences that only colour text, and the one of the bot's own suggestions. */
const FENCES = /^(?:[a-z]{0,12}|suggestion:-0\+0)$/;
const DRAWN =
  /^(?:mermaid|plantuml|kroki|math|latex|graphviz|ditaa|nomnoml|json:table|geojson|stl)/i;
/** The start of every quick action of GitLab's, wherever on a line it could be taken for one. */
const QUICK_ACTION =
  /^(?:[\s>*+\-|\p{Cf}]|\d{1,9}[.)])*\/(?:approve|merge|close|reopen|label|assign|lock|move|clone|draft|rebase|todo|title|milestone|confidential|unlabel|reassign|shrug|tableflip|publish|relabel|copy_metadata|create_merge_request|promote|unassign|estimate|spend|cc|award)\b/imu;
/** GitLab's default issue closing pattern, and keys of other trackers. */
const CLOSING =
  /\b(?:clos(?:e[sd]?|ing)|fix(?:e[sd]|ing)?|resolv(?:e[sd]?|ing)|implement(?:s|ed|ing)?):? +(?:(?:issues? +)?(?:[\w./-]*[#!]\d|https?:\/\/)|[A-Z][A-Z0-9_]+-\d)/i;
/** What GitLab takes off a text's start before it reads Markdown (lib/gitlab/front_matter.rb). */
const FRONT_MATTER =
  /^(?:[^\r\n]*coding:[^\r\n]*\r?\n)?\s*(---|\+\+\+|;;;)[^\n]*\n[^]*?\n\1[ \t]*(?:\n|$)/;
const SCHEME = /\b([a-z][a-z0-9+.-]{1,20}):\/\/([^\s"'<>]*)/gi;
const MENTION = /(?<![A-Za-z0-9_])@[A-Za-z0-9_]/;

interface Token {
  type: string;
  content: string;
  info: string;
  children: Token[] | null;
  attrGet(name: string): string | null;
}

export interface Allowed {
  /** Lines that are the bot's own and mean what they say: `Closes #12`, mentions of people who asked. */
  own?: readonly string[];
  /** It is posted as a note, where closing words do nothing. */
  isNote?: boolean;
}

const markdown = new MarkdownIt({ html: true, linkify: false });
// It would not make links of `javascript:`; whether GitLab does is not for us to rely on.
markdown.validateLink = () => true;

/** The first thing that the text would do, in one line; null: it only says something. */
export function deedOf(text: string, allowed: Allowed = {}): string | null {
  let rest = text;
  for (const own of allowed.own ?? []) rest = rest.replaceAll(own, '');
  const action = QUICK_ACTION.exec(rest);
  if (action) return `runs ${JSON.stringify(action[0].trim())}`;
  const closing = CLOSING.exec(rest);
  if (closing && allowed.isNote !== true) return `closes by ${JSON.stringify(closing[0])}`;
  rest = rest.replace(FRONT_MATTER, '');
  for (const token of markdown.parse(rest, {}) as Token[]) {
    const deed = deedOfToken(token);
    if (deed !== null) return deed;
  }
  return null;
}

function deedOfToken(token: Token): string | null {
  switch (token.type) {
    case 'inline':
      return deedOfInline(token.children ?? []);
    case 'html_block':
      return OWN_HTML.test(token.content) ? null : `is HTML: ${JSON.stringify(token.content)}`;
    case 'fence':
      return FENCES.test(token.info.trim()) && !DRAWN.test(token.info.trim())
        ? null
        : `is drawn as ${JSON.stringify(token.info)}`;
    default:
      return null;
  }
}

/** Neighbouring pieces of text are one node on the page, where GitLab's own filters look. */
function deedOfInline(tokens: readonly Token[]): string | null {
  let text = '';
  for (const token of tokens) {
    switch (token.type) {
      case 'image':
        return `loads ${token.attrGet('src')}`;
      case 'link_open': {
        const target = token.attrGet('href') ?? '';
        if (leadsAway(target)) return `leads to ${target}`;
        break;
      }
      case 'html_inline':
        if (!OWN_HTML.test(token.content)) return `is HTML: ${token.content}`;
        break;
      case 'text':
        text += token.content;
        continue;
      case 'text_special':
        text += token.content;
        continue;
      default:
    }
    const deed = deedOfText(text);
    if (deed !== null) return deed;
    text = '';
  }
  return deedOfText(text);
}

function deedOfText(text: string): string | null {
  for (const [url, , host = ''] of text.matchAll(SCHEME)) {
    if (leadsAway(url)) return `leads to ${url} (${host})`;
  }
  if (/(?<![\w[])www\.\w/i.test(text)) return `leads to ${text.slice(0, 80)}`;
  const mention = MENTION.exec(text);
  return mention ? `mentions ${text.slice(mention.index, mention.index + 20)}` : null;
}

/** Where a browser would go from a page of the forge. */
function leadsAway(target: string): boolean {
  const page = `https://${FORGE_HOST}/group/project/-/issues/1`;
  if (!URL.canParse(target, page)) return false;
  const url = new URL(target, page);
  return url.host !== FORGE_HOST || !/^https?:$/.test(url.protocol);
}
