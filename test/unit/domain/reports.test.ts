/** Reports in the forge's formats, held against samples of GitLab's own where they are there. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { noReports, renderReports } from '../../../bot/domain/reports.ts';
import type { ReportedFinding } from '../../../bot/domain/reports-finding.ts';

const SAMPLES = join(import.meta.dirname, '../../../../shared/reference/schemas/samples');
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

test('reports of nothing are valid and empty', () => {
  const none = noReports(FROM);
  expect(JSON.parse(none.codequality)).toEqual([]);
  expect((JSON.parse(none.sast) as Sast).vulnerabilities).toEqual([]);
  expect(none.junit).toContain('tests="0" failures="0" skipped="0"');
});

/** Every key of ours is one that a sample has in that place, with a value of the same kind. */
function fits(ours: unknown, samples: readonly unknown[], at: string): string[] {
  if (Array.isArray(ours)) {
    const items = samples.flatMap((sample) => (Array.isArray(sample) ? sample : []) as unknown[]);
    return ours.flatMap((item, index) => fits(item, items, `${at}[${index}]`));
  }
  if (typeof ours !== 'object' || ours === null) {
    const kinds = new Set(samples.map((sample) => typeof sample));
    return kinds.has(typeof ours) ? [] : [`${at}: ${typeof ours}, not ${[...kinds].join(' or ')}`];
  }
  return Object.entries(ours).flatMap(([key, value]) => {
    const there = samples.flatMap((sample) =>
      typeof sample === 'object' && sample !== null && key in sample
        ? [(sample as Record<string, unknown>)[key]]
        : [],
    );
    return there.length > 0 ? fits(value, there, `${at}.${key}`) : [`${at}.${key} is unknown`];
  });
}

test('they have the shape of the samples of GitLab', () => {
  if (!existsSync(SAMPLES)) {
    process.stderr.write('skipped: the samples of GitLab are not here\n');
    return;
  }
  const read = (file: string): unknown => JSON.parse(readFileSync(join(SAMPLES, file), 'utf8'));
  expect(fits(quality, [read('codequality_codeclimate.json')], 'codequality')).toEqual([]);
  const security = readdirSync(SAMPLES).filter((file) => file.startsWith('security_reports_'));
  expect(security.length).toBeGreaterThan(5);
  expect(fits(sast, security.map(read), 'sast')).toEqual([]);
});
