/**
 * GitLab's security reports: SAST, dependency scanning and secret detection. Ultimate shows them at the
 * merge request and in the list of vulnerabilities; elsewhere they can be downloaded. Version 15.2 of its
 * schemas (gitlab-facts §4.8).
 */
import { KIND_OF, type Scan, type ScanIdentifier } from '../../schema/wire/scan.ts';
import {
  cweOf,
  GITLAB_SEVERITY,
  plainLine,
  plainPath,
  plainText,
  slug,
  uuidOf,
  type ReportedFinding,
} from './reports-finding.ts';
import { SCANNERS, type ScanFacts, type ScannedFinding, type ScanKind } from './scans.ts';

const SCHEMA = '15.2.1';
/** Limits of the schema. */
const NAME_CHARS = 255;
const SOLUTION_CHARS = 7_000;
const TEXT_CHARS = 20_000;

const TOOL = { id: 'autodev', name: 'AutoDev', version: '1', vendor: { name: 'AutoDev' } };

type Entry = Record<string, unknown>;

export interface ScanTimes {
  from: Date;
  to: Date;
}

/** What the security engineer and scanners of code found. */
export function sastReport(
  findings: readonly ReportedFinding[],
  facts: ScanFacts,
  times: ScanTimes,
): string {
  const entries = [
    ...findings.map(agentEntry),
    ...ofKind(facts, 'code').map((finding) => scannedEntry(finding, lines(finding))),
  ];
  // Without a scanner, the agent's look is the scan.
  return report('sast', entries, [], scansOf(facts, 'code'), times);
}

/** Dependencies with known problems; null when no scanner was asked to look. */
export function dependencyReport(facts: ScanFacts, times: ScanTimes): string | null {
  const scans = scansOf(facts, 'dependency');
  if (scans.length === 0) return null;
  const entries = ofKind(facts, 'dependency').map((finding) =>
    scannedEntry(finding, {
      file: plainPath(finding.path),
      dependency: {
        package: { name: plainLine(finding.package?.name ?? finding.rule, NAME_CHARS) },
        version: plainText(finding.package?.version ?? ''),
      },
    }),
  );
  const files = new Map(
    scans.flatMap(({ dependencies }) => dependencies.map((file) => [file.path, file] as const)),
  );
  const dependencyFiles = [...files.values()].map(({ path, manager, packages }) => ({
    path: plainPath(path),
    package_manager: plainLine(manager, NAME_CHARS),
    dependencies: packages.map(({ name, version }) => ({
      package: { name: plainLine(name, NAME_CHARS) },
      version: plainText(version),
    })),
  }));
  return report('dependency_scanning', entries, scans, scans, times, {
    dependency_files: dependencyFiles,
  });
}

/** Secrets in the files of commit `sha`, never their text; null when no scanner was asked to look. */
export function secretReport(facts: ScanFacts, sha: string, times: ScanTimes): string | null {
  const scans = scansOf(facts, 'secret');
  if (scans.length === 0) return null;
  const entries = ofKind(facts, 'secret').map((finding) =>
    scannedEntry(finding, { ...lines(finding), commit: { sha } }),
  );
  return report('secret_detection', entries, scans, scans, times);
}

function ofKind(facts: ScanFacts, kind: ScanKind): ScannedFinding[] {
  return facts.findings.filter((finding) => finding.kind === kind);
}

function scansOf(facts: ScanFacts, kind: ScanKind): Scan[] {
  return facts.scans.filter(({ scanner }) => KIND_OF[scanner] === kind);
}

/** `only`: the scanners without whose work there is none at all. */
function report(
  type: string,
  vulnerabilities: Entry[],
  only: readonly Scan[],
  scans: readonly Scan[],
  { from, to }: ScanTimes,
  more: Entry = {},
): string {
  const failed =
    only.length > 0 && only.every(({ state }) => state !== 'done' && state !== 'nothing');
  const messages = scans.flatMap((scan) => {
    const said = scanSentence(scan);
    return said === null
      ? []
      : [{ level: scan.state === 'nothing' ? 'info' : 'warn', value: said }];
  });
  const body = {
    version: SCHEMA,
    vulnerabilities,
    ...more,
    scan: {
      analyzer: TOOL,
      scanner: scannerBlock(only),
      type,
      start_time: time(from),
      end_time: time(to),
      status: failed ? 'failure' : 'success',
      ...(messages.length > 0 ? { messages } : {}),
    },
  };
  return `${JSON.stringify(body, null, 2)}\n`;
}

