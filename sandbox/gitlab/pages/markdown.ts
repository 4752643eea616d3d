/**
 * A small, safe Markdown: headings, lists, tables, code, quotes, links, bold, `<details>`. Every piece
 * of text is escaped; of HTML only `<details>` and `<summary>` pass, and comments vanish.
 */
import { escapeHtml, Markup } from './html.ts';

/** Longer texts are shown as they are. */
const MAX_RENDERED = 200_000;
/** Quotes and lists nested deeper than this stay text. */
const MAX_DEPTH = 8;

/** `base` is the project's page, for `#1` and `!1`. */
export function markdown(text: string, base: string): Markup {
  if (text.length > MAX_RENDERED) return new Markup(`<pre>${escapeHtml(text)}</pre>`);
  const bare = text.replaceAll('\r', '').replaceAll(/<!--[\s\S]*?-->/g, '');
  return new Markup(blocks(bare.split('\n'), base, 0));
}

function blocks(lines: readonly string[], base: string, depth: number): string {
  let out = '';
  for (let at = 0; at < lines.length;) {
    const step = block(lines, at, base, depth);
    out += step.html;
    at = step.next;
  }
  return out;
}

interface Step {
  html: string;
  next: number;
}

function block(lines: readonly string[], at: number, base: string, depth: number): Step {
  const line = lines[at] ?? '';
  const next = at + 1;
  if (line.trim() === '') return { html: '', next };
  const fence = /^(`{3,}|~{3,})/.exec(line)?.[1];
  if (fence) return code(lines, at, fence);
  const heading = /^(#{1,6}) (.*)$/.exec(line);
  if (heading) {
    const level = heading[1]?.length ?? 1;
    return { html: `<h${level}>${inline(heading[2] ?? '', base)}</h${level}>`, next };
  }
  if (/^(-{3,}|\*{3,})$/.test(line)) return { html: '<hr>', next };
  const details = /^<(\/?)details>(.*)$/.exec(line.trim());
  if (details) {
    return { html: `<${details[1]}details>${summary(details[2] ?? '', base)}`, next };
  }
  if (/^\s*<summary>/.test(line)) return { html: summary(line.trim(), base), next };
  if (depth < MAX_DEPTH && line.startsWith('>')) {
    const end = run(lines, at, (one) => one.startsWith('>'));
    const inner = lines.slice(at, end).map((one) => one.replace(/^> ?/, ''));
    return { html: `<blockquote>${blocks(inner, base, depth + 1)}</blockquote>`, next: end };
  }
  if (line.startsWith('|') && /^\|[\s:|-]+\|?$/.test(lines[next] ?? ''))
    return table(lines, at, base);
  if (depth < MAX_DEPTH && ITEM.test(line)) return list(lines, at, base, depth);
  const end = run(lines, at + 1, (one) => !STARTS_BLOCK.test(one) && one.trim() !== '');
  const text = lines.slice(at, end).map((one) => inline(one, base));
  return { html: `<p>${text.join('<br>')}</p>`, next: end };
}

const ITEM = /^(?:[-*+]|\d{1,9}[.)]) /;
const STARTS_BLOCK = /^(`{3}|~{3}|#{1,6} |>|\||<\/?details>|\s*<summary>|[-*+] |\d{1,9}[.)] )/;

/** Index of the first line from `at` on that is not wanted. */
function run(lines: readonly string[], at: number, wanted: (line: string) => boolean): number {
  let end = at;
  while (end < lines.length && wanted(lines[end] ?? '')) end += 1;
  return end;
}

function code(lines: readonly string[], at: number, fence: string): Step {
  const end = run(lines, at + 1, (one) => !one.startsWith(fence));
  const text = escapeHtml(lines.slice(at + 1, end).join('\n'));
  return { html: `<pre><code>${text}</code></pre>`, next: end + 1 };
}

function summary(text: string, base: string): string {
  const match = /^<summary>(.*?)<\/summary>(.*)$/.exec(text);
  if (!match) return inline(text, base);
  return `<summary>${inline(match[1] ?? '', base)}</summary>${inline(match[2] ?? '', base)}`;
}

function table(lines: readonly string[], at: number, base: string): Step {
  const end = run(lines, at, (one) => one.startsWith('|'));
  const cells = (line: string): string[] =>
    line
      .replace(/^\|/, '')
      .replace(/\|\s*$/, '')
      .split('|')
      .map((cell) => inline(cell.trim(), base));
  const row = (line: string, tag: string): string =>
    `<tr>${cells(line)
      .map((cell) => `<${tag}>${cell}</${tag}>`)
      .join('')}</tr>`;
  const body = lines.slice(at + 2, end).map((line) => row(line, 'td'));
  return { html: `<table>${row(lines[at] ?? '', 'th')}${body.join('')}</table>`, next: end };
}

function list(lines: readonly string[], at: number, base: string, depth: number): Step {
  const tag = /^\d/.test(lines[at] ?? '') ? 'ol' : 'ul';
  const end = run(lines, at, (one) => ITEM.test(one) || /^\s+\S/.test(one));
  const items: string[][] = [];
  for (const line of lines.slice(at, end)) {
    if (ITEM.test(line)) items.push([line.replace(ITEM, '')]);
    else items.at(-1)?.push(line.replace(/^ {1,4}/, ''));
  }
  const html = items.map(([first = '', ...rest]) => {
    const box = /^\[( |x)\] /i.exec(first);
    const mark = box ? `<input type="checkbox" disabled${box[1] === ' ' ? '' : ' checked'}> ` : '';
    const text = inline(box ? first.slice(box[0].length) : first, base);
    return `<li>${mark}${text}${blocks(rest, base, depth + 1)}</li>`;
  });
  return { html: `<${tag}>${html.join('')}</${tag}>`, next: end };
}

/** Code spans are cut out first, so that nothing in them is read as Markdown. */
function inline(text: string, base: string): string {
  return text
    .split(/(`[^`]+`)/)
    .map((part) =>
      part.length > 2 && part.startsWith('`') && part.endsWith('`')
        ? `<code>${escapeHtml(part.slice(1, -1))}</code>`
        : links(part, base),
    )
    .join('');
}

const LINK = /(\[[^\]]*\]\((?:https?:\/\/|\/)[^\s)]*\)|https?:\/\/[^\s<>)]+)/;

function links(text: string, base: string): string {
  return text
    .split(LINK)
    .map((part, index) => {
      if (index % 2 === 0) return emphasis(part, base);
      const named = /^\[([^\]]*)\]\((.*)\)$/.exec(part);
      const href = escapeHtml(named?.[2] ?? part);
      const shown = named ? emphasis(named[1] ?? '', base, false) : escapeHtml(part);
      return `<a href="${href}" rel="nofollow noopener">${shown}</a>`;
    })
    .join('');
}

function emphasis(text: string, base: string, references = true): string {
  const safe = escapeHtml(text)
    .replaceAll(/\*\*([^*]+)\*\*/g, '<b>$1</b>')
    .replaceAll(/(?<![\w*])\*([^*\s][^*]*)\*(?![\w*])/g, '<i>$1</i>')
    .replaceAll(/(?<!\w)_([^_\s][^_]*)_(?!\w)/g, '<i>$1</i>')
    .replaceAll(/~~([^~]+)~~/g, '<s>$1</s>');
  if (!references) return safe;
  const root = escapeHtml(base);
  return safe.replaceAll(/(?<![\w&/])([#!])(\d{1,9})\b/g, (whole, sign: string, iid: string) => {
    const folder = sign === '#' ? 'issues' : 'merge_requests';
    return `<a href="${root}/-/${folder}/${iid}">${whole}</a>`;
  });
}
