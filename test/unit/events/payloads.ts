/** Where recorded payloads are, ours and those of public clients. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

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
