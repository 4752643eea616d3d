/** The outcome as a table for people and as one JSON object. */
import { arch, cpus, platform, totalmem } from 'node:os';
import { NOT_APPLICABLE } from './all.ts';
import type { Figure } from './proof.ts';
import type { Outcome } from './run.ts';

export interface Report {
  machine: { os: string; cpu: string; cores: number; memoryGb: number; node: string };
  seed: number;
  backend: string;
  promises: Promise_[];
}

interface Promise_ {
  id: string;
  name: string;
  runs: number;
  failures: number;
  figure: number;
  unit: string;
  holds: boolean;
  /** What the bot stood on, where it matters. */
  backend?: string;
  /** Defences that were taken away, and whether that was noticed. */
  mutants: { killed: number; of: number };
  /** Why it says nothing here. */
  note?: string;
  /** What broke it, a line each; only where it does not hold. */
  broken?: string[];
}

export function machine(): Report['machine'] {
  const [cpu] = cpus();
  return {
    os: `${platform()} ${arch()}`,
    cpu: cpu?.model.trim() || 'unknown',
    cores: cpus().length,
    memoryGb: Math.round(totalmem() / 2 ** 30),
    node: process.version,
  };
}

/** Why the promise of a proof does not hold, a line for each reason; none: it holds. */
function whatBroke({ missing, failures, mutants, figure }: Outcome): string[] {
  return [
    ...(missing === null ? [] : [`not played: ${missing}`]),
    ...failures.map(({ attack, about, what }) => `attack ${attack}: ${about}: ${what}`),
    ...mutants.filter(({ killed }) => !killed).map(unnoticed),
    ...(figure === null || figure.holds ? [] : [measured(figure)]),
  ];
}

/** A mutant that survived, in words. */
export const unnoticed = ({ name }: { name: string }): string => `nobody noticed: no "${name}"`;
/** A figure in words, e.g. `4200 ms p99 to resume`. */
export const measured = ({ value, unit }: Figure): string => `${Math.round(value)} ${unit}`;
/** A row and what it stood on, e.g. `R8 on postgres`. */
export const rowName = (id: string, backend: string | null = null): string =>
  backend === null ? id : `${id} on ${backend}`;

/** What broke promises, as a list for the end of the output; empty when all hold. */
export function brokenOnes(promises: readonly Promise_[]): string {
  return promises
    .filter(({ broken }) => broken !== undefined)
    .map(({ id, backend, broken = [] }) => [rowName(id, backend), ...broken].join('\n  '))
    .join('\n');
}

/** One promise per proof with what it measured, or else its mutants; and a line for each row without one. */
export function promisesOf(outcomes: readonly Outcome[], all: boolean): Promise_[] {
  const played = outcomes.map((outcome): Promise_ => {
    const { id, name, runs, failures, mutants, missing, told, figure, backend } = outcome;
    const killed = mutants.filter((mutant) => mutant.killed).length;
    const broken = whatBroke(outcome);
    return {
      ...{ id, name, runs, failures: failures.length, figure: figure?.value ?? killed },
      unit: figure?.unit ?? `of ${mutants.length} mutants killed`,
      holds: broken.length === 0,
      mutants: { killed, of: mutants.length },
      ...(backend === null ? {} : { backend }),
      ...(missing === null && told === '' ? {} : { note: missing ?? told }),
      ...(broken.length === 0 || (missing !== null && outcome.optional) ? {} : { broken }),
    };
  });
  if (!all) return played;
  const rest = Object.entries(NOT_APPLICABLE).map(([id, note]): Promise_ => ({
    ...{ id, name: 'not applicable', runs: 0, failures: 0, figure: 0, unit: 'mutants' },
    ...{ holds: true, mutants: { killed: 0, of: 0 }, note },
  }));
  return [...played, ...rest];
}

function stateOf(promise: Promise_, outcome: Outcome | undefined): string {
  if (outcome === undefined) return '–';
  if (outcome.missing !== null) return 'SKIPPED';
  if (!promise.holds) return 'BROKEN';
  return outcome.told === '' || outcome.layer === 'faults' ? 'holds' : 'told';
}

/** Columns that a line of prose below a row may fill. */
const WIDTH = 110;

/** The table at the end of a run: a line of figures for each row, and below it what is promised and told. */
export function table(outcomes: readonly Outcome[], promises: readonly Promise_[]): string {
  const rows = promises.map((promise, at) => {
    const outcome = outcomes[at];
    const { killed, of } = promise.mutants;
    const { figure } = outcome ?? {};
    return [
      promise.id,
      promise.backend ?? outcome?.layer ?? '',
      promise.runs === 0 ? '' : String(promise.runs),
      promise.runs === 0 ? '' : String(promise.failures),
      of === 0 ? '' : `${killed}/${of}`,
      figure ? measured(figure) : '',
      outcome === undefined ? '' : `${outcome.seconds.toFixed(1)} s`,
      stateOf(promise, outcome),
    ];
  });
  const head = ['row', 'against', 'attacks', 'broken', 'mutants', 'figure', 'time', ''];
  const all = [head, ...rows];
  const widths = head.map((_, column) => Math.max(...all.map((row) => (row[column] ?? '').length)));
  const line = (row: readonly string[]): string =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd();
  const below = promises.map(({ name, note = '' }) => [...wrapped(name), ...wrapped(note)]);
  return [line(head), ...rows.flatMap((row, at) => [line(row), ...(below[at] ?? [])])].join('\n');
}

/** Prose in indented lines of at most WIDTH columns, broken between words. */
function wrapped(text: string): string[] {
  const lines: string[] = [];
  for (const word of text.split(/\s+/).filter((part) => part !== '')) {
    const last = lines.at(-1);
    if (last === undefined || last.length + 1 + word.length > WIDTH) lines.push(`  ${word}`);
    else lines[lines.length - 1] = `${last} ${word}`;
  }
  return lines;
}
