/**
 * Scanners beside the agents: which task asks for which, and what they found with the agents' judgement
 * on top. A judgement marks a finding and never removes it.
 */
import type { TaskType } from '../../schema/wire/agent.ts';
import type { JobResult } from '../../schema/wire/result.ts';
import {
  KIND_OF,
  type Judgement,
  type Scan,
  type ScanFinding,
  type ScannerName,
} from '../../schema/wire/scan.ts';
import { TASKS } from './task-types.ts';

export type ScanKind = ScanFinding['kind'];

interface ScannerFacts {
  /** As people and reports call it. */
  title: string;
  /** Type of the identifier by which GitLab follows its findings. */
  identifier: string;
}

export const SCANNERS: Readonly<Record<ScannerName, ScannerFacts>> = {
  'npm-audit': { title: 'npm audit', identifier: 'npm_advisory' },
  semgrep: { title: 'Semgrep', identifier: 'semgrep_id' },
  gitleaks: { title: 'Gitleaks', identifier: 'gitleaks_rule_id' },
  trivy: { title: 'Trivy', identifier: 'trivy_id' },
};

/** The scanners that a task of this type starts with, of those that the run may use. */
export function scannersOf(type: TaskType, allowed: readonly ScannerName[]): ScannerName[] {
  const kinds = TASKS[type].scans ?? [];
  return allowed.filter((name) => kinds.includes(KIND_OF[name]));
}

/** A scanner's finding and what an agent makes of it; `judgement` is null when no agent looked at it. */
export interface ScannedFinding extends ScanFinding {
  scanner: ScannerName;
  judgement: Judgement | null;
}

/** What one look's scanners did: each scanner once, each finding once. */
export interface ScanFacts {
  scans: readonly Scan[];
  findings: readonly ScannedFinding[];
}

/** Puts together what the tasks of one look brought. */
export function scanFacts(results: readonly Pick<JobResult, 'scans' | 'report'>[]): ScanFacts {
  const scans = new Map<ScannerName, Scan>();
  for (const scan of results.flatMap((result) => result.scans ?? [])) {
    const before = scans.get(scan.scanner);
    if (before === undefined || (before.state !== 'done' && scan.state === 'done')) {
      scans.set(scan.scanner, scan);
    }
  }
  const judgements = results.flatMap(({ report }) =>
    report && 'judgements' in report ? (report.judgements ?? []) : [],
  );
  const findings = [...scans.values()].flatMap((scan) =>
    scan.findings.map((finding) => ({
      ...finding,
      scanner: scan.scanner,
      judgement: judgementOf(finding, judgements),
    })),
  );
  return { scans: [...scans.values()], findings };
}

/** Where agents differ, the finding counts as confirmed. */
function judgementOf(finding: ScanFinding, judgements: readonly Judgement[]): Judgement | null {
  const own = judgements.filter((one) => one.finding === finding.id);
  return own.find(({ verdict }) => verdict === 'confirmed') ?? own[0] ?? null;
}

/** What a result may not say about scanners; null when nothing is wrong. The supervisor is not believed either. */
export function scansProblem(scans: readonly Scan[], asked: readonly ScannerName[]): string | null {
  const names = scans.map(({ scanner }) => scanner);
  const strange = names.find((name) => !asked.includes(name));
  if (strange !== undefined) return `${strange} was not asked for`;
  if (new Set(names).size !== names.length) return 'names a scanner twice';
  const odd = scans.find(({ scanner, findings }) =>
    findings.some(({ kind }) => kind !== KIND_OF[scanner]),
  );
  return odd === undefined ? null : `${odd.scanner} has findings of another kind`;
}