/** What a scanner did not do, in one sentence; null when it did all of it. */
export function scanSentence({ scanner, state, why, omitted }: Scan): string | null {
  const { title } = SCANNERS[scanner];
  if (state !== 'done') return plainLine(`${title}: ${why}`, NAME_CHARS);
  return omitted === 0 ? null : `${title}: ${omitted} more findings are left out here`;
}

/** The one scanner that looked; where several did, the program that put their findings together. */
function scannerBlock(scans: readonly Scan[]): Entry {
  const [scan, ...others] = scans;
  if (scan === undefined || others.length > 0) return TOOL;
  const { title } = SCANNERS[scan.scanner];
  return {
    id: scan.scanner,
    name: title,
    version: plainLine(scan.version ?? 'unknown', NAME_CHARS),
    vendor: { name: title },
  };
}

function agentEntry(finding: ReportedFinding): Entry {
  const { title, body, severity, category, path, line, suggestion, fingerprint } = finding;
  const cwe = cweOf(finding);
  return {
    id: uuidOf(fingerprint),
    name: plainLine(title, NAME_CHARS),
    description: plainText(body, TEXT_CHARS),
    severity: GITLAB_SEVERITY[severity],
    ...(suggestion === undefined ? {} : { solution: plainText(suggestion, SOLUTION_CHARS) }),
    identifiers: [
      {
        type: 'autodev_category',
        name: `AutoDev ${plainLine(category, NAME_CHARS)}`,
        value: slug(category),
      },
      ...(cwe === null ? [] : [identifier({ type: 'cwe', value: `CWE-${cwe}` })]),
    ],
    location: { file: plainPath(path), start_line: line, end_line: finding.endLine ?? line },
  };
}

function scannedEntry(finding: ScannedFinding, location: Entry): Entry {
  const { id, rule, severity, title, text, scanner, judgement } = finding;
  const fixedIn = finding.package?.fixedIn ?? null;
  const { title: name, identifier: type } = SCANNERS[scanner];
  return {
    id: uuidOf(`${scanner}:${id}`),
    name: plainLine(title, NAME_CHARS),
    description: plainText(text, TEXT_CHARS),
    severity: GITLAB_SEVERITY[severity],
    ...(fixedIn === null ? {} : { solution: `Update to ${plainLine(fixedIn, NAME_CHARS)}.` }),
    identifiers: [
      { type, name: `${name} ${plainLine(rule, 200)}`, value: plainLine(rule, 200) },
      ...finding.identifiers.map(identifier),
    ],
    location,
    ...(judgement?.verdict === 'false_positive' ? { flags: [flag(judgement.reason)] } : {}),
  };
}

/** GitLab's own mark for what a tool thinks is none: the entry stays. */
function flag(reason: string): Entry {
  const description = plainLine(reason, NAME_CHARS);
  return {
    type: 'flagged-as-likely-false-positive',
    origin: 'AutoDev security engineer',
    description,
  };
}

function lines({ path, line, endLine }: ScannedFinding): Entry {
  return { file: plainPath(path), start_line: line, end_line: Math.max(line, endLine) };
}

/** A public identifier with the page that explains it. */
export function identifierUrl({ type, value }: ScanIdentifier): string {
  switch (type) {
    case 'cwe':
      return `https://cwe.mitre.org/data/definitions/${value.slice('CWE-'.length)}.html`;
    case 'cve':
      return `https://cve.mitre.org/cgi-bin/cvename.cgi?name=${value}`;
    case 'ghsa':
      return `https://github.com/advisories/${value}`;
  }
}

function identifier(one: ScanIdentifier): Entry {
  const value = one.type === 'cwe' ? one.value.slice('CWE-'.length) : one.value;
  return { type: one.type, name: one.value, value, url: identifierUrl(one) };
}

/** UTC without a zone, as the schema wants it. */
function time(date: Date): string {
  return date.toISOString().slice(0, 19);
}
