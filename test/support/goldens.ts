/** Golden files: one JSON object per file under test/goldens, one entry per line, sorted by key. */
import { expect } from '@jest/globals';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = join(dirname(fileURLToPath(import.meta.url)), '..', '..');

/**
 * Compares values with the golden file `test/goldens/<name>`; UPDATE_GOLDENS=1 writes it instead,
 * for a person to read before it is committed.
 */
export function expectGolden(name: string, values: ReadonlyMap<string, unknown>): void {
  const path = join(ROOT, 'test', 'goldens', name);
  if (process.env['UPDATE_GOLDENS'] === '1') writeFileSync(path, print(values));
  const golden: unknown = existsSync(path) ? JSON.parse(readFileSync(path, 'utf8')) : {};
  expect(JSON.parse(JSON.stringify(Object.fromEntries(values)))).toEqual(golden);
}

function print(values: ReadonlyMap<string, unknown>): string {
  const lines = [...values].map(
    ([key, value]) => `${JSON.stringify(key)}: ${JSON.stringify(value)}`,
  );
  return `{\n${lines.join(',\n')}\n}\n`;
}
