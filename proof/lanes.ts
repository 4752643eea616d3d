/** Plays lanes of proofs beside each other, each in a process of its own, and gathers what they found. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import type { Entry } from './all.ts';
import type { Mutant } from './proof.ts';
import type { Outcome } from './run.ts';
import { measured, rowName, unnoticed } from './table.ts';
import { temporary } from './temporary.ts';

/** Of the mutants that are processes, the short form plays one in so many. */
const ONE_IN = 10;

/**
 * The mutants that the short form plays: all those that are loaded into the harness, and of those that take
 * processes of their own one in ten, beginning at the seed, so that other seeds take away other defences.
 */
export function sampled(entries: readonly Entry[], seed: number): (mutant: Mutant) => boolean {
  const processes = entries
    .filter(({ proof }) => proof.playMutant !== undefined && proof.fullOnly !== true)
    .flatMap(({ proof }) => proof.mutants);
  const spared = new Set(processes.filter((_, at) => at % ONE_IN !== seed % ONE_IN));
  return (mutant) => !spared.has(mutant);
}

/**
 * Plays these lanes with this command line, at most `atOnce` at a time; their progress goes to stderr.
 * Rejects when a lane ended without an outcome.
 */
export async function playLanes(
  lanes: readonly string[],
  args: readonly string[],
  atOnce: number,
): Promise<Outcome[]> {
  const dir = temporary();
  const left = [...lanes];
  const found = new Map<string, Outcome[]>();
  const next = async (): Promise<void> => {
    for (let lane = left.shift(); lane !== undefined; lane = left.shift()) {
      found.set(lane, await playLane(lane, args, path.join(dir, `${lane}.json`)));
    }
  };
  await Promise.all(Array.from({ length: atOnce }, next));
  return lanes.flatMap((lane) => found.get(lane) ?? []);
}

/**
 * What a row fell short of beside others, where that says nothing against the product: it took too long, or no
 * moment came in which a missing defence of a process shows. Null: it holds, or something is wrong.
 */
function shortOf(outcome: Outcome): string | null {
  const { layer, missing, failures, mutants, figure } = outcome;
  if (missing !== null || failures.some(({ late }) => !late)) return null;
  const alive = mutants.find(({ killed }) => !killed);
  if (alive !== undefined && layer !== 'faults') return null;
  if (failures[0] !== undefined) return failures[0].what;
  if (figure?.holds === false) return measured(figure);
  return alive === undefined ? null : unnoticed(alive);
}

/** Plays one row of a lane anew; resolves with its outcome. */
export type PlayRow = (row: Outcome) => Promise<Outcome>;

/**
 * Plays rows that fell short beside other lanes once more, one at a time: what the promises say about time is
 * about a machine that does nothing else. What comes of it takes the place of the first outcome, and says so.
 */
export async function playShortAgain(
  outcomes: readonly Outcome[],
  play: PlayRow,
  say: (line: string) => void,
): Promise<Outcome[]> {
  const played: Outcome[] = [];
  for (const outcome of outcomes) {
    const short = shortOf(outcome);
    if (short === null) {
      played.push(outcome);
      continue;
    }
    const where = rowName(outcome.id, outcome.backend);
    say(`${where} fell short beside other lanes (${short}) and is played again alone`);
    const again = await play(outcome);
    const told = again.told === '' ? '' : `; ${again.told}`;
    played.push({ ...again, told: `alone, after it fell short beside others (${short})${told}` });
  }
  return played;
}

/** How the command line `args` plays a row anew. */
export function rowPlayer(args: readonly string[]): PlayRow {
  return async ({ id, name, lane, backend }) => {
    const row = ['--row', name, ...(backend === null ? [] : ['--backend', backend])];
    const file = path.join(temporary(), 'row.json');
    const [only] = await playLane(lane, [...args, ...row], file);
    if (only === undefined) throw new Error(`${id} was not played again`);
    return only;
  };
}

async function playLane(lane: string, args: readonly string[], file: string): Promise<Outcome[]> {
  const main = path.join(import.meta.dirname, 'main.ts');
  const child = spawn(process.execPath, [main, ...args, '--lane', lane, '--outcomes', file], {
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const stop = (): void => void child.kill();
  process.once('exit', stop);
  const [code] = (await once(child, 'exit')) as [number | null];
  process.off('exit', stop);
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as Outcome[];
  } catch {
    throw new Error(`the lane ${lane} ended with code ${code} and without an outcome`);
  }
}
