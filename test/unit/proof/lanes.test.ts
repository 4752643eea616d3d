/**
 * Rows that fell short beside other lanes are played again alone; what is wrong otherwise is not. Ten seeds take
 * away every defence of the short form.
 */
import { expect, test } from '@jest/globals';
import type { Entry } from '../../../proof/all.ts';
import { playShortAgain, sampled } from '../../../proof/lanes.ts';
import type { Proof } from '../../../proof/proof.ts';
import type { Outcome } from '../../../proof/run.ts';

function outcome(change: Partial<Outcome>): Outcome {
  return {
    ...{ id: 'R1', name: 'a promise', layer: 'faults', lane: 'postgres', backend: 'postgres' },
    ...{ runs: 3, failures: [], mutants: [], spared: 0, seconds: 1, missing: null },
    ...{ optional: false, told: 'p50 2 s', figure: null },
    ...change,
  };
}

const failure = (late: boolean) => ({ attack: 1, about: 'cycle 1', what: 'not over', late });
const figure = (holds: boolean) => ({ value: 14_000.4, unit: 'ms p99', holds });
const ALONE = outcome({ figure: figure(true) });

async function again(row: Outcome): Promise<{ outcome: Outcome | undefined; said: string[] }> {
  const said: string[] = [];
  const [first] = await playShortAgain(
    [row],
    async () => ALONE,
    (line) => said.push(line),
  );
  return { outcome: first, said };
}

test.each([
  ['a figure', { figure: figure(false) }, '14000 ms p99'],
  ['a wait', { failures: [failure(true)], figure: figure(true) }, 'not over'],
  ['a mutant', { mutants: [{ name: 'x', killed: false, by: '' }] }, 'nobody noticed: no "x"'],
])('short by %s: played again, and said so', async (_case, change, why) => {
  const { outcome: row, said } = await again(outcome(change));
  expect(said).toEqual([
    `R1 on postgres fell short beside other lanes (${why}) and is played again alone`,
  ]);
  const told = `alone, after it fell short beside others (${why}); p50 2 s`;
  expect(row).toEqual({ ...ALONE, told });
});

test.each([
  ['what holds', {}],
  ['a row that was not played', { missing: 'there is no Redis' }],
  ['another failure', { failures: [failure(true), failure(false)] }],
  ['another failure beside a figure', { failures: [failure(false)], figure: figure(false) }],
  [
    'a mutant without processes that nobody noticed',
    { layer: 'functions' as const, mutants: [{ name: 'x', killed: false, by: '' }] },
  ],
])('%s is left as it is', async (_case, change) => {
  const row = outcome(change);
  expect(await again(row)).toEqual({ outcome: row, said: [] });
});

const NONE: Proof = {
  ...{ id: 'R1', name: 'a promise', layer: 'faults', runs: { ci: 1, full: 1 }, mutants: [] },
  play: () => ({ failure: null, about: '' }),
};
/** A row with so many mutants, which are processes or loaded. */
function rowOf(name: string, count: number, more: Partial<Proof>): Entry {
  const mutants = Array.from({ length: count }, (_, at) => ({
    ...{ name: `${name} ${at}`, file: 'bot/x.ts', from: 'a', to: 'b' },
  }));
  return { module: '', name, lane: 'one', proof: { ...NONE, mutants, ...more } };
}
const ofProcesses: Partial<Proof> = { playMutant: () => NONE };

test('each of ten seeds plays its share of the mutants that are processes, and all that are loaded', () => {
  const rows = [
    rowOf('first', 13, ofProcesses),
    // Its mutants are never asked for in the short form, and take the turn of no other.
    rowOf('full', 7, { ...ofProcesses, fullOnly: true }),
    rowOf('second', 17, ofProcesses),
    rowOf('loaded', 3, {}),
  ];
  const short = rows.filter(({ proof }) => proof.fullOnly !== true);
  const played = Array.from({ length: 10 }, (_, seed) => {
    const takes = sampled(rows, seed);
    return short.flatMap(({ proof }) => proof.mutants.filter(takes));
  });
  expect(played.map(({ length }) => length)).toEqual(Array.from({ length: 10 }, () => 3 + 3));
  const processes = new Set(short.slice(0, 2).flatMap(({ proof }) => proof.mutants));
  expect(new Set(played.flat()).intersection(processes)).toEqual(processes);
});
