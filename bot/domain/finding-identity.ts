/**
 * When two remarks are the same finding. Models re-word titles, lines move, and one mistake can stand in
 * a file twice: so the place decides together with the words (docs/reviews.md, "The same finding").
 */
import { createHash } from 'node:crypto';
import type { Finding } from '../../schema/wire/finding.ts';

/** Share of words that two titles must have in common to say the same of the same place. */
const ALIKE = 0.5;
/** And to say the same under another category of a place that is only near. */
const VERY_ALIKE = 0.75;
/** Lines between two remarks that may still be about the same. */
export const NEAR_LINES = 8;

/**
 * Where one remark stands, seen from the other, at the same head. `apart`: further away than
 * NEAR_LINES, or where nothing is known of the place.
 */
export type Distance = 'same' | 'near' | 'apart';

type Words = Pick<Finding, 'path' | 'category' | 'title'>;

/** How far two ranges of lines of one file are from each other. */
export function distanceOf(
  a: Pick<Finding, 'line' | 'endLine'>,
  b: Pick<Finding, 'line' | 'endLine'>,
): Distance {
  const gap = Math.max(a.line - (b.endLine ?? b.line), b.line - (a.endLine ?? a.line));
  if (gap <= 0) return 'same';
  return gap <= NEAR_LINES ? 'near' : 'apart';
}

/**
 * Whether two remarks on one file are the same finding: at the same place, in the same category or in
 * words that are alike; near each other, in words that are alike; apart, only under the same category
 * and title, and the caller knows that the first is no more where it was.
 */
export function sameFinding(a: Words, b: Words, distance: Distance): boolean {
  if (a.path !== b.path) return false;
  const sameKind = kindOf(a.category) === kindOf(b.category);
  const likely = likeness(a.title, b.title);
  switch (distance) {
    case 'same':
      return sameKind || likely >= ALIKE;
    case 'near':
      return likely >= (sameKind ? ALIKE : VERY_ALIKE);
    case 'apart':
      return sameKind && likely === 1;
  }
}

/** Whether two titles say much the same. */
export function alike(a: string, b: string): boolean {
  return likeness(a, b) >= ALIKE;
}

/** Two remarks of one look: it means two things by them, unless the words are alike, too. */
export function saidTwice(a: Finding, b: Finding): boolean {
  if (a.path !== b.path || distanceOf(a, b) === 'apart') return false;
  return alike(a.title, b.title);
}

/** The identity of a finding when it is first raised; `code` as `codeOf` gives it. */
export function fingerprintOf(finding: Words, code: string): string {
  const words = [...wordsOf(finding.title)].toSorted().join(' ');
  const parts = [finding.path, kindOf(finding.category), words, code];
  return createHash('sha256').update(parts.join('\0')).digest('hex').slice(0, 24);
}

/** Hash of the lines a finding is about with one more on each side, blanks aside; '' without text. */
export function codeOf(text: string | null, at: Pick<Finding, 'line' | 'endLine'>): string {
  if (text === null) return '';
  const lines = text.split('\n');
  if (at.line > lines.length) return '';
  return hashOf(lines.slice(Math.max(0, at.line - 2), (at.endLine ?? at.line) + 1));
}

/** The first line at which lines with this hash stand in a text, for a finding of as many; else null. */
export function findCode(
  text: string,
  code: string,
  at: Pick<Finding, 'line' | 'endLine'>,
): number | null {
  if (code === '') return null;
  const count = text.split('\n').length;
  const length = (at.endLine ?? at.line) - at.line;
  for (let line = 1; line <= count; line += 1) {
    if (codeOf(text, { line, endLine: line + length }) === code) return line;
  }
  return null;
}

function hashOf(lines: readonly string[]): string {
  const plain = lines.map((line) => line.trim().replaceAll(/\s+/g, ' ')).join('\n');
  return createHash('sha256').update(plain).digest('hex').slice(0, 24);
}

/** What different models call the same kind of problem. */
const KINDS: Readonly<Record<string, string>> = {
  correctness: 'bug',
  logic: 'bug',
  error: 'bug',
  defect: 'bug',
  functional: 'bug',
  vulnerability: 'security',
  perf: 'performance',
  efficiency: 'performance',
  testing: 'test',
  coverage: 'test',
  readability: 'style',
  naming: 'style',
  formatting: 'style',
  maintainability: 'style',
  documentation: 'docs',
  doc: 'docs',
};

function kindOf(category: string): string {
  const word = category.toLowerCase().split(/[^a-z]+/)[0] ?? '';
  return stem(KINDS[word] ?? KINDS[stem(word)] ?? word);
}

/** Share of the words of two titles that both have, from 0 to 1 (Dice). */
export function likeness(a: string, b: string): number {
  const [one, other] = [wordsOf(a), wordsOf(b)];
  if (one.size === 0 || other.size === 0) return a.trim() === b.trim() ? 1 : 0;
  const common = [...one].filter((word) => other.has(word)).length;
  return (2 * common) / (one.size + other.size);
}

const EMPTY_WORDS = new Set(
  (
    'a an the this that these those it its is are be been was were in on of to for from with without and or ' +
    'but when while if then than as at by can may might could would should must does do did done will has ' +
    'have had here there which who what where so also only just very potential possible possibly'
  ).split(' '),
);

/** Words for the same thing, in titles of findings. */
const ALIASES: Readonly<Record<string, string>> = {
  undefined: 'null',
  nil: 'null',
  none: 'null',
  empty: 'null',
  crash: 'fail',
  throw: 'fail',
  exception: 'fail',
  error: 'fail',
  failure: 'fail',
  validat: 'check',
  validation: 'check',
  verify: 'check',
  verifi: 'check',
  handl: 'check',
  unchecked: 'check',
  unhandl: 'check',
  miss: 'no',
  missing: 'no',
  lack: 'no',
  absent: 'no',
  not: 'no',
  never: 'no',
  isnt: 'no',
  doesnt: 'no',
  unbounded: 'limit',
  injectable: 'injection',
  inject: 'injection',
  ignor: 'ignore',
  input: 'argument',
  param: 'argument',
  parameter: 'argument',
  arg: 'argument',
  option: 'argument',
  flag: 'argument',
  fil: 'file',
};

function wordsOf(title: string): Set<string> {
  const words = title
    .replaceAll(/([a-z0-9])([A-Z])/g, '$1 $2')
    .toLowerCase()
    .replaceAll(/['’]/g, '')
    .split(/[^\p{L}\p{N}]+/u)
    .filter((word) => word !== '' && !EMPTY_WORDS.has(word))
    .map((word) => ALIASES[word] ?? ALIASES[stem(word)] ?? stem(word));
  return new Set(words);
}

/** The word without its commonest endings. */
function stem(word: string): string {
  if (word.length <= 4) return word.replace(/([^s])s$/, '$1');
  return word.replace(/(?:ies|ing|ed|es|s|e)$/, '');
}
