/** Reports in the forge's formats, held against samples of GitLab's own where they are there. */
import { expect, test } from '@jest/globals';
import { noReports, renderReports } from '../../../bot/domain/reports.ts';
import { otherFindings } from '../../../bot/domain/reports-other.ts';
import type { ReportedFinding } from '../../../bot/domain/reports-finding.ts';
import { reportProblems } from '../../support/report-schemas.ts';
import { fits, gitlabSamples } from '../../support/report-samples.ts';

const FROM = new Date('2026-11-21T12:00:00.500Z');
const TO = new Date('2026-11-21T12:01:30Z');

const SHA = 'a'.repeat(40);
const NO_SCANS = { scans: [], findings: [] };

const finding = (patch: Partial<ReportedFinding> = {}): ReportedFinding => ({
  path: './src/cli.js',
  line: 31,
  severity: 'high',
  category: 'SQL injection',
  title: 'A <b>"title"</b> & more',
  body: 'Line one\nline \u0000two]]> \ud800 end',
  confidence: 0.9,
  fingerprint: 'src/cli.js:bug:title',
  by: 'reviewer',
  ...patch,
});

const rendered = renderReports({
  findings: [
    finding({ by: 'reviewer' }),
    finding({ by: 'security', fingerprint: 's', severity: 'critical', suggestion: 'safe()' }),
    finding({ by: 'tester', fingerprint: 't' }),
    finding({ by: 'tester', fingerprint: 't2' }),
  ],
  coverage: null,
  scans: NO_SCANS,
  sha: SHA,
  tests: {
    plan: [
      { name: 'Empty input', outcome: 'passed', detail: 'Ran <it>.' },
      { name: 'Wrong input', outcome: 'failed', detail: 'Exit 0 & no error.' },
      { name: 'Slow disk', outcome: 'not run', detail: 'None here.' },
    ],
    checks: [
      { command: 'npm test', exitCode: 0, seconds: 1.25 },
      { command: 'npm  test', exitCode: 1, seconds: 2 },
      { command: 'sleep 9', exitCode: null, seconds: 9 },
    ],
  },
  from: FROM,
  to: TO,
});
type Entry = Record<string, unknown> & { fingerprint: string; location: { path: string } };
type Sast = {
  version: string;
  scan: Record<string, unknown>;
  vulnerabilities: Record<string, unknown>[];
};
const quality = JSON.parse(rendered.codequality) as Entry[];
const sast = JSON.parse(rendered.sast) as Sast;

test('JUnit: findings fail, commands pass or are skipped, names are told apart, text stays text', () => {
  expect(rendered.junit).toBe(`<?xml version="1.0" encoding="UTF-8"?>
<testsuites>
  <testsuite name="AutoDev tester" tests="8" failures="3" skipped="3">
    <testcase classname="findings../src/cli.js" name="A &lt;b&gt;&quot;title&quot;&lt;/b&gt; &amp; more" time="0.000"><failure message="A &lt;b&gt;&quot;title&quot;&lt;/b&gt; &amp; more">high at ./src/cli.js:31
Line one
line two]]&gt;  end</failure></testcase>
    <testcase classname="findings../src/cli.js" name="A &lt;b&gt;&quot;title&quot;&lt;/b&gt; &amp; more (2)" time="0.000"><failure message="A &lt;b&gt;&quot;title&quot;&lt;/b&gt; &amp; more">high at ./src/cli.js:31
Line one
line two]]&gt;  end</failure></testcase>
    <testcase classname="plan" name="Empty input" time="0.000"><system-out>Ran &lt;it&gt;.</system-out></testcase>
    <testcase classname="plan" name="Wrong input" time="0.000"><failure message="failed">Exit 0 &amp; no error.</failure></testcase>
    <testcase classname="plan" name="Slow disk" time="0.000"><skipped message="None here."/></testcase>
    <testcase classname="commands" name="npm test" time="1.250"/>
    <testcase classname="commands" name="npm test (2)" time="2.000"><skipped message="ended with 1"/></testcase>
    <testcase classname="commands" name="sleep 9" time="9.000"><skipped message="was stopped"/></testcase>
  </testsuite>
</testsuites>
`);
});

