/**
 * Purpose: a text by people as its readers see it in GitLab (threats C1, C2, C4). What is hidden in the source
 * and not shown is left out, and counted, so that people and agents can be told. No guarantee rests on
 * it: in doubt more is left out, and an agent is hostile by assumption all the same. ADR 0015.
 */
import { stripHidden } from '../../schema/wire/hidden-characters.ts';
import type { Known } from './visible-inline.ts';
import { Scan } from './visible-scan.ts';

export interface Visible {
  text: string;
  /** How many hidden parts were left out. */
  hidden: number;
}

/** What is left out can bring what is around it together; that is looked at so often. */
const PASSES = 4;

/**
 * The visible part of a Markdown text. `visibleText(visibleText(x).text)` leaves the text as it is. Linear in
 * the length of the text.
 */
export function visibleText(markdown: string): Visible {
  const plain = stripHidden(markdown.replaceAll(/\r\n?|[\u2028\u2029]/g, '\n'));
  let { text } = plain;
  let hidden = plain.stretches;
  for (let pass = 0; pass < PASSES; pass += 1) {
    const once = onePass(text);
    hidden += once.hidden;
    if (once.text === text) return { text, hidden };
    text = once.text;
  }
  return { text: onePass(inert(text)).text, hidden };
}

/** A title or another text of one line. */
export function visibleLine(text: string): Visible {
  const first = visibleText(text);
  const { text: shown, hidden } = visibleText(first.text.replaceAll(/\s+/g, ' '));
  return { text: shown.replaceAll(/\s+/g, ' ').trim(), hidden: first.hidden + hidden };
}

function onePass(text: string): Visible {
  const defines = new Scan(text, null);
  defines.run();
  const scan = new Scan(text, knownOf(defines));
  const shown = scan
    .run()
    .replaceAll(/(?<![ \t])[ \t]+$/gm, '')
    .replaceAll(/\n{3,}/g, '\n\n')
    .replace(/^\n+/, '')
    .trimEnd();
  return { text: shown, hidden: scan.on.hidden };
}

function knownOf({ addresses, notes, on: { used } }: Scan): Known {
  const shown = [...notes.keys()].filter((label) => used.has(`^${label}`));
  return { addresses, used, notes: new Map(shown.map((label, index) => [label, index + 1])) };
}

/** What was made to hide something again whatever is taken out loses the signs that could. */
function inert(text: string): string {
  return stripHidden(text.replaceAll(/[<&[\]`~\\!]/g, ' ')).text;
}
