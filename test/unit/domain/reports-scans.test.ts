/** Scanners in the reports: every finding stays, judged or not; whatever a finding says, reports are valid. */
import { expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import { renderReports, type RenderedReports } from '../../../bot/domain/reports.ts';
import type { ReportedFinding } from '../../../bot/domain/reports-finding.ts';
import { scanFacts, scannersOf, scansProblem } from '../../../bot/domain/scans.ts';
import { Finding, Severity } from '../../../schema/wire/finding.ts';
import { KIND_OF, Scan, type ScanFinding, ScannerName } from '../../../schema/wire/scan.ts';
import { fits, gitlabSamples } from '../../support/report-samples.ts';
import { reportProblems, xmlElements } from '../../support/report-schemas.ts';

const SHA = 'a'.repeat(40);
const NO_TESTS = { plan: [], checks: [] };
const FROM = new Date('2026-11-21T12:00:00Z');

const found = (patch: Partial<ScanFinding>): ScanFinding => ({
  id: '0123456789abcdef',
  kind: 'code',
  rule: 'js-eval',
  severity: 'high',
  title: 'eval runs text as code',
  text: 'The text comes from the request.',
  path: 'src/app.js',
  line: 3,
  endLine: 4,
  identifiers: [{ type: 'cwe', value: 'CWE-95' }],
  ...patch,
});
const scan = (scanner: ScannerName, patch: Partial<Scan> = {}): Scan => ({
  scanner,
  version: '1.2.3',
  state: 'done',
  why: '',
  seconds: 1,
  findings: [],
  omitted: 0,
  dependencies: [],
  ...patch,
});

const SCANS: Scan[] = [
  scan('semgrep', { findings: [found({}), found({ id: 'f'.repeat(16), path: 'src/b c.js' })] }),
  scan('gitleaks', {
    findings: [
      found({ id: '1'.repeat(16), kind: 'secret', rule: 'aws-access-token', severity: 'critical' }),
    ],
  }),
  scan('npm-audit', {
    omitted: 2,
    findings: [
      found({
        id: '2'.repeat(16),
        kind: 'dependency',
        rule: 'GHSA-35jh-r3h4-6jhm',
        path: 'package-lock.json',
        line: 1,
        endLine: 1,
        identifiers: [
          { type: 'ghsa', value: 'GHSA-35jh-r3h4-6jhm' },
          { type: 'cve', value: 'CVE-2021-23337' },
        ],
        package: { name: 'lodash', version: '4.17.20', fixedIn: '4.17.21' },
      }),
    ],
    dependencies: [
      {
        path: 'package-lock.json',
        manager: 'npm',
        packages: [{ name: 'lodash', version: '4.17.20' }],
      },
    ],
  }),
];
const judged = (verdict: 'confirmed' | 'false_positive', reason: string, id: string) => ({
  finding: id,
  verdict,
  reason,
});

function render(scans: Scan[], judgements: ReturnType<typeof judged>[] = []): RenderedReports {
  const rubric = {
    privilegeEscalation: false,
    destructiveWithoutSafeguard: false,
    unvalidatedExternalApi: false,
    missingAuditLog: false,
    encryption: false,
    advancedAudit: false,
  };
  const report = { kind: 'security' as const, rubric, findings: [], judgements };
  const facts = scanFacts([{ scans, report }]);
  return renderReports({
    findings: [],
    tests: NO_TESTS,
    scans: facts,
    coverage: null,
    sha: SHA,
    from: FROM,
    to: FROM,
  });
}

const KINDS = ['codequality', 'sast', 'dependencyScanning', 'secretDetection', 'sarif'] as const;

function problems(reports: RenderedReports): string[] {
  xmlElements(reports.junit);
  return KINDS.flatMap((kind) => {
    const text = reports[kind];
    return text === null ? [] : reportProblems(kind, text).map((one) => `${kind}${one}`);
  });
}
const read = (text: string | null) =>
  JSON.parse(text ?? 'null') as {
    vulnerabilities: { id: string; flags?: { description: string }[] }[];
    scan: { scanner: { id: string }; status: string; messages?: { value: string }[] };
    dependency_files?: unknown[];
    runs: { tool: { driver: { name: string } }; results: { suppressions?: unknown[] }[] }[];
  };

test('each kind of finding stands in the report of its kind, in GitLab’s words', () => {
  const reports = render(SCANS);
  expect(problems(reports)).toEqual([]);
  expect(read(reports.sast).vulnerabilities).toHaveLength(2);
  expect(read(reports.secretDetection)).toMatchObject({
    scan: { type: 'secret_detection', scanner: { id: 'gitleaks', version: '1.2.3' } },
    vulnerabilities: [
      {
        identifiers: [
          { type: 'gitleaks_rule_id', value: 'aws-access-token' },
          { type: 'cwe', value: '95', url: 'https://cwe.mitre.org/data/definitions/95.html' },
        ],
        location: { file: 'src/app.js', start_line: 3, end_line: 4, commit: { sha: SHA } },
      },
    ],
  });
  expect(read(reports.dependencyScanning)).toMatchObject({
    scan: { messages: [{ value: 'npm audit: 2 more findings are left out here' }] },
    dependency_files: [{ package_manager: 'npm', path: 'package-lock.json' }],
    vulnerabilities: [
      {
        solution: 'Update to 4.17.21.',
        location: { dependency: { package: { name: 'lodash' }, version: '4.17.20' } },
        identifiers: [{ type: 'npm_advisory' }, { type: 'ghsa' }, { type: 'cve' }],
      },
    ],
  });
  expect(JSON.parse(reports.codequality)).toHaveLength(4);
  expect(read(reports.sarif).runs.map(({ tool }) => tool.driver.name)).toEqual([
    'AutoDev',
    'Semgrep',
    'Gitleaks',
    'npm audit',
  ]);
});

test('an agent’s judgement marks a finding and removes none; who confirms one wins', () => {
  const [plain, marked, disputed] = [
    render(SCANS),
    render(
      SCANS,
      SCANS.flatMap(({ findings }) =>
        findings.map(({ id }) => judged('false_positive', 'A test.', id)),
      ),
    ),
    render(SCANS, [
      judged('false_positive', 'A test.', '0123456789abcdef'),
      judged('confirmed', 'Seen.', '0123456789abcdef'),
    ]),
  ];
  expect(problems(marked)).toEqual([]);
  const ids = (reports: RenderedReports) =>
    [reports.sast, reports.secretDetection, reports.dependencyScanning].flatMap((text) =>
      read(text).vulnerabilities.map(({ id }) => id),
    );
  expect(ids(marked)).toEqual(ids(plain));
  const flags = (reports: RenderedReports) =>
    read(reports.sast).vulnerabilities.map(({ flags: all }) => all?.[0]?.description ?? null);
  expect(flags(plain)).toEqual([null, null]);
  expect(flags(marked)).toEqual(['A test.', 'A test.']);
  expect(flags(disputed)).toEqual([null, null]);
  expect((marked.codequality.match(/judged a false positive\)/g) ?? []).length).toBe(4);
  const suppressed = read(marked.sarif).runs.flatMap(({ results }) => results);
  expect(suppressed).toHaveLength(4);
  expect(suppressed.every(({ suppressions }) => suppressions?.length === 1)).toBe(true);
});

