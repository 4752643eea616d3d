/** What `finish` takes as a report, by kind of task. */
import { describe, expect, test } from '@jest/globals';
import { finishTool, reportAdvice } from '../../../jobs/tools/finish.ts';
import { checkCall, toolSpec, type ToolContext } from '../../../jobs/tools/tool.ts';
import { Report, ReportKind, REPORTS } from '../../../schema/wire/report.ts';
import { SAMPLE_FINDING, SAMPLE_REPORTS } from '../../support/sample-reports.ts';

const GOOD = SAMPLE_REPORTS;
const FINDING = SAMPLE_FINDING;
const RUBRIC = GOOD.security.rubric;
const KINDS = Object.entries(GOOD) as [Exclude<ReportKind, 'none'>, Record<string, unknown>][];
const NO_CONTEXT = {} as ToolContext;

function call(kind: ReportKind, args: Record<string, unknown>) {
  const all = { outcome: 'done', summary: 'Done.', ...args };
  return checkCall([finishTool(kind)], 'finish', JSON.stringify(all));
}

async function endOf(kind: ReportKind, args: Record<string, unknown>) {
  const checked = call(kind, args);
  if (!checked.ok) throw new Error(checked.text);
  return (await checked.tool.run(checked.input, NO_CONTEXT)).end;
}

test('every kind of report has its case here, and is one that a result may carry', () => {
  expect(['none', ...Object.keys(GOOD)].toSorted()).toEqual([...ReportKind.options].toSorted());
  expect(Report.options).toEqual(Object.values(REPORTS));
});

test.each<[ReportKind, Record<string, unknown>]>([
  ['review', { findings: [{ ...FINDING, endLine: 5, cwe: 'CWE-79', suggestion: 'a' }] }],
  ['triage', { severity: 'high', labels: ['bug', 'area::cli'] }],
  ['build', { cause: 'The job used an image without git.' }],
  ['test', { cases: [{ name: 'Empty file', outcome: 'passed', detail: 'Printed nothing.' }] }],
  [
    'spec',
    {
      problem: 'No JSON.',
      approach: 'A printer.',
      interfaces: ['--json'],
      risks: [],
      testPlan: ['One.'],
    },
  ],
])('%s: what may be there is kept', async (kind, more) => {
  const report = { ...GOOD[kind as keyof typeof GOOD], ...more };
  expect((await endOf(kind, { report }))?.report).toEqual(report);
});

describe.each(KINDS)('%s', (kind, good) => {
  test('its own report ends the task and is what the wire carries', async () => {
    const end = await endOf(kind, { report: good });
    expect(end).toEqual({ outcome: 'finished', summary: 'Done.', report: good });
    expect(Report.parse(end?.report)).toEqual(good);
  });

  test.each(KINDS.filter(([other]) => other !== kind))('a %s report is refused', (_, other) => {
    const checked = call(kind, { report: other });
    expect(checked).toMatchObject({ ok: false, report: true });
    expect(checked).toMatchObject({ text: expect.stringContaining('report.kind:') });
  });

  test.each([{}, { report: null }])('done with %j is refused by name', (args) => {
    expect(call(kind, args)).toEqual({
      ok: false,
      report: true,
      text: `The arguments of finish do not fit: report: Missing; with outcome "done" give the ${kind} report. Mend them and call again.`,
    });
  });

  test('a person can be asked without a report', async () => {
    const end = await endOf(kind, { outcome: 'needs_human', comment: 'Which one?', report: null });
    expect(end).toEqual({ outcome: 'needs_human', summary: 'Done.', comment: 'Which one?' });
  });

  test('the model is told the fields of this kind only', () => {
    const { parameters } = toolSpec(finishTool(kind));
    expect(parameters).toMatchObject({
      additionalProperties: false,
      properties: {
        report: {
          anyOf: [
            {
              type: 'object',
              additionalProperties: false,
              properties: { kind: { const: kind } },
              required: Object.keys(good),
            },
            { type: 'null' },
          ],
        },
      },
    });
  });
});

