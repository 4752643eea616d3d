/** A run of the proof in several sittings. */
import { appendFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import type { Entry } from '../../../proof/all.ts';
import { held, type Proof } from '../../../proof/proof.ts';
import type { Outcome } from '../../../proof/run.ts';
import { sittingIn, sourcesOf } from '../../../proof/sitting.ts';

const WAY = { seed: 3, full: true, share: 1, samples: false };
const PROOF: Proof = {
  ...{ id: 'R1', name: 'a promise', layer: 'faults', backend: 'postgres' },
  ...{ runs: { ci: 1, full: 2 }, play: () => held('it'), mutants: [] },
};
const ENTRY: Entry = { module: 'faults/kills.ts', name: '', proof: PROOF, lane: 'postgres' };
const OUTCOME: Outcome = {
  ...{ id: 'R1', name: 'a promise', layer: 'faults', lane: 'postgres', backend: 'postgres' },
  ...{ runs: 2, failures: [], mutants: [], spared: 0, seconds: 1, missing: null, optional: false },
  ...{ told: '', figure: null },
};

let dir: string;
let file: string;
beforeEach(() => {
  dir = mkdtempSync(path.join(tmpdir(), 'autodev-sitting-'));
  file = path.join(dir, 'rows');
});
afterEach(() => rmSync(dir, { recursive: true }));

test('what one sitting has played is known to the next, the last outcome first', async () => {
  const first = await sittingIn(file, WAY).open(ENTRY);
  expect(first.known).toBeUndefined();
  first.keep(OUTCOME);
  first.keep({ ...OUTCOME, seconds: 2 });
  expect((await sittingIn(file, WAY).open(ENTRY)).known).toEqual({ ...OUTCOME, seconds: 2 });
});

test.each([
  ['seed', { ...WAY, seed: 4 }],
  ['form', { ...WAY, full: false }],
  ['share', { ...WAY, share: 0.5 }],
  ['choice of mutants', { ...WAY, samples: true }],
])('of another %s nothing is known', async (_case, way) => {
  (await sittingIn(file, WAY).open(ENTRY)).keep(OUTCOME);
  expect((await sittingIn(file, way).open(ENTRY)).known).toBeUndefined();
});

test.each([
  ['id', { id: 'R2' }],
  ['name', { name: 'another promise' }],
  ['backend', { backend: 'redis' as const }],
])('a row of another %s is not known', async (_case, change) => {
  (await sittingIn(file, WAY).open(ENTRY)).keep(OUTCOME);
  const other = { ...ENTRY, proof: { ...PROOF, ...change } };
  expect((await sittingIn(file, WAY).open(other)).known).toBeUndefined();
});

test('a line that was cut off, and one of other code, are left alone', async () => {
  const { keep } = await sittingIn(file, WAY).open(ENTRY);
  appendFileSync(file, `${JSON.stringify({ of: '{"code":"other"}', outcome: OUTCOME })}\n`);
  expect((await sittingIn(file, WAY).open(ENTRY)).known).toBeUndefined();
  keep(OUTCOME);
  appendFileSync(file, JSON.stringify({ of: 'x', outcome: OUTCOME }).slice(0, 40));
  expect((await sittingIn(file, WAY).open(ENTRY)).known).toEqual(OUTCOME);
});

test('a row is known for as long as its own code is the same, whatever other rows became', async () => {
  (await sittingIn(file, WAY).open(ENTRY)).keep(OUTCOME);
  const moved = { ...ENTRY, module: 'faults/runners.ts' };
  expect((await sittingIn(file, WAY).open(moved)).known).toBeUndefined();
});

test.each([
  ['faults/kills.ts', ['proof/faults/place.ts', 'proof/run.ts', 'test/support/story.ts', 'bot']],
  ['faults/clocks.ts', ['proof/faults/skewed-clock.ts']],
  ['pure/bombs.ts', ['proof/pure/bomb-server.ts']],
  ['faults/ten-kills.ts', ['proof/mutants/install.ts']],
])('%s depends on the product and on what it names', (module, some) => {
  const all = sourcesOf(module);
  expect(all).toEqual(expect.arrayContaining([`proof/${module}`, ...some]));
  for (const other of ['all.ts', 'faults/runners.ts', 'whole/conversations.ts']) {
    expect(all).not.toContain(`proof/${other}`);
  }
});
