/** Trivy: known problems of the packages in lock files of many languages. */
import { join } from 'node:path';
import * as z from 'zod';
import { Severity } from '../../schema/wire/finding.ts';
import { SCAN_LIMITS, type DependencyFile } from '../../schema/wire/scan.ts';
import { ENTRIES, type RawFinding } from './findings.ts';
import { readJson, ScanError, type Bench, type Found, type Scanner } from './scanner.ts';

const REPORT = 'trivy.json';

const Vulnerability = z.object({
  VulnerabilityID: z.string().min(1),
  PkgName: z.string().min(1),
  InstalledVersion: z.string().default(''),
  FixedVersion: z.string().default(''),
  Severity: z.string().default('UNKNOWN'),
  Title: z.string().default(''),
  Description: z.string().default(''),
  CweIDs: z.array(z.string()).default([]),
});
const Package = z.object({ Name: z.string().min(1).max(214), Version: z.string().max(100) });
const Result = z.object({
  Target: z.string().min(1).max(SCAN_LIMITS.pathChars),
  Type: z.string().min(1).max(40).default('unknown'),
  Packages: z.array(z.unknown()).default([]),
  Vulnerabilities: z.array(z.unknown()).default([]),
});
const Output = z.object({ Results: z.array(z.unknown()).default([]) });

export const trivy: Scanner = {
  name: 'trivy',
  program: 'trivy',
  version: ['--version'],
  network: true,
  folders: ({ trivyCache }) => ({ readable: [], writable: trivyCache ? [trivyCache] : [] }),
  scan,
};

async function scan({ workspace, scratch, env, call, output }: Bench): Promise<Found> {
  await call({
    // It runs beside the repository, so that no trivy.yaml or .trivyignore of it is read; `--offline-scan`
    // keeps it from asking servers that files of the repository name.
    args: [
      ...['filesystem', '--scanners', 'vuln', '--offline-scan', '--list-all-pkgs'],
      ...[
        '--quiet',
        '--no-progress',
        '--cache-dir',
        env.trivyCache ?? join(scratch, 'trivy-cache'),
      ],
      ...['--format', 'json', '--output', join(scratch, REPORT), workspace],
    ],
    env: { TRIVY_SKIP_VERSION_CHECK: 'true', TRIVY_DISABLE_TELEMETRY: 'true' },
    good: [0],
  });
  return readTrivy(await output(REPORT));
}

/** Its JSON report. @throws ScanError */
export function readTrivy(text: string): Found {
  const parsed = Output.safeParse(readJson(text));
  if (!parsed.success) throw new ScanError('its report has no results');
  const found: Found = { findings: [], unreadable: 0, dependencies: [] };
  for (const entry of parsed.data.Results) {
    const result = Result.safeParse(entry);
    if (!result.success) {
      found.unreadable += 1;
      continue;
    }
    const { Target, Vulnerabilities } = result.data;
    for (const one of Vulnerabilities.slice(0, ENTRIES)) {
      const read = Vulnerability.safeParse(one);
      if (read.success) found.findings.push(finding(read.data, Target));
      else found.unreadable += 1;
    }
    found.dependencies?.push(dependencyFile(result.data));
  }
  return { ...found, dependencies: (found.dependencies ?? []).slice(0, SCAN_LIMITS.files) };
}

function finding(one: z.infer<typeof Vulnerability>, path: string): RawFinding {
  const severity = Severity.safeParse(one.Severity.toLowerCase());
  return {
    rule: one.VulnerabilityID,
    severity: severity.success ? severity.data : 'info',
    title: one.Title || `${one.VulnerabilityID} in ${one.PkgName}`,
    text: one.Description,
    path,
    names: [one.VulnerabilityID, ...one.CweIDs],
    package: {
      name: one.PkgName,
      version: one.InstalledVersion,
      fixedIn: one.FixedVersion === '' ? null : one.FixedVersion,
    },
  };
}

function dependencyFile({ Target, Type, Packages }: z.infer<typeof Result>): DependencyFile {
  const packages = Packages.slice(0, SCAN_LIMITS.packages).flatMap((one) => {
    const read = Package.safeParse(one);
    return read.success ? [{ name: read.data.Name, version: read.data.Version }] : [];
  });
  return { path: Target, manager: Type, packages };
}
