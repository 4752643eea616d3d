/**
 * Findings of scanners in the one form of the result. What a scanner prints was shaped by the files it
 * read: it is text of strangers, cut and cleaned here.
 */
import { createHash } from 'node:crypto';
import type { Severity } from '../../schema/wire/finding.ts';
import {
  SCAN_LIMITS,
  ScanFinding,
  ScanIdentifier,
  type ScannerName,
} from '../../schema/wire/scan.ts';
import { safeLine } from '../run-log.ts';

/** A finding as the scanner told it. */
export interface RawFinding {
  rule: string;
  severity: Severity;
  title: string;
  text: string;
  /** From the root of the repository. */
  path: string;
  line?: number | undefined;
  endLine?: number | undefined;
  /** Texts that may name a CWE, a CVE or an advisory. */
  names: readonly string[];
  package?: { name: string; version: string; fixedIn: string | null };
}

/** Entries of one scanner that are looked at at all. */
export const ENTRIES = 5_000;
const ORDER: readonly Severity[] = ['critical', 'high', 'medium', 'low', 'info'];
const NAME = /\bCWE-\d{1,7}\b|\bCVE-\d{4}-\d{4,12}\b|\bGHSA(?:-[0-9a-z]{4}){3}\b/gi;

/** The most severe findings within the limits of the result, and how many are left out. */
export function scanFindings(
  scanner: ScannerName,
  kind: ScanFinding['kind'],
  raw: readonly RawFinding[],
): { findings: ScanFinding[]; omitted: number } {
  const seen = new Map<string, number>();
  const read = raw.slice(0, ENTRIES).flatMap((one) => {
    const place = [scanner, one.rule, one.path, one.package?.name ?? ''].join('\0');
    const before = seen.get(place) ?? 0;
    seen.set(place, before + 1);
    const parsed = ScanFinding.safeParse(tidy(one, kind, idOf(`${place}\0${before}`)));
    return parsed.success ? [parsed.data] : [];
  });
  const findings = read
    .toSorted((a, b) => ORDER.indexOf(a.severity) - ORDER.indexOf(b.severity))
    .slice(0, SCAN_LIMITS.findings);
  return { findings, omitted: raw.length - findings.length };
}

/** Lines are no part of it, so that a finding stays itself when code above it grows. */
function idOf(place: string): string {
  return createHash('sha256').update(place).digest('hex').slice(0, 16);
}

function tidy(raw: RawFinding, kind: ScanFinding['kind'], id: string): ScanFinding {
  const line = positive(raw.line, 1);
  const named = raw.package;
  return {
    id,
    kind,
    rule: oneLine(raw.rule, 200),
    severity: raw.severity,
    title: oneLine(raw.title, 200),
    text: raw.text.slice(0, 2_000),
    path: raw.path,
    line,
    endLine: Math.max(line, positive(raw.endLine, line)),
    identifiers: identifiersIn(raw.names),
    ...(named === undefined
      ? {}
      : {
          package: {
            name: oneLine(named.name, 214),
            version: named.version.slice(0, 100),
            fixedIn: named.fixedIn?.slice(0, 200) ?? null,
          },
        }),
  };
}

/** Public names in the texts, each once. */
export function identifiersIn(names: readonly string[]): ScanIdentifier[] {
  const found = names.flatMap((text) => text.slice(0, 1_000).match(NAME) ?? []);
  const values = found.map((name) =>
    /^GHSA/i.test(name) ? `GHSA${name.slice(4).toLowerCase()}` : name.toUpperCase(),
  );
  return [...new Set(values)].slice(0, SCAN_LIMITS.identifiers).flatMap((value) => {
    const type = value.startsWith('CWE') ? 'cwe' : value.startsWith('CVE') ? 'cve' : 'ghsa';
    const parsed = ScanIdentifier.safeParse({ type, value });
    return parsed.success ? [parsed.data] : [];
  });
}

/** One printable line, never empty. */
function oneLine(text: string, chars: number): string {
  return safeLine(text, chars).trim() || '-';
}

function positive(value: number | undefined, other: number): number {
  return value !== undefined && Number.isSafeInteger(value) && value > 0 ? value : other;
}

/** A path of the workspace from its root, or null for one that lies elsewhere. */
export function pathWithin(workspace: string, path: string): string | null {
  const prefix = `${workspace}/`;
  if (!path.startsWith(prefix)) return null;
  const rest = path.slice(prefix.length);
  return rest === '' || rest.split('/').includes('..') ? null : rest;
}
