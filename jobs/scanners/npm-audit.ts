/**
 * npm audit: known problems of the packages in lock files. Only the lock file and its manifest are copied
 * to where npm runs: an `.npmrc` of the repository could name another registry or run programs.
 */
import { mkdir, open, writeFile } from 'node:fs/promises';
import { constants } from 'node:fs';
import { dirname, join } from 'node:path';
import * as z from 'zod';
import { Severity } from '../../schema/wire/finding.ts';
import { SCAN_LIMITS, type DependencyFile } from '../../schema/wire/scan.ts';
import type { RawFinding } from './findings.ts';
import { readJson, ScanError, type Bench, type Found, type Scanner } from './scanner.ts';

const LOCKS = new Set(['package-lock.json', 'npm-shrinkwrap.json']);
const MAX_LOCKS = 5;
const MAX_BYTES = 20 * 1024 * 1024;

const Via = z.object({
  title: z.string().default(''),
  url: z.string().default(''),
  severity: z.string().default('info'),
  cwe: z.array(z.string()).default([]),
  range: z.string().default(''),
});
const Vulnerable = z.object({
  name: z.string().min(1),
  via: z.array(z.unknown()).default([]),
  nodes: z.array(z.string()).default([]),
  fixAvailable: z
    .union([z.boolean(), z.object({ name: z.string(), version: z.string() })])
    .default(false),
});
const Audit = z.object({
  auditReportVersion: z.literal(2),
  vulnerabilities: z.record(z.string(), z.unknown()),
});
const Lock = z.object({ packages: z.record(z.string(), z.unknown()).default({}) });
const Locked = z.object({ version: z.string(), link: z.boolean().optional() });

export const npmAudit: Scanner = {
  name: 'npm-audit',
  program: 'npm',
  version: ['--version'],
  network: true,
  folders: () => ({ readable: [], writable: [] }),
  scan,
};

async function scan(bench: Bench): Promise<Found | string> {
  const locks = lockFiles(bench.paths);
  if (locks.length === 0) return 'there is no package-lock.json with a package.json beside it';
  const found: Found = { findings: [], unreadable: 0, dependencies: [] };
  for (const [index, path] of locks.slice(0, MAX_LOCKS).entries()) {
    const one = await auditOne(bench, path, join(bench.scratch, `lock-${index}`));
    found.findings.push(...one.findings);
    found.unreadable += one.unreadable;
    found.dependencies?.push(...(one.dependencies ?? []));
  }
  found.unreadable += Math.max(0, locks.length - MAX_LOCKS);
  return found;
}

/** Lock files with a manifest beside them, those nearest to the root first. */
function lockFiles(paths: readonly string[]): string[] {
  const there = new Set(paths);
  return paths
    .filter((path) => LOCKS.has(path.split('/').at(-1) ?? ''))
    .filter((path) => !path.split('/').includes('node_modules'))
    .filter((path) => there.has(join(dirname(path), 'package.json')))
    .toSorted((a, b) => a.split('/').length - b.split('/').length || (a < b ? -1 : 1));
}

async function auditOne(bench: Bench, path: string, folder: string): Promise<Found> {
  const from = join(bench.workspace, dirname(path));
  const name = path.split('/').at(-1) ?? '';
  const lock = await readPlain(join(bench.workspace, path));
  await mkdir(folder);
  await writeFile(join(folder, name), lock);
  await writeFile(join(folder, 'package.json'), await readPlain(join(from, 'package.json')));
  const registry = bench.env.npmRegistry;
  const text = await bench.call({
    args: [
      ...['audit', '--json', '--package-lock-only', '--ignore-scripts', '--prefix', folder],
      ...['--no-update-notifier', '--no-fund', '--loglevel', 'error'],
      ...['--cache', join(bench.scratch, 'npm-cache')],
      ...(registry === undefined ? [] : ['--registry', registry]),
    ],
    // 1 says that it found something, and also that it failed; the output tells.
    good: [0, 1],
  });
  return readNpmAudit(text, lock, path);
}

