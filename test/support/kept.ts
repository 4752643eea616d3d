/**
 * Things that every story wants and that take seconds of computing: made once per version of what they are
 * made of, and kept where tools keep caches. Nothing that is kept holds a result of a test.
 */
import { createHash, randomUUID } from 'node:crypto';
import { mkdir, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import path from 'node:path';

const ROOT = path.resolve(import.meta.dirname, '../..');
const CACHE = path.join(ROOT, 'node_modules/.cache');

/** What tells one version of these files and folders below the repository from another. */
export async function versionOf(sources: readonly string[]): Promise<string> {
  const hash = createHash('sha256').update(process.version);
  for (const source of sources) {
    for (const file of await filesOf(path.join(ROOT, source))) {
      hash.update(path.relative(ROOT, file)).update(await readFile(file));
    }
  }
  return hash.digest('hex').slice(0, 16);
}

/** The folder `name` for this version of `sources`; it may be empty. */
export async function keptFolder(name: string, sources: readonly string[]): Promise<string> {
  return path.join(CACHE, `autodev-test-${name}`, await versionOf(sources));
}

/** What decides how a CI configuration is resolved, besides its own text. */
const CI_SOURCES = ['sandbox/ci', 'node_modules/gitlab-ci-local/package.json'];

/** Where sandboxes keep resolved CI configurations for each other; not for tests of how they are resolved. */
export const keptConfigDir = (): Promise<string> => keptFolder('ci', CI_SOURCES);

/** The same folder, filled by `make` when it is not there yet. */
export async function keep(
  name: string,
  sources: readonly string[],
  make: (dir: string) => Promise<void>,
): Promise<string> {
  const kept = await keptFolder(name, sources);
  if (await exists(kept)) return kept;
  const own = `${kept}-${randomUUID()}`;
  await mkdir(own, { recursive: true });
  await make(own);
  // Of several that are made at once the first one counts.
  await rename(own, kept).catch(() => rm(own, { recursive: true, force: true }));
  return kept;
}

async function filesOf(place: string): Promise<string[]> {
  if (!(await stat(place)).isDirectory()) return [place];
  const entries = await readdir(place, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => path.join(entry.parentPath, entry.name))
    .toSorted();
}

async function exists(folder: string): Promise<boolean> {
  return stat(folder).then(
    () => true,
    () => false,
  );
}
