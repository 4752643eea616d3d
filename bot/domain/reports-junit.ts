/** The tester's look as JUnit XML: the subset that GitLab reads. */
import type { TestReport } from '../../schema/wire/report.ts';
import type { CommandCheck } from '../../schema/wire/result.ts';
import { escapeXml, type ReportedFinding } from './reports-finding.ts';

const NAME_CHARS = 200;

/** What a tester's look came to. */
export interface TestLook {
  /** What was to be tried, and what came of it. */
  plan: readonly PlannedCase[];
  /** What the tester ran, as the supervisor saw it end. */
  checks: readonly CommandCheck[];
  findings: readonly ReportedFinding[];
}

type PlannedCase = NonNullable<TestReport['cases']>[number];

/**
 * One case per thing the tester says is wrong, one per entry of its plan, and one per command it ran. A
 * command that ended badly is shown as skipped: agents run commands to find out, and only what they then
 * report is a failure.
 */
export function testReport({ plan, checks, findings }: TestLook): string {
  const cases = [
    ...unique(findings.map(findingCase)),
    ...unique(plan.map(plannedCase)),
    ...unique(checks.map(checkCase)),
  ];
  const failures = cases.filter(({ inner }) => inner.startsWith('<failure')).length;
  const skipped = cases.filter(({ inner }) => inner.startsWith('<skipped')).length;
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    '<testsuites>',
    `  <testsuite name="AutoDev tester" tests="${cases.length}" failures="${failures}" skipped="${skipped}">`,
    ...cases.map(caseText),
    '  </testsuite>',
    '</testsuites>',
    '',
  ].join('\n');
}

interface Case {
  of: string;
  name: string;
  seconds: number;
  /** What stands inside; '' when it passed. */
  inner: string;
}

function findingCase(finding: ReportedFinding): Case {
  const { path, line, title, body, severity } = finding;
  const inner = `<failure message="${escapeXml(title)}">${escapeXml(`${severity} at ${path}:${line}\n${body}`)}</failure>`;
  return { of: `findings.${path}`, name: title, seconds: 0, inner };
}

function plannedCase({ name, outcome, detail }: PlannedCase): Case {
  const told = escapeXml(detail);
  switch (outcome) {
    case 'passed':
      return { of: 'plan', name, seconds: 0, inner: `<system-out>${told}</system-out>` };
    case 'failed':
      return { of: 'plan', name, seconds: 0, inner: `<failure message="failed">${told}</failure>` };
    case 'not run':
      return { of: 'plan', name, seconds: 0, inner: `<skipped message="${told || 'not run'}"/>` };
  }
}

function checkCase(check: CommandCheck): Case {
  const { command, exitCode, seconds } = check;
  const why = exitCode === null ? 'was stopped' : `ended with ${exitCode}`;
  const inner = exitCode === 0 ? '' : `<skipped message="${why}"/>`;
  return { of: 'commands', name: command, seconds, inner };
}

/** GitLab drops cases of the same name; the second and further ones are numbered. */
function unique(cases: readonly Case[]): Case[] {
  const seen = new Map<string, number>();
  return cases.map((one) => {
    const name = one.name.replaceAll(/\s+/g, ' ').slice(0, NAME_CHARS);
    const count = (seen.get(`${one.of}/${name}`) ?? 0) + 1;
    seen.set(`${one.of}/${name}`, count);
    return { ...one, name: count === 1 ? name : `${name} (${count})` };
  });
}

function caseText({ of, name, seconds, inner }: Case): string {
  const head = `    <testcase classname="${escapeXml(of)}" name="${escapeXml(name)}" time="${seconds.toFixed(3)}"`;
  return inner === '' ? `${head}/>` : `${head}>${inner}</testcase>`;
}
