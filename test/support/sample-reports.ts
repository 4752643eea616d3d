/** One report of each kind with what must be there, as an agent would bring it. */
import type { Finding } from '../../schema/wire/finding.ts';
import type { Report, ReportKind } from '../../schema/wire/report.ts';

type Kind = Exclude<ReportKind, 'none'>;

export const SAMPLE_FINDING: Finding = {
  path: 'src/a.js',
  line: 3,
  severity: 'high',
  category: 'correctness',
  title: 'Loses the last line',
  body: 'A file without a line break at its end loses its last line.',
  confidence: 0.9,
};

export const SAMPLE_REPORTS: { [K in Kind]: Extract<Report, { kind: K }> } = {
  analysis: {
    kind: 'analysis',
    purpose: 'Counts words in text files.',
    stack: ['JavaScript', 'node:test'],
    parts: [{ path: 'src/cli.js', role: 'reads the options and prints' }],
    commands: [{ command: 'npm test', does: 'runs the tests' }],
    strengths: ['Every function has a test.'],
    problems: [{ title: 'No limit on input', detail: 'Reads whole files.', severity: 'medium' }],
    next: ['Read in pieces.'],
  },
  epic_draft: {
    kind: 'epic_draft',
    title: 'Reports in every format',
    goal: 'People read counts where they work.',
    scope: ['JSON', 'CSV'],
    outOfScope: ['A web page'],
    acceptance: ['Both formats are documented.'],
    risks: ['Formats that change.'],
    priority: 6,
  },
  epic: {
    kind: 'epic',
    text: '# Plan',
    children: [{ title: 'One', text: 'Do it.', acceptance: ['Done.'], priority: 5, dependsOn: [] }],
  },
  stories: {
    kind: 'stories',
    stories: [
      {
        title: 'Print JSON',
        text: 'Scripts read the output.',
        acceptance: ['It parses.'],
        priority: 7,
        size: 'small',
        role: 'script author',
        want: 'counts as JSON',
        benefit: 'nothing has to be parsed by hand',
      },
    ],
  },
  backlog: {
    kind: 'backlog',
    order: [{ iid: 12, priority: 8, reason: 'It loses data.' }],
    text: 'Defects first.',
  },
  triage: {
    kind: 'triage',
    type: 'bug',
    size: 'small',
    priority: 7,
    missing: ['Which version?'],
    duplicates: [4],
  },
  feasibility: {
    kind: 'feasibility',
    feasible: true,
    confidence: 8,
    text: 'The printer is one function.',
    size: 'small',
    risks: [{ risk: 'Large files', likelihood: 'low', answer: 'Print in pieces.' }],
    options: [{ title: 'A new printer', text: 'Beside the table.', recommended: true }],
    questions: ['One array or one object?'],
  },
  issues: {
    kind: 'issues',
    issues: [
      {
        title: 'Add the option',
        text: 'In src/cli.js.',
        acceptance: ['It is listed in the help.'],
        priority: 5,
        size: 'small',
        files: ['src/cli.js'],
        dependsOn: [],
      },
    ],
  },
  spec: {
    kind: 'spec',
    feasible: true,
    confidence: 8.5,
    decisions: ['One array, no stream.'],
    files: ['src/a.js'],
    acceptance: ['It prints JSON.'],
    text: '# Spec',
  },
  build: { kind: 'build', selfScore: 80 },
  review: { kind: 'review', score: 60, findings: [SAMPLE_FINDING] },
  test: { kind: 'test', score: 95, findings: [] },
  validation: {
    kind: 'validation',
    score: 70,
    criteria: [{ criterion: 'It prints JSON.', holds: 'no', evidence: 'It printed a table.' }],
    findings: [SAMPLE_FINDING],
  },
  coverage: {
    kind: 'coverage',
    text: 'Counting is covered, printing is not.',
    gaps: [
      {
        path: 'src/table.js',
        from: 4,
        to: 9,
        severity: 'high',
        why: 'Columns could shift.',
        test: 'Two words of different length.',
      },
    ],
  },
  security: {
    kind: 'security',
    rubric: {
      privilegeEscalation: false,
      destructiveWithoutSafeguard: false,
      unvalidatedExternalApi: true,
      missingAuditLog: false,
      encryption: false,
      advancedAudit: false,
    },
    findings: [],
  },
  audit: {
    kind: 'audit',
    looked: ['package-lock.json, 214 packages'],
    dependencies: [
      {
        package: 'left-pad',
        version: '1.0.0',
        advisory: 'CVE-2026-1234',
        severity: 'high',
        path: 'package-lock.json',
        why: 'It pads what people send.',
      },
    ],
  },
  compliance: {
    kind: 'compliance',
    rules: [
      {
        rule: 'Every file names its licence.',
        source: 'CONTRIBUTING.md',
        holds: 'no',
        evidence: 'src/a.js does not.',
      },
    ],
  },
  deploy_plan: {
    kind: 'deploy_plan',
    go: true,
    risk: 'low',
    text: 'One commit since the last deployment; it changes a text.',
    steps: ['Play the deploy job.'],
    checks: ['The page shows the text.'],
    wayBack: ['Run the deploy job before it again.'],
  },
  release: { kind: 'release', version: '1.4.0', notes: 'Counts as JSON.' },
  static_analysis: {
    kind: 'static_analysis',
    looked: ['npm run lint', 'src/**'],
    score: 75,
    findings: [SAMPLE_FINDING],
  },
  bug_hunt: {
    kind: 'bug_hunt',
    looked: ['Empty and very long lines.'],
    bugs: [
      {
        title: 'Crashes on an empty file',
        path: 'src/count.js',
        line: 7,
        severity: 'high',
        steps: ['Make an empty file.', 'Run wordfreq on it.'],
        expected: 'An empty table.',
        actual: 'TypeError.',
        confidence: 0.9,
      },
    ],
  },
  document: {
    kind: 'document',
    title: 'Count in pieces',
    path: 'docs/adr/0004-pieces.md',
    checked: ['src/count.js reads in pieces.'],
  },
};
