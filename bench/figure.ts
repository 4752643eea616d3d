/** What a bench reports, and the arithmetic of it. */

export interface Figure {
  /** `what.where.which`, stable from run to run. */
  name: string;
  value: number;
  unit: string;
  /** The same thing measured in the same run for something to compare with. */
  peer?: number;
  /** value / peer. */
  ratio?: number;
}

/** How much a run does. */
export interface Effort {
  quick: boolean;
  seed: number;
  /** Says what happens now, for a person who waits. */
  say: (line: string) => void;
}

export type Bench = (effort: Effort) => Promise<Figure[]>;

/** The value below which `share` (0–1) of the values lie; NaN of none. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? NaN;
}

export const median = (values: readonly number[]): number => percentile(values, 0.5);

/** Most calls of which each began after the one before had ended. */
export function longestChain(calls: readonly { from: number; to: number }[]): number {
  let length = 0;
  let end = -Infinity;
  for (const call of calls.toSorted((a, b) => a.to - b.to)) {
    if (call.from < end) continue;
    length += 1;
    end = call.to;
  }
  return length;
}

export function figure(name: string, value: number, unit: string, peer?: number): Figure {
  const rounded = { name, value: round(value), unit };
  if (peer === undefined) return rounded;
  return { ...rounded, peer: round(peer), ratio: round(value / peer) };
}

/** Three significant digits; whole numbers stay whole. */
function round(value: number): number {
  return Math.abs(value) >= 100 ? Math.round(value) : Number(value.toPrecision(3));
}

/** The figures as a table for a terminal. */
export function table(figures: readonly Figure[]): string {
  const rows = figures.map(({ name, value, unit, peer, ratio }) => [
    name,
    `${value} ${unit}`,
    peer === undefined ? '' : `${peer} ${unit}`,
    ratio === undefined ? '' : `${ratio}x`,
  ]);
  const all = [['figure', 'value', 'peer', 'ratio'], ...rows];
  const widths = [0, 1, 2, 3].map((i) => Math.max(...all.map((row) => row[i]?.length ?? 0)));
  return all
    .map((row) =>
      row.map((cell, i) => (i === 0 ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!))),
    )
    .map((cells) => cells.join('  ').trimEnd())
    .join('\n');
}
