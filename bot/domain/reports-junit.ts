/** The tester's look as JUnit XML: the subset that GitLab reads. */
import type { CommandCheck } from '../../schema/wire/result.ts';
import type { ReportedFinding } from './reports-finding.ts';

const NAME_CHARS = 200;

/**
 * One case per thing the tester says is wrong, and one per command it ran. A command that ended badly is
 * shown as skipped: agents run commands to find out, and only what they then report is a failure.
 */
export function testReport(
  checks: readonly CommandCheck[],
  findings: readonly ReportedFinding[],
): string {
  const cases = [...unique(findings.map(findingCase)), ...unique(checks.map(checkCase))];
  const failures = findings.length;
  const skipped = checks.filter(({ exitCode }) => exitCode !== 0).length;
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
  const inner = `<failure message="${escape(title)}">${escape(`${severity} at ${path}:${line}\n${body}`)}</failure>`;
  return { of: `findings.${path}`, name: title, seconds: 0, inner };
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
  const head = `    <testcase classname="${escape(of)}" name="${escape(name)}" time="${seconds.toFixed(3)}"`;
  return inner === '' ? `${head}/>` : `${head}>${inner}</testcase>`;
}

/** Text as XML may hold it: what XML 1.0 has no sign for is left out. */
function escape(text: string): string {
  return [...text]
    .filter((sign) => isAllowed(sign.codePointAt(0) ?? 0))
    .join('')
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;');
}

function isAllowed(code: number): boolean {
  if (code < 0x20) return code === 0x09 || code === 0x0a || code === 0x0d;
  return !(code >= 0xd800 && code <= 0xdfff) && code !== 0xfffe && code !== 0xffff;
}