test.each<[ReportKind, Record<string, unknown>, string]>([
  ['review', { ...GOOD.review, score: 101 }, 'report.score: Too big'],
  ['review', { ...GOOD.review, score: 8.5 }, 'report.score: Invalid input: expected int'],
  ['review', { ...GOOD.review, findings: [{ ...FINDING, line: 0 }] }, 'report.findings.0.line'],
  [
    'review',
    { ...GOOD.review, findings: [FINDING, { ...FINDING, severity: 'fatal' }] },
    'report.findings.1.severity: Invalid option: expected one of "critical"|"high"',
  ],
  [
    'review',
    { ...GOOD.review, findings: [{ ...FINDING, endLine: 2 }] },
    'report.findings.0.endLine: must not be before line',
  ],
  [
    'security',
    { ...GOOD.security, findings: [{ ...FINDING, cwe: '79' }] },
    'report.findings.0.cwe: must be like CWE-79',
  ],
  [
    'coverage',
    { ...GOOD.coverage, gaps: [{ ...GOOD.coverage.gaps[0], to: 3 }] },
    'report.gaps.0.to: must not be before from',
  ],
  ['release', { ...GOOD.release, version: 'next' }, 'report.version: must be like 1.4.0'],
  [
    'issues',
    { kind: 'issues', issues: Array(13).fill(GOOD.issues.issues[0]) },
    'report.issues: Too big',
  ],
  [
    'bug_hunt',
    { ...GOOD.bug_hunt, bugs: [{ ...GOOD.bug_hunt.bugs[0], steps: [] }] },
    'steps: Too small',
  ],
  ['test', { ...GOOD.test, verdict: 'merge' }, 'report: Unrecognized key: "verdict"'],
  ['spec', { ...GOOD.spec, text: '' }, 'report.text: Too small'],
  ['spec', { ...GOOD.spec, decisions: ['a', 'b', 'c', 'd'] }, 'report.decisions: Too big'],
  ['build', { kind: 'build' }, 'report.selfScore'],
  ['triage', { ...GOOD.triage, missing: Array(6).fill('Why?') }, 'report.missing: Too big'],
  ['triage', { ...GOOD.triage, priority: 0 }, 'report.priority: Too small'],
  ['epic', { ...GOOD.epic, children: [] }, 'report.children: Too small'],
  ['security', { ...GOOD.security, rubric: { ...RUBRIC, score: 100 } }, 'report.rubric: Unrec'],
  ['security', { kind: 'security', findings: [] }, 'report.rubric'],
])('%s: %j is refused by field', (kind, report, expected) => {
  const checked = call(kind, { report });
  expect(checked).toMatchObject({ ok: false, report: true });
  expect(checked).toMatchObject({ text: expect.stringContaining(expected) });
});

test('null stands for what is left out', async () => {
  const report = { ...GOOD.review, findings: [{ ...FINDING, suggestion: null }] };
  expect((await endOf('review', { report }))?.report).toEqual(GOOD.review);
});

test('a task that asks for none takes none', async () => {
  expect(toolSpec(finishTool('none')).parameters['properties']).not.toHaveProperty('report');
  expect(await endOf('none', {})).toEqual({ outcome: 'finished', summary: 'Done.' });
  const checked = call('none', { report: GOOD.build });
  expect(checked).toMatchObject({ text: expect.stringContaining('Unrecognized key: "report"') });
});

test('a wrong outcome is a malformed call, not a wrong report', () => {
  const checked = call('build', { outcome: 'approved', report: GOOD.build });
  expect(checked).toEqual({ ok: false, text: expect.stringContaining('outcome: Invalid option') });
});

describe('a role whose tasks bring different reports', () => {
  const kinds = ['none', 'spec', 'build'] as const;
  const told = kinds.map((kind) => toolSpec(finishTool(kind, kinds)));

  test('is told the same for each of them, and all that it may bring', () => {
    expect(told[1]).toEqual(told[0]);
    expect(told[2]).toEqual(told[0]);
    const properties = told[0]?.parameters['properties'];
    expect(JSON.stringify(properties)).toMatch(/"const":"spec".*"const":"build".*"type":"null"/);
  });

  test('and still may bring only the one that the task asks for', () => {
    const bring = (kind: ReportKind, report: unknown) =>
      checkCall(
        [finishTool(kind, kinds)],
        'finish',
        JSON.stringify({ outcome: 'done', summary: 'Done.', report }),
      );
    expect(bring('spec', GOOD.spec)).toMatchObject({ ok: true });
    expect(bring('spec', GOOD.build)).toMatchObject({ ok: false, report: true });
    expect(bring('none', null)).toMatchObject({ ok: true });
    expect(bring('none', GOOD.build)).toMatchObject({
      ok: false,
      text: expect.stringContaining('report: This task takes no report; leave it out'),
    });
  });

  test.each<[ReportKind, string]>([
    ['spec', 'kind "spec"'],
    ['none', 'takes no report'],
  ])('the message of a task names %s', (kind, expected) => {
    expect(reportAdvice(kind)).toContain(expected);
  });
});
