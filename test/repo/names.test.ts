/** Files are called by what they hold, the same way everywhere. */
import { basename } from 'node:path';
import { expect, test } from '@jest/globals';
import { files, sources } from './support/sources.ts';

const OURS = /^(bot|jobs|sandbox|schema|bench|eval|proof|test|[.]ci|deploy)\//;
/** Data whose names are given by somebody else, or by the case they stand for. */
const DATA =
  /^(test\/(fixtures|goldens)\/|sandbox\/sample\/|eval\/tasks\/[^/]+\/(?:repo|solution|wrong)\/|.*\/__snapshots__\/)/;
/** `name.ts`, `name.test.ts`, `0001_name.sql`. */
const GOOD = /^[.]?[a-z0-9]+(?:[-_.][a-z0-9]+)*$/;
const CONVENTIONAL = new Set(['Dockerfile', 'README.md']);

test('file names are in kebab case', () => {
  const bad = files.filter((file) => {
    const name = basename(file);
    return OURS.test(file) && !DATA.test(file) && !CONVENTIONAL.has(name) && !GOOD.test(name);
  });
  expect(bad).toEqual([]);
  const underscored = sources.filter((file) => !DATA.test(file) && basename(file).includes('_'));
  expect(underscored).toEqual([]);
});

test('no folder or file is a drawer for everything', () => {
  const drawer = /(^|\/)((utils?|helpers?|common|misc|shared|lib)\/|(utils?|helpers?|misc)[.]ts$)/;
  expect(sources.filter((file) => drawer.test(file))).toEqual([]);
});

test('there are no barrels', () => {
  expect(sources.filter((file) => basename(file) === 'index.ts')).toEqual([]);
});