test('a scanner that is not there is a line in the report, and alone a failed scan', () => {
  const missing = { state: 'missing' as const, version: null, why: 'not on the runner' };
  const reports = render([scan('gitleaks', missing), scan('semgrep', missing)]);
  expect(problems(reports)).toEqual([]);
  expect(read(reports.secretDetection).scan).toMatchObject({
    status: 'failure',
    messages: [{ level: 'warn', value: 'Gitleaks: not on the runner' }],
  });
  // The security engineer looked, whatever Semgrep did.
  expect(read(reports.sast).scan).toMatchObject({
    status: 'success',
    scanner: { id: 'autodev' },
    messages: [{ level: 'warn', value: 'Semgrep: not on the runner' }],
  });
  expect(reports.dependencyScanning).toBeNull();
  expect(reports.sarif).toContain('Gitleaks: not on the runner');
});

test('two looks of one scanner count once, and the one that worked counts', () => {
  const facts = scanFacts([
    { scans: [scan('semgrep', { state: 'failed', why: 'no memory' })] },
    { scans: [scan('semgrep', { findings: [found({})] })] },
    { scans: [scan('semgrep', { findings: [found({})] })] },
  ]);
  expect(facts.scans).toHaveLength(1);
  expect(facts.findings).toHaveLength(1);
});

test('scanners are those of the task that the run allows, and a result brings no others', () => {
  expect(scannersOf('security_scan', ['gitleaks', 'npm-audit'])).toEqual(['gitleaks', 'npm-audit']);
  expect(scannersOf('implement_feature', ['gitleaks'])).toEqual([]);
  expect(scansProblem(SCANS, ['npm-audit', 'semgrep', 'gitleaks'])).toBeNull();
  expect(scansProblem(SCANS, ['semgrep'])).toBe('gitleaks was not asked for');
  expect(scansProblem([scan('semgrep'), scan('semgrep')], ['semgrep'])).toContain('twice');
  const wrong = scan('gitleaks', { findings: [found({ kind: 'code' })] });
  expect(scansProblem([wrong], ['gitleaks'])).toContain('another kind');
});

/** Text as hostile as a schema lets it be: XML, controls, lone surrogates, marks, length. */
const nasty = (max: number): fc.Arbitrary<string> =>
  fc
    .array(
      fc.oneof(
        fc.constantFrom(
          ...[
            '<',
            '>',
            '&',
            '"',
            "'",
            ']]>',
            '<!--',
            '&#0;',
            '\u0000',
            '\u0008',
            '\ud800',
            '\udfff',
          ],
          ...['\ufffe', '\uffff', '\u2028', '\r', '\n', '\t', '/', '..', '%00', '{{', '🦊', 'ünï'],
        ),
        fc.string({ unit: 'binary', maxLength: 8 }),
        fc.constant('x'.repeat(200)),
      ),
      { maxLength: 12 },
    )
    .map((parts) => parts.join('').slice(0, max));
