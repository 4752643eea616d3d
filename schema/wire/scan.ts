/** What scanners found before the agent started: run and read by the supervisor, never by the agent. */
import * as z from 'zod';
import { Severity } from './finding.ts';

export const ScannerName = z.enum(['npm-audit', 'semgrep', 'gitleaks', 'trivy']);
export type ScannerName = z.infer<typeof ScannerName>;

/** Upper bounds of what one scanner may bring; what is more is counted in `omitted`. */
export const SCAN_LIMITS = {
  findings: 200,
  identifiers: 10,
  files: 20,
  packages: 2_000,
  pathChars: 400,
} as const;

/** A public name of a weakness or an advisory: `CWE-79`, `CVE-2021-23337`, `GHSA-35jh-r3h4-6jhm`. */
export const ScanIdentifier = z.strictObject({
  type: z.enum(['cwe', 'cve', 'ghsa']),
  value: z.string().regex(/^(CWE-\d{1,7}|CVE-\d{4}-\d{4,12}|GHSA(-[0-9a-z]{4}){3})$/),
});
export type ScanIdentifier = z.infer<typeof ScanIdentifier>;

export const ScanFinding = z.strictObject({
  /** The same problem in the same place has the same id in every scan; lines do not count. */
  id: z.string().regex(/^[0-9a-f]{16}$/),
  kind: z.enum(['code', 'secret', 'dependency']),
  /** The scanner's own name of what it looked for. */
  rule: z.string().min(1).max(200),
  severity: Severity,
  title: z.string().min(1).max(200),
  /** Never the secret itself. */
  text: z.string().max(2_000),
  path: z.string().min(1).max(SCAN_LIMITS.pathChars),
  /** 1 where a whole file is meant. */
  line: z.int().positive(),
  endLine: z.int().positive(),
  identifiers: z.array(ScanIdentifier).max(SCAN_LIMITS.identifiers),
  /** Of a dependency; `fixedIn` is null where no version helps or none is known. */
  package: z
    .strictObject({
      name: z.string().min(1).max(214),
      version: z.string().max(100),
      fixedIn: z.string().max(200).nullable(),
    })
    .optional(),
});
export type ScanFinding = z.infer<typeof ScanFinding>;

/** What each scanner finds. */
export const KIND_OF: Readonly<Record<ScannerName, ScanFinding['kind']>> = {
  'npm-audit': 'dependency',
  semgrep: 'code',
  gitleaks: 'secret',
  trivy: 'dependency',
};

/** What a lock file names, for the list of dependencies in GitLab's report. */
export const DependencyFile = z.strictObject({
  path: z.string().min(1).max(SCAN_LIMITS.pathChars),
  manager: z.string().min(1).max(40),
  packages: z
    .array(z.strictObject({ name: z.string().min(1).max(214), version: z.string().max(100) }))
    .max(SCAN_LIMITS.packages),
});
export type DependencyFile = z.infer<typeof DependencyFile>;

/** One scanner that a task asked for, whatever came of it. */
export const Scan = z.strictObject({
  scanner: ScannerName,
  /** As it names itself; null when it is not there or does not say. */
  version: z.string().max(60).nullable(),
  /** `missing`: not on the runner; `nothing`: no file that it reads; `failed`: see `why`. */
  state: z.enum(['done', 'missing', 'nothing', 'failed']),
  /** One line on what is in the way; '' when it is done. */
  why: z.string().max(300),
  seconds: z.number().nonnegative(),
  findings: z.array(ScanFinding).max(SCAN_LIMITS.findings),
  /** Findings beyond the limit, and entries of its output that could not be read. */
  omitted: z.int().nonnegative(),
  dependencies: z.array(DependencyFile).max(SCAN_LIMITS.files),
});
export type Scan = z.infer<typeof Scan>;

/** What an agent makes of one finding of a scanner. The finding stays in the reports either way. */
export const Judgement = z.strictObject({
  /** Its `id`. */
  finding: z.string().regex(/^[0-9a-f]{16}$/),
  verdict: z.enum(['confirmed', 'false_positive']),
  reason: z.string().min(1).max(500),
});
export type Judgement = z.infer<typeof Judgement>;

export const Judgements = z.array(Judgement).max(100).optional();
