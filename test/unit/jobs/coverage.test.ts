/** Coverage files of real tools become one form, and only what they say of files of the commit counts. */
import {
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import { coberturaReport, coveragePercent } from '../../../bot/domain/reports-coverage.ts';
import { findCoverage } from '../../../jobs/coverage-files/find-coverage.ts';
import { readLcov } from '../../../jobs/coverage-files/lcov.ts';
import { readXml } from '../../../jobs/coverage-files/xml.ts';
import type { Coverage } from '../../../schema/wire/coverage.ts';
import { xmlElements } from '../../support/report-schemas.ts';

const fixture = (name: string): string =>
  readFileSync(join(import.meta.dirname, '../../fixtures/coverage-files', name), 'utf8');
/** By hand, after JaCoCo's report.dtd. */
const JACOCO = `<?xml version="1.0"?><!DOCTYPE report PUBLIC "-//JACOCO//DTD Report 1.1//EN" "report.dtd">
<report name="app"><package name="org/example"><class name="org/example/App" sourcefilename="App.java"/>
<sourcefile name="App.java"><line nr="3" mi="0" ci="4"/><line nr="4" mi="2" ci="0"/></sourcefile>
</package></report>`;
const GREET: [number, number][] = [
  [1, 1],
  [2, 1],
  [3, 0],
  [5, 1],
];

let top = '';
beforeEach(() => {
  top = realpathSync(mkdtempSync(join(tmpdir(), 'autodev-coverage-')));
});
afterEach(() => rmSync(top, { recursive: true, force: true }));
function put(path: string, text: string): void {
  mkdirSync(dirname(join(top, path)), { recursive: true });
  writeFileSync(join(top, path), text.replaceAll('/w/', `${top}/`).replaceAll('>/w<', `>${top}<`));
}
const OWN = ['src/greet.js', 'app/src/main/java/org/example/App.java'];
const look = (paths = OWN, since = 0): Promise<Coverage | null> => findCoverage(top, paths, since);

test.each([
  ['coverage/lcov.info', 'jest-30-lcov.info', 'lcov'],
  ['coverage/cobertura-coverage.xml', 'jest-30-cobertura-coverage.xml', 'cobertura'],
  ['coverage/clover.xml', 'jest-30-clover.xml', 'clover'],
])('%s, as Jest 30 writes it', async (place, recorded, format) => {
  put(place, fixture(recorded));
  const found = await look();
  expect(found).toEqual({ format, source: place, files: [{ path: 'src/greet.js', lines: GREET }] });
  expect(coveragePercent(found)).toBe(75);
});

test('JaCoCo names packages: the one file of the commit that ends so is meant', async () => {
  put('target/site/jacoco/jacoco.xml', JACOCO);
  const lines = [
    [3, 4],
    [4, 0],
  ];
  expect((await look())?.files).toEqual([{ path: OWN[1], lines }]);
  expect(await look([...OWN, 'other/org/example/App.java'])).toBeNull();
});

test('files of the commit, older files, links and files of others are not believed', async () => {
  const text = fixture('jest-30-lcov.info');
  put('lcov.info', text);
  expect(await look([...OWN, 'lcov.info'])).toBeNull();
  expect(await look(['other.js'])).toBeNull();
  utimesSync(join(top, 'lcov.info'), 1, 1);
  expect(await look(OWN, 2_000)).toBeNull();
  expect(await look(OWN, 500)).not.toBeNull();
  rmSync(join(top, 'lcov.info'));
  put('else/lcov.info', text);
  symlinkSync(join(top, 'else/lcov.info'), join(top, 'lcov.info'));
  symlinkSync(join(top, 'else'), join(top, 'coverage'));
  expect(await look()).toBeNull();
});

test('hostile files are no coverage, whatever they are', () => {
  const bomb = `<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><coverage line-rate="1"><class filename="&b;"/></coverage>`;
  expect(readXml(bomb)).toBeNull();
  expect(readXml('<coverage line-rate="1">')).toBeNull();
  const deep = `${'<coverage line-rate="1">'.repeat(5_000)}`;
  expect(readXml(deep)).toBeNull();
  const nan =
    '<coverage line-rate="1"><class filename="a"><line number="x" hits="-1"/></class></coverage>';
  expect(readXml(nan)?.files[0]?.lines.size).toBe(0);
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 400 }), (text) => {
      readXml(`<coverage line-rate="1">${text}`);
      readLcov(`SF:a\n${text}`);
    }),
  );
});

test('a file of more lines than the limit is left out, the others stay', async () => {
  const many = Array.from({ length: 20_001 }, (_, index) => `DA:${index + 1},1`).join('\n');
  put('lcov.info', `SF:big.js\n${many}\nend_of_record\nSF:src/greet.js\nDA:1,1\nend_of_record\n`);
  expect((await look([...OWN, 'big.js']))?.files.map(({ path }) => path)).toEqual(['src/greet.js']);
});

test('the report is Cobertura that our own reader and an XML parser read, whatever paths are', () => {
  const line = fc.tuple(fc.integer({ min: 1, max: 1e6 }), fc.integer({ min: 0, max: 1e6 }));
  const file = fc.record({
    path: fc.string({ unit: 'binary', minLength: 1, maxLength: 60 }),
    lines: fc.uniqueArray(line, { minLength: 1, maxLength: 9, selector: ([number]) => number }),
  });
  fc.assert(
    fc.property(fc.array(file, { minLength: 1, maxLength: 4 }), (files) => {
      const coverage: Coverage = { format: 'lcov', source: 'lcov.info', files };
      const xml = coberturaReport(coverage, new Date(0)) ?? '';
      const lines = files.flatMap((one) => one.lines);
      expect(xmlElements(xml).filter(({ name }) => name === 'line')).toHaveLength(lines.length);
      const read = readXml(xml);
      expect(read?.format).toBe('cobertura');
      expect(read?.files.flatMap((one) => [...one.lines])).toEqual(lines);
    }),
  );
  expect(coberturaReport(null, new Date(0))).toBeNull();
  expect(coveragePercent(null)).toBeNull();
});