test('Code Quality: reviewer and security, plain paths, a fingerprint of their own', () => {
  expect(quality.map(({ severity, check_name }) => [severity, check_name])).toEqual([
    ['critical', 'autodev-reviewer-sql-injection'],
    ['blocker', 'autodev-security-sql-injection'],
  ]);
  expect(quality[0]).toMatchObject({
    type: 'issue',
    location: { path: 'src/cli.js', lines: { begin: 31 } },
  });
  expect(new Set(quality.map(({ fingerprint }) => fingerprint)).size).toBe(2);
});

test('a finding keeps its fingerprint and id when its line moves', () => {
  const moved = (line: number): [string, unknown] => {
    const both = renderReports({
      findings: [finding({ by: 'security', line })],
      tests: { plan: [], checks: [] },
      coverage: null,
      scans: NO_SCANS,
      sha: SHA,
      from: FROM,
      to: TO,
    });
    const [entry] = JSON.parse(both.codequality) as Entry[];
    const [vulnerability] = (JSON.parse(both.sast) as Sast).vulnerabilities;
    return [entry?.fingerprint ?? '', vulnerability?.['id']];
  };
  expect(moved(1)).toEqual(moved(99));
});

test('SAST: what the schema asks for', () => {
  expect(sast.version).toMatch(/^15\.2\.\d$/);
  expect(sast.scan).toMatchObject({
    type: 'sast',
    status: 'success',
    start_time: '2026-11-21T12:00:00',
    end_time: '2026-11-21T12:01:30',
  });
  for (const tool of ['analyzer', 'scanner']) {
    expect(sast.scan[tool]).toMatchObject({
      id: 'autodev',
      name: 'AutoDev',
      version: '1',
      vendor: { name: 'AutoDev' },
    });
  }
  expect(sast.vulnerabilities).toEqual([
    {
      id: expect.stringMatching(/^[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-a[0-9a-f]{3}-[0-9a-f]{12}$/),
      name: finding().title,
      description: 'Line one\nline two]]>  end',
      severity: 'Critical',
      solution: 'safe()',
      identifiers: [
        { type: 'autodev_category', name: 'AutoDev SQL injection', value: 'sql-injection' },
      ],
      location: { file: 'src/cli.js', start_line: 31, end_line: 31 },
    },
  ]);
});

test('bugs and dependencies of other looks stand in Code Quality', () => {
  const bug = { title: 'Wrong sum', path: 'a.js', line: 4, severity: 'high' as const };
  const bugs = [{ ...bug, steps: ['Add', 'Look'], expected: '2', actual: '3', confidence: 1 }];
  const hunted = otherFindings({ kind: 'bug_hunt', looked: ['src'], bugs }, 'bug_finder');
  expect(hunted).toMatchObject([
    { path: 'a.js', line: 4, body: '1. Add\n2. Look\nExpected: 2\nActual: 3', by: 'bug_finder' },
  ]);
  const one = {
    ...{ package: 'lodash', version: '4.17.20', advisory: 'CVE-2021-23337' },
    ...{ severity: 'high' as const, path: 'package-lock.json', why: 'Reached by the CLI.' },
  };
  const audited = otherFindings({ kind: 'audit', looked: ['x'], dependencies: [one] }, 'security');
  expect(audited).toMatchObject([{ title: 'lodash 4.17.20: CVE-2021-23337', line: 1 }]);
  const quality = renderReports({
    findings: [...hunted, ...audited],
    tests: { plan: [], checks: [] },
    coverage: null,
    scans: NO_SCANS,
    sha: SHA,
    from: FROM,
    to: TO,
  }).codequality;
  expect(reportProblems('codequality', quality)).toEqual([]);
  expect(JSON.parse(quality)).toHaveLength(2);
});

test('reports of nothing are valid and empty', () => {
  const none = noReports(FROM);
  expect(JSON.parse(none.codequality)).toEqual([]);
  expect((JSON.parse(none.sast) as Sast).vulnerabilities).toEqual([]);
  expect(none.junit).toContain('tests="0" failures="0" skipped="0"');
});

test('they have the shape of the samples of GitLab', () => {
  const samples = gitlabSamples();
  if (samples === null) return;
  expect(fits(quality, samples.quality, 'codequality')).toEqual([]);
  expect(fits(sast, samples.security, 'sast')).toEqual([]);
});
