/** The schemas that editors use say what the programs say. */
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, test } from '@jest/globals';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { parse } from 'yaml';
import { SAMPLE_REPORTS } from '../support/sample-reports.ts';
import { files, read, root } from './support/sources.ts';

const ajv = new Ajv2020({ strict: false, formats: { uri: true } });

function valid(schema: string, value: unknown): boolean {
  const text = readFileSync(join(root, 'schema', 'json', `${schema}.json`), 'utf8');
  return ajv.validate(JSON.parse(text) as object, value);
}

const shipped = files.filter((file) => /^config\/.*[.](yaml|md)$/.test(file));

/** Front matter, or the whole file. */
function valueOf(file: string): Record<string, unknown> {
  const text = read(file);
  const yaml = file.endsWith('.md') ? (/^---\n([\s\S]*?)\n---\n/.exec(text)?.[1] ?? '') : text;
  return parse(yaml) as Record<string, unknown>;
}

test.each(shipped)('%s fits its schema, and would not with a key too many', (file) => {
  const schema = file.endsWith('.md')
    ? 'agent'
    : file.includes('workflows')
      ? 'workflow'
      : 'settings';
  const value = valueOf(file);
  expect(valid(schema, value)).toBe(true);
  expect(valid(schema, { ...value, colour: 'red' })).toBe(false);
});

test.each(shipped.filter((file) => file.endsWith('.yaml')))('%s names its schema', (file) => {
  const named = /^# yaml-language-server: [$]schema=(\S+)\n/.exec(read(file))?.[1] ?? '';
  expect(named).toMatch(/schema\/json\/[a-z-]+[.]json$/);
  expect(existsSync(join(root, dirname(file), named))).toBe(true);
});

test.each(Object.entries(SAMPLE_REPORTS))('a report of kind %s fits its schema', (kind, report) => {
  const schema = `report-${kind.replaceAll('_', '-')}`;
  expect(valid(schema, report)).toBe(true);
  expect(valid(schema, { ...report, kind: 'none' })).toBe(false);
});

test('what a repository may leave out may be missing', () => {
  expect(valid('repo-config', {})).toBe(true);
  expect(valid('repo-config', { permissions: { implement: 'boss' } })).toBe(false);
});
