/** Golden files: one per source of payloads, one normalised event per line, sorted by key. */
import { expect } from '@jest/globals';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { ForgeEvent } from '../../../bot/domain/events.ts';

const ROOT = join(dirname(fileURLToPath(import.meta.url)), '..', '..', '..');

export const OWN_PAYLOADS = join(ROOT, 'test', 'fixtures', 'gitlab');
/** Payloads recorded by public clients; they are not part of the repository. */
export const SHARED_PAYLOADS = join(ROOT, '..', 'shared', 'fixtures', 'gitlab');

/** File name to parsed payload, sorted; null when the folder is not there. */
export function payloadsIn(folder: string): Map<string, unknown> | null {
  if (!existsSync(folder)) return null;
  const names = readdirSync(folder).filter((name) => name.endsWith('.json'));
  return new Map(
    names.toSorted().map((name) => [name, JSON.parse(readFileSync(join(folder, name), 'utf8'))]),
  );
}

/**
 * Compares events with the golden file `test/goldens/<name>`; UPDATE_GOLDENS=1 writes it instead,
 * for a person to read before it is committed.
 */
export function expectGolden(name: string, events: ReadonlyMap<string, ForgeEvent>): void {
  const path = join(ROOT, 'test', 'goldens', name);
  if (process.env['UPDATE_GOLDENS'] === '1') writeFileSync(path, print(events));
  const golden = existsSync(path)
    ? (JSON.parse(readFileSync(path, 'utf8')) as Record<string, ForgeEvent>)
    : {};
  expect(Object.fromEntries(events)).toEqual(golden);
}

function print(events: ReadonlyMap<string, ForgeEvent>): string {
  const lines = [...events].map(
    ([key, event]) => `${JSON.stringify(key)}: ${JSON.stringify(event)}`,
  );
  return `{\n${lines.join(',\n')}\n}\n`;
}
