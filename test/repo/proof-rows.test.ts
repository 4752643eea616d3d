/** Every row of the list of threats that must hold before anybody installs it has its place, and only one. */
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from '@jest/globals';
import { HELD_BY_TESTS, NOT_APPLICABLE, OPEN, PROOFS } from '../../proof/all.ts';

const ROOT = path.resolve(import.meta.dirname, '../..');

/** Rows of priority 0 in the parts A to G; those of R are about faults. */
const MUST = [
  ...['A1', 'A2', 'A3', 'A4', 'A5', 'A6', 'A7', 'A8', 'A9', 'A10', 'A11', 'A13', 'A16'],
  ...['B1', 'B3', 'B4', 'B6', 'B7', 'B8', 'B9', 'B10', 'B11', 'B12', 'B13'],
  ...['C1', 'C2', 'C4', 'C5', 'C6', 'C7'],
  ...['D1', 'D2', 'D3', 'D4', 'D5', 'D6', 'D8', 'D9', 'D11'],
  ...['E1', 'E2', 'E3', 'E4', 'E5', 'E6', 'E8'],
  ...['F1', 'F2', 'F3', 'F4', 'F5', 'F6', 'F7'],
  ...['G1', 'G2', 'G3'],
];
const played = new Set(PROOFS.flatMap(({ proof }) => proof.id.split(' ')));
const elsewhere = [HELD_BY_TESTS, NOT_APPLICABLE, OPEN].flatMap((rows) => Object.keys(rows));

test('each stands in a proof, or is named with where it is held or what is missing', () => {
  expect(MUST.filter((id) => !played.has(id) && !elsewhere.includes(id))).toEqual([]);
});

test('no two proofs have one name on one backend', () => {
  const names = PROOFS.map(({ proof }) => `${proof.name} ${proof.backend ?? ''}`);
  expect(new Set(names).size).toBe(names.length);
});

test('none is named twice', () => {
  expect(elsewhere.filter((id) => played.has(id))).toEqual([]);
  expect(new Set(elsewhere).size).toBe(elsewhere.length);
});

test('the tests that hold a row are there, and the page names those rows', () => {
  const page = readFileSync(path.join(ROOT, 'docs/proof.md'), 'utf8');
  for (const [id, files] of Object.entries(HELD_BY_TESTS)) {
    expect(files.filter((file) => !existsSync(path.join(ROOT, file)))).toEqual([]);
    expect(page).toContain(`| ${id} | `);
  }
  for (const id of Object.keys(OPEN)) expect(page).toContain(`- ${id}: `);
});

test('every mutant still fits the file whose defence it takes away', () => {
  const edits = PROOFS.flatMap(({ proof }) => proof.mutants).flatMap((mutant) => [
    mutant,
    ...(mutant.also ?? []),
  ]);
  expect(edits.length).toBeGreaterThan(100);
  const misfits = edits.filter(
    ({ file, from }) => readFileSync(path.join(ROOT, file), 'utf8').split(from).length !== 2,
  );
  expect(misfits.map(({ file, from }) => `${file}: ${from}`)).toEqual([]);
});
