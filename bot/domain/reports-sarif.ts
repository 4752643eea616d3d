/**
 * Findings as SARIF 2.1.0, which GitHub's code scanning takes: one run for the agents and one for each
 * scanner that worked. What an agent judged a false positive is suppressed "under review", so that it
 * stays in the list.
 */
import type { Severity } from '../../schema/wire/finding.ts';
import type { Scan } from '../../schema/wire/scan.ts';
import {
  cweOf,
  digestOf,
  plainLine,
  plainPath,
  plainText,
  slug,
  type ReportedFinding,
} from './reports-finding.ts';
import { scanSentence } from './reports-security.ts';
import { SCANNERS, type ScanFacts, type ScannedFinding } from './scans.ts';

const SCHEMA =
  'https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json';
const LEVEL: Readonly<Record<Severity, 'error' | 'warning' | 'note'>> = {
  critical: 'error',
  high: 'error',
  medium: 'warning',
  low: 'note',
  info: 'note',
};
/** GitHub sorts security findings by this number. */
const SCORE: Readonly<Record<Severity, string>> = {
  critical: '9.5',
  high: '8.0',
  medium: '5.5',
  low: '3.0',
  info: '0.0',
};
const LINE_CHARS = 255;
const TEXT_CHARS = 20_000;

/** One finding in SARIF's words, whoever found it. */
interface Result {
  rule: string;
  title: string;
  text: string;
  severity: Severity;
  path: string;
  line: number;
  endLine: number;
  fingerprint: string;
  cwes: string[];
  security: boolean;
  suppressed: string | null;
}

export function sarifReport(findings: readonly ReportedFinding[], facts: ScanFacts): string {
  const notes = facts.scans.flatMap((scan) => scanSentence(scan) ?? []);
  const done = facts.scans.filter(({ state }) => state === 'done');
  const log = {
    $schema: SCHEMA,
    version: '2.1.0',
    runs: [
      run({ name: 'AutoDev', version: '1' }, 'autodev/agents/', findings.map(agentResult), notes),
      ...done.map((scan) => scannerRun(scan, facts)),
    ],
  };
  return `${JSON.stringify(log, null, 2)}\n`;
}

function scannerRun(scan: Scan, facts: ScanFacts): Record<string, unknown> {
  const own = facts.findings.filter(({ scanner }) => scanner === scan.scanner);
  const version = plainLine(scan.version ?? 'unknown', LINE_CHARS);
  const driver = { name: SCANNERS[scan.scanner].title, version };
  return run(driver, `autodev/${scan.scanner}/`, own.map(scannedResult), []);
}

function agentResult(finding: ReportedFinding): Result {
  const cwe = cweOf(finding);
  return {
    ...finding,
    rule: `autodev-${finding.by}-${slug(finding.category)}`,
    text: finding.body,
    endLine: finding.endLine ?? finding.line,
    cwes: cwe === null ? [] : [cwe],
    security: finding.by === 'security',
    suppressed: null,
  };
}

function scannedResult(finding: ScannedFinding): Result {
  const what = finding.package ? `${finding.package.name} ${finding.package.version}: ` : '';
  const cwes = finding.identifiers.filter(({ type }) => type === 'cwe');
  return {
    ...finding,
    title: `${what}${finding.title}`,
    fingerprint: `${finding.scanner}:${finding.id}`,
    cwes: cwes.map(({ value }) => value.slice('CWE-'.length)),
    security: true,
    suppressed: finding.judgement?.verdict === 'false_positive' ? finding.judgement.reason : null,
  };
}

function run(
  driver: { name: string; version: string },
  category: string,
  results: readonly Result[],
  notes: readonly string[],
): Record<string, unknown> {
  const rules = [...new Map(results.map((one) => [ruleId(one), one])).entries()];
  const index = new Map(rules.map(([id], place) => [id, place]));
  return {
    tool: { driver: { ...driver, rules: rules.map(([id, one]) => ruleText(id, one)) } },
    automationDetails: { id: category },
    columnKind: 'utf16CodeUnits',
    invocations: [
      {
        executionSuccessful: true,
        toolExecutionNotifications: notes.map((text) => ({ level: 'warning', message: { text } })),
      },
    ],
    results: results.map((one) => resultText(one, index.get(ruleId(one)) ?? 0)),
  };
}

/** One rule per kind and severity: GitHub reads the severity from the rule. */
function ruleId({ rule, severity }: Result): string {
  return `${plainLine(rule, LINE_CHARS)}/${severity}`;
}

function ruleText(id: string, { rule, severity, cwes, security }: Result): Record<string, unknown> {
  const text = plainLine(rule, LINE_CHARS);
  const tags = [
    ...(security ? ['security'] : []),
    ...cwes.map((cwe) => `external/cwe/cwe-${cwe.padStart(3, '0')}`),
  ];
  return {
    id,
    shortDescription: { text },
    defaultConfiguration: { level: LEVEL[severity] },
    properties: { tags, ...(security ? { 'security-severity': SCORE[severity] } : {}) },
  };
}

function resultText(one: Result, ruleIndex: number): Record<string, unknown> {
  const title = plainLine(one.title, LINE_CHARS);
  const text = plainText(one.text, TEXT_CHARS);
  return {
    ruleId: ruleId(one),
    ruleIndex,
    level: LEVEL[one.severity],
    message: { text: text.trim() === '' ? title : `${title}\n\n${text}` },
    locations: [
      {
        physicalLocation: {
          artifactLocation: { uri: uri(one.path), uriBaseId: '%SRCROOT%' },
          region: { startLine: one.line, endLine: Math.max(one.line, one.endLine) },
        },
      },
    ],
    partialFingerprints: { 'autodevFinding/v1': digestOf(one.fingerprint) },
    ...(one.suppressed === null
      ? {}
      : {
          suppressions: [
            {
              kind: 'external',
              status: 'underReview',
              justification: plainLine(one.suppressed, LINE_CHARS),
            },
          ],
        }),
  };
}

/** A path as a relative URI; every part is escaped, so that none is read as a scheme or a query. */
function uri(path: string): string {
  return plainPath(path).split('/').map(encodeURIComponent).join('/');
}