const filled = (max: number): fc.Arbitrary<string> =>
  nasty(max).map((text) => (text === '' ? '\u0000' : text));
const severity = fc.constantFrom(...Severity.options);
const place = fc.record({ line: fc.integer({ min: 1, max: 2 ** 31 }), path: filled(400) });

const agentFinding: fc.Arbitrary<ReportedFinding> = fc
  .record({
    place,
    severity,
    category: filled(40),
    title: filled(200),
    body: filled(4_000),
    suggestion: fc.option(nasty(4_000), { nil: undefined }),
    by: fc.constantFrom('reviewer', 'security', 'tester', 'bug_finder'),
  })
  .map(({ place: at, suggestion, by, ...rest }) => ({
    ...Finding.parse({
      ...rest,
      ...at,
      confidence: 1,
      ...(suggestion === undefined ? {} : { suggestion }),
    }),
    fingerprint: `${at.path}:${rest.title}`,
    by,
  }));

const anyScan: fc.Arbitrary<Scan> = fc
  .constantFrom(...ScannerName.options)
  .chain((scanner) =>
    fc.record({
      scanner: fc.constant(scanner),
      version: fc.option(nasty(60)),
      state: fc.constantFrom('done', 'missing', 'nothing', 'failed'),
      why: nasty(300),
      seconds: fc.constant(1),
      omitted: fc.integer({ min: 0, max: 9 }),
      findings: fc.array(
        fc
          .record({
            place,
            severity,
            id: fc.stringMatching(/^[0-9a-f]{16}$/),
            rule: filled(200),
            title: filled(200),
            text: nasty(2_000),
            name: filled(214),
            version: nasty(100),
            fixedIn: fc.option(nasty(200)),
          })
          .map(({ place: at, name, version, fixedIn, ...rest }) => ({
            ...rest,
            ...at,
            endLine: at.line,
            kind: KIND_OF[scanner],
            identifiers: [{ type: 'cve', value: 'CVE-2026-1234' }],
            package: { name, version, fixedIn },
          })),
        { maxLength: 4 },
      ),
      dependencies: fc.array(
        fc.record({
          path: filled(400),
          manager: filled(40),
          packages: fc.array(fc.record({ name: filled(214), version: nasty(100) }), {
            maxLength: 3,
          }),
        }),
        { maxLength: 2 },
      ),
    }),
  )
  .map((one) => Scan.parse(one));

test('whatever findings say, every report is well-formed and valid', () => {
  fc.assert(
    fc.property(
      fc.array(agentFinding, { maxLength: 5 }),
      fc.uniqueArray(anyScan, { maxLength: 4, selector: ({ scanner }) => scanner }),
      nasty(500),
      fc.array(nasty(500), { maxLength: 3 }),
      (findings, scans, command, reasons) => {
        const judgements = scans
          .flatMap((one) => one.findings)
          .slice(0, reasons.length)
          .map(({ id }, index) => judged('false_positive', reasons[index] || '-', id));
        const facts = scanFacts([
          {
            scans,
            report: {
              kind: 'security',
              rubric: {} as never,
              findings: [],
              judgements,
            },
          },
        ]);
        const reports = renderReports({
          findings,
          tests: {
            plan: [{ name: command, outcome: 'not run', detail: command }],
            checks: [{ command, exitCode: 1, seconds: 1 }],
          },
          scans: facts,
          coverage: null,
          sha: SHA,
          from: FROM,
          to: FROM,
        });
        expect(problems(reports)).toEqual([]);
        const testers = findings.filter(({ by }) => by === 'tester').length;
        const cases = xmlElements(reports.junit).filter(({ name }) => name === 'testcase');
        expect(cases).toHaveLength(testers + 2);
        expect(read(reports.sast).vulnerabilities.length).toBe(
          findings.filter(({ by }) => by === 'security').length +
            facts.findings.filter(({ kind }) => kind === 'code').length,
        );
      },
    ),
    { numRuns: 60 },
  );
});

test('scanned reports have the shape of the samples of GitLab', () => {
  const samples = gitlabSamples();
  if (samples === null) return;
  const reports = render(SCANS.map((one) => ({ ...one, omitted: 0 })));
  for (const kind of ['sast', 'secretDetection', 'dependencyScanning'] as const) {
    // The samples of dependency scanning list no files with dependencies.
    const { dependency_files: _, ...report } = read(reports[kind]);
    expect(fits(report, samples.security, kind)).toEqual([]);
  }
  expect(fits(JSON.parse(reports.codequality), samples.quality, 'codequality')).toEqual([]);
});

test('the checks themselves find what is wrong', () => {
  expect(() => xmlElements('<a>\u0001</a>')).toThrow();
  expect(() => xmlElements('<a><b></a>')).toThrow();
  const sast = read(render(SCANS).sast) as unknown as Record<string, unknown>;
  expect(reportProblems('sast', JSON.stringify({ ...sast, version: '14.0.0' }))).not.toEqual([]);
  expect(reportProblems('sast', JSON.stringify({ ...sast, scan: {} }))).not.toEqual([]);
  expect(reportProblems('codequality', '[{"type":"issue"}]')).not.toEqual([]);
});
