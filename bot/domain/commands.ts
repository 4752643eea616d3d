/** Purpose: find `/autodev <command> [args]` in what people write, and commands in label names. */
import { plainLines, trimBlanks } from './markdown-lines.ts';

export const COMMANDS = [
  'help',
  'plan',
  'spec',
  'implement',
  'fix',
  'analyze',
  'epic',
  'story',
  'backlog',
  'feasibility',
  'issues',
  'tests',
  'docs',
  'adr',
  'runbook',
  'hunt',
  'scan',
  'validate',
  'coverage',
  'audit',
  'compliance',
  'pipeline',
  'fix-build',
  'publish',
  'review',
  'test',
  'security',
  'deploy',
  'rollback',
  'reject',
  'status',
  'cancel',
  'pause',
  'resume',
  'defer',
  'unlock',
  'assign-agent',
  'allow',
  'budget',
  'retry',
  'ask',
  'dismiss',
] as const;
export type CommandName = (typeof COMMANDS)[number];

/** What stands behind it is not read: a note may have a million characters, and reading takes time. */
const MAX_BODY = 100_000;
const MAX_COMMANDS = 20;
const MAX_ARGS = 2_000;
const MAX_NAME = 40;
/** How much of a line is compared with `/autodev` when it is not ASCII, and in how many lines. */
const MAX_LOOKALIKE = 48;
const MAX_LOOKALIKES = 500;

export interface ParsedCommand {
  /**
   * The word after `/autodev` in lower case, known or not; '' when there is none or when the command
   * is `confusable`, so that a look-alike can never be taken for a command.
   */
  name: string;
  /** The rest of the line, trimmed and cut to 2,000 characters; data from people, in any script. */
  args: string;
  /** Line of the text, from 1. */
  line: number;
  /** The whole line as written, cut as `args` is. */
  raw: string;
  /** It looks like a command but holds characters outside ASCII where a command has none. */
  confusable: boolean;
}

/**
 * The commands of a note or description, first to last, at most 20. Only lines of top-level
 * paragraphs count (markdown-lines.ts): GitLab ignores quick actions elsewhere, too (gitlab-facts §6),
 * and e-mail replies quote old commands. The word `/autodev` is matched whatever its case; it and
 * the command are ASCII (threats C3). Of several commands in one note only the first is acted upon.
 * Linear in the length of the body, of which the first 100,000 characters are read.
 */
export function parseCommands(body: string): ParsedCommand[] {
  const found: ParsedCommand[] = [];
  if (!mayHoldCommand(body)) return found;
  let suspects = 0;
  for (const { number, text } of plainLines(body.slice(0, MAX_BODY))) {
    const line = trimBlanks(text);
    let command = parseLine(line, number);
    if (command === null && suspects < MAX_LOOKALIKES && isSuspect(line)) {
      suspects += 1;
      command = parseLookalike(line, number);
    }
    if (command !== null) found.push(command);
    if (found.length === MAX_COMMANDS) break;
  }
  return found;
}

/** Most notes hold neither the word nor a line that could look like it: then nobody asks what their lines are. */
function mayHoldCommand(body: string): boolean {
  return /\/autodev/i.test(body) || /^[ \t]*[!-~]{0,8}[^\x00-\x7f]/m.test(body);
}

function parseLine(line: string, number: number): ParsedCommand | null {
  const head = /^\/autodev(?=[ \t]|$)/i.exec(line);
  if (head === null) return null;
  const rest = trimBlanks(line.slice(head[0].length));
  const end = rest.search(/[ \t]/);
  const word = end === -1 ? rest : rest.slice(0, end);
  const confusable = /[^\x21-\x7e]/.test(word);
  return {
    name: confusable ? '' : word.slice(0, MAX_NAME).toLowerCase(),
    args: confusable || end === -1 ? '' : cut(trimBlanks(rest.slice(end))),
    line: number,
    raw: cut(line),
    confusable,
  };
}

/** A character outside ASCII in the first word, and room enough for the whole of `/autodev`. */
function isSuspect(line: string): boolean {
  return line.length >= 8 && /^[!-~]{0,8}[^\x00-\x7f]/.test(line);
}

function parseLookalike(line: string, number: number): ParsedCommand | null {
  if (!/^\/autodev(?: |$)/.test(skeleton(line.slice(0, MAX_LOOKALIKE)))) return null;
  return { name: '', args: '', line: number, raw: cut(line), confusable: true };
}

/** Letters of other scripts that look like those of the word, and slashes that look like one. */
const LOOKALIKES: Readonly<Record<string, string>> = {
  а: 'a', // Cyrillic
  α: 'a',
  ɑ: 'a',
  υ: 'u',
  ս: 'u',
  т: 't',
  τ: 't',
  о: 'o', // Cyrillic
  ο: 'o', // Greek
  օ: 'o',
  ԁ: 'd',
  ɗ: 'd',
  е: 'e', // Cyrillic
  ε: 'e',
  ѵ: 'v',
  ν: 'v',
  '∕': '/',
  '⁄': '/',
  '⧸': '/',
  '╱': '/',
  '᜵': '/',
};

/** What the eye sees: compatibility forms, marks and invisible characters gone, look-alikes mapped. */
function skeleton(text: string): string {
  const plain = text
    .normalize('NFKD')
    .replaceAll(/[\p{M}\p{Cf}\p{Default_Ignorable_Code_Point}]/gu, '')
    .toLowerCase();
  let seen = '';
  for (const char of plain) seen += LOOKALIKES[char] ?? (/\s/.test(char) ? ' ' : char);
  return seen.trim();
}

function cut(text: string): string {
  return text.slice(0, MAX_ARGS).toWellFormed();
}

export function isCommandName(word: string): word is CommandName {
  return COMMANDS.some((command) => command === word);
}

/**
 * The known command that somebody most likely meant by `word`: one of which it is the beginning (or
 * the other way round), else the nearest by at most two slips (one for names up to four letters),
 * where a slip is a letter added, left out, changed or swapped with its neighbour. Null if none.
 */
export function nearestCommand(word: string, known: readonly string[]): string | null {
  const given = word.toLowerCase();
  if (given.length < 2 || given.length > MAX_NAME) return null;
  const begun = known.find((name) => name.startsWith(given) || given.startsWith(name));
  if (begun !== undefined) return begun;
  let best: { name: string; slips: number } | null = null;
  for (const name of known) {
    const slips = distance(given, name);
    if (slips > (name.length <= 4 ? 1 : 2)) continue;
    if (best === null || slips < best.slips) best = { name, slips };
  }
  return best?.name ?? null;
}

/** Damerau–Levenshtein distance, in the variant that edits no pair twice. */
function distance(a: string, b: string): number {
  let before: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i += 1) {
    const row = [i];
    for (let j = 1; j <= b.length; j += 1) {
      const same = a[i - 1] === b[j - 1];
      let best = Math.min(
        (last[j] ?? 0) + 1,
        (row[j - 1] ?? 0) + 1,
        (last[j - 1] ?? 0) + (same ? 0 : 1),
      );
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      if (swapped) best = Math.min(best, (before[j - 2] ?? 0) + 1);
      row.push(best);
    }
    before = last;
    last = row;
  }
  return last[b.length] ?? 0;
}

/** The command that a label stands for: `autodev` or `autodev::<command>`; null for any other label. */
export function commandOfLabel(label: string): CommandName | null {
  if (label === 'autodev') return 'implement';
  if (!label.startsWith('autodev::')) return null;
  const name = label.slice('autodev::'.length);
  return isCommandName(name) ? name : null;
}
