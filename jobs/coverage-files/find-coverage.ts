/**
 * Takes the coverage that the repository's own commands left in the workspace, once the agent is gone. It
 * is what those commands wrote, or what the agent made them write: shown, never a fact for a gate.
 */
import { constants } from 'node:fs';
import { open, realpath } from 'node:fs/promises';
import { join } from 'node:path';
import { Coverage, COVERAGE_LIMITS, type CoveredFile } from '../../schema/wire/coverage.ts';
import { readLcov } from './lcov.ts';
import type { ReadCoverage } from './read-coverage.ts';
import { readXml } from './xml.ts';

/** Where test tools write by default, those with most detail first. */
const PLACES = [
  'coverage/lcov.info',
  'lcov.info',
  'coverage/cobertura-coverage.xml',
  'coverage/cobertura.xml',
  'coverage.xml',
  'cobertura.xml',
  'coverage/clover.xml',
  'clover.xml',
  'target/site/jacoco/jacoco.xml',
  'build/reports/jacoco/test/jacocoTestReport.xml',
];
const MAX_BYTES = 20 * 1024 * 1024;

/**
 * The first file that says something about files of the commit; null when there is none. A file that is
 * part of the commit itself, is a link, or was there before the agent (`since`) is not looked at.
 */
export async function findCoverage(
  workspace: string,
  paths: readonly string[],
  since: number,
): Promise<Coverage | null> {
  const ofCommit = new Set(paths);
  for (const source of PLACES.filter((place) => !ofCommit.has(place))) {
    const text = await readNew(workspace, source, since);
    if (text === null) continue;
    const read = source.endsWith('.info') ? readLcov(text) : readXml(text);
    if (read === null) continue;
    const files = ownFiles(read, workspace, ofCommit);
    const parsed = Coverage.safeParse({ format: read.format, source, files });
    if (parsed.success) return parsed.data;
  }
  return null;
}

async function readNew(workspace: string, source: string, since: number): Promise<string | null> {
  const path = join(workspace, source);
  // A folder on the way may be a link, too.
  if ((await realpath(path).catch(() => null)) !== path) return null;
  const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
  const file = await open(path, flags).catch(() => null);
  try {
    const stat = await file?.stat();
    const fits = stat?.isFile() === true && stat.size <= MAX_BYTES && stat.mtimeMs >= since;
    return file && fits ? await file.readFile('utf8') : null;
  } finally {
    await file?.close();
  }
}

/** What is said about files of the commit, within the limits. */
function ownFiles(
  { files, roots }: ReadCoverage,
  workspace: string,
  ofCommit: ReadonlySet<string>,
): CoveredFile[] {
  const merged = new Map<string, Map<number, number>>();
  for (const { name, lines } of files) {
    const path = ownPath(name, roots, workspace, ofCommit);
    if (path === null) continue;
    const before = merged.get(path) ?? new Map<number, number>();
    for (const [line, hits] of lines) before.set(line, Math.max(hits, before.get(line) ?? 0));
    merged.set(path, before);
  }
  let room: number = COVERAGE_LIMITS.lines;
  const own: CoveredFile[] = [];
  for (const [path, lines] of [...merged].slice(0, COVERAGE_LIMITS.files)) {
    if (lines.size === 0 || lines.size > room || lines.size > COVERAGE_LIMITS.linesOfFile) continue;
    room -= lines.size;
    own.push({ path, lines: [...lines].toSorted((a, b) => a[0] - b[0]) });
  }
  return own;
}

/** The file of the commit that a tool's name stands for, or null. */
function ownPath(
  name: string,
  roots: readonly string[],
  workspace: string,
  ofCommit: ReadonlySet<string>,
): string | null {
  const clean = name.replaceAll('\\', '/').replace(/^\.\//, '');
  const candidates = [clean, ...roots.map((root) => `${root.replaceAll('\\', '/')}/${clean}`)];
  for (const candidate of candidates) {
    const path = candidate.startsWith(`${workspace}/`)
      ? candidate.slice(workspace.length + 1)
      : candidate;
    const plain = path
      .split('/')
      .filter((part) => part !== '' && part !== '.')
      .join('/');
    if (ofCommit.has(plain)) return plain;
  }
  // JaCoCo names packages, not folders: the one file that ends so.
  const ending = `/${clean}`;
  const alike = clean.includes('/') ? [...ofCommit].filter((path) => path.endsWith(ending)) : [];
  return alike.length === 1 ? (alike[0] ?? null) : null;
}
