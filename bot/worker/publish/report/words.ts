/**
 * Words by a model as parts of a comment: every one passes the neutraliser, stands on the lines that are
 * made for it, and has its longest length.
 */
import { neutralise } from '../neutralise.ts';

const CELL_CHARS = 300;
const QUOTE_CHARS = 4_000;
/** Rows and items that are shown at once; what is left is counted. */
const SHOWN = 20;

export class Words {
  private readonly allowedHost: string;

  constructor(allowedHost: string) {
    this.allowedHost = allowedHost;
  }

  /** One line of prose, for lists and headings. */
  line(text: string, maxChars = CELL_CHARS): string {
    const flat = text.replaceAll(/\s+/g, ' ').trim();
    const cut = flat.length > maxChars ? `${flat.slice(0, maxChars - 1)}…` : flat;
    const safe = neutralise(balanced(cut), { allowedHost: this.allowedHost });
    return safe.replaceAll('\n', ' ').trim();
  }

  /** One line for a cell of a table. */
  cell(text: string, maxChars = CELL_CHARS): string {
    return this.line(text, maxChars).replaceAll('|', '\\|');
  }

  /** Paragraphs of the model's own, quoted as such. */
  quote(text: string, maxChars = QUOTE_CHARS): string[] {
    const safe = neutralise(text.trim(), { allowedHost: this.allowedHost, maxChars });
    return safe.split('\n').map((line) => `> ${line}`.trimEnd());
  }

  /** A list under its heading; nothing without items. */
  list(heading: string, items: readonly string[], mark = '-'): string[] {
    if (items.length === 0) return [];
    const lines = items.slice(0, SHOWN).map((item) => `${mark} ${this.line(item)}`);
    return ['', `**${heading}**`, '', ...lines, ...more(items.length, mark)];
  }

  /** A table; the cells are Markdown already. Nothing without rows. */
  table(heads: readonly string[], rows: readonly (readonly string[])[]): string[] {
    if (rows.length === 0) return [];
    return [
      '',
      `| ${heads.join(' | ')} |`,
      `|${heads.map(() => '---').join('|')}|`,
      ...rows.slice(0, SHOWN).map((row) => `| ${row.join(' | ')} |`),
      ...(rows.length > SHOWN ? ['', `${rows.length - SHOWN} more are not shown.`] : []),
    ];
  }
}

/** A code mark that is not closed would reach into what stands behind it. */
function balanced(line: string): string {
  const whole = !line.includes('``') && (line.split('`').length - 1) % 2 === 0;
  return whole ? line : line.replaceAll('`', "'");
}

function more(count: number, mark: string): string[] {
  return count > SHOWN ? [`${mark} ${count - SHOWN} more are not shown`] : [];
}

/** `1 finding`, `2 findings`. */
export function counted(count: number, one: string, many = `${one}s`): string {
  return `${count} ${count === 1 ? one : many}`;
}