/** A regular file of reasonable size; links are not followed. @throws ScanError */
async function readPlain(path: string): Promise<string> {
  const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW).catch(() => null);
  try {
    const stat = await file?.stat();
    if (!file || !stat?.isFile() || stat.size > MAX_BYTES) {
      throw new ScanError('its lock file or manifest is no plain file, or too large');
    }
    return await file.readFile('utf8');
  } finally {
    await file?.close();
  }
}

/** Its JSON output, with the versions that the lock file names. @throws ScanError */
export function readNpmAudit(text: string, lock: string, path: string): Found {
  const value = readJson(text);
  const audit = Audit.safeParse(value);
  if (!audit.success) {
    const message = z.object({ message: z.string() }).safeParse(value);
    throw new ScanError(message.success ? message.data.message : 'its output is not an audit');
  }
  const versions = versionsIn(lock);
  const findings: RawFinding[] = [];
  let unreadable = 0;
  for (const entry of Object.values(audit.data.vulnerabilities)) {
    const one = Vulnerable.safeParse(entry);
    if (!one.success) {
      unreadable += 1;
      continue;
    }
    for (const via of one.data.via) {
      // A string names another package of the list, whose own entry says what is wrong.
      if (typeof via === 'string') continue;
      const advisory = Via.safeParse(via);
      if (advisory.success)
        findings.push(...advisoryFindings(one.data, advisory.data, versions, path));
      else unreadable += 1;
    }
  }
  return { findings, unreadable, dependencies: [dependencyFile(versions, path)] };
}

/** One finding per version of the package that the lock file holds. */
function advisoryFindings(
  { name, nodes, fixAvailable }: z.infer<typeof Vulnerable>,
  { title, url, severity, cwe, range }: z.infer<typeof Via>,
  versions: ReadonlyMap<string, string>,
  path: string,
): RawFinding[] {
  const held = [...new Set(nodes.map((node) => versions.get(node) ?? ''))];
  const fix = typeof fixAvailable === 'object' ? fixAvailable : null;
  const update =
    fix === null || fix.name === name ? '' : ` Updating ${fix.name} to ${fix.version} mends it.`;
  return (held.length > 0 ? held : ['']).map((version) => ({
    rule: /GHSA-[\w-]+/.exec(url)?.[0] ?? (url || title || name),
    severity: severityOf(severity),
    title: title || `Known problem of ${name}`,
    text: `${name} ${range} is affected: ${url}.${update}`,
    path,
    names: [...cwe, url],
    package: { name, version, fixedIn: fix?.name === name ? fix.version : firstWithout(range) },
  }));
}

/** `<4.17.21` and `>=4.0.0 <4.17.21` name the first version without the problem. */
function firstWithout(range: string): string | null {
  return /^(?:>=?\S{1,60} )?<([0-9]\S{0,60})$/.exec(range)?.[1] ?? null;
}

function severityOf(text: string): Severity {
  const parsed = Severity.safeParse(text === 'moderate' ? 'medium' : text);
  return parsed.success ? parsed.data : 'low';
}

/** Version of each place in the tree of packages. */
function versionsIn(lock: string): Map<string, string> {
  const parsed = Lock.safeParse(readJson(lock));
  const versions = new Map<string, string>();
  for (const [place, entry] of Object.entries(parsed.success ? parsed.data.packages : {})) {
    const one = Locked.safeParse(entry);
    if (one.success && one.data.link !== true && place.includes('node_modules/')) {
      versions.set(place, one.data.version);
    }
  }
  return versions;
}

function dependencyFile(versions: ReadonlyMap<string, string>, path: string): DependencyFile {
  const packages = new Map<string, { name: string; version: string }>();
  for (const [place, version] of versions) {
    const name = place.slice(place.lastIndexOf('node_modules/') + 'node_modules/'.length);
    if (name === '' || name.length > 214 || version.length > 100) continue;
    packages.set(`${name}@${version}`, { name, version });
  }
  return { path, manager: 'npm', packages: [...packages.values()].slice(0, SCAN_LIMITS.packages) };
}
