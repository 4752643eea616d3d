/** What `finish` takes as a report, by kind of task. */
import { describe, expect, test } from '@jest/globals';
import { finishTool } from '../../../jobs/tools/finish.ts';
import { checkCall, toolSpec, type ToolContext } from '../../../jobs/tools/tool.ts';
import { Report, ReportKind } from '../../../schema/wire/report.ts';

const FINDING = {
  path: 'src/a.js',
  line: 3,
  severity: 'high',
  category: 'correctness',
  title: 'Loses the last line',
  body: 'A file without a line break at its end loses its last line.',
  confidence: 0.9,
};
const RUBRIC = {
  privilegeEscalation: false,
  destructiveWithoutSafeguard: false,
  unvalidatedExternalApi: true,
  missingAuditLog: false,
  encryption: false,
  advancedAudit: false,
};
const GOOD: Record<Exclude<ReportKind, 'none'>, Record<string, unknown>> = {
  triage: {
    kind: 'triage',
    type: 'bug',
    size: 'small',
    priority: 7,
    missing: ['Which version?'],
    duplicates: [4],
  },
  epic: {
    kind: 'epic',
    text: '# Plan',
    children: [{ title: 'One', text: 'Do it.', acceptance: ['Done.'], priority: 5, dependsOn: [] }],
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
  review: { kind: 'review', score: 60, findings: [FINDING] },
  test: { kind: 'test', score: 95, findings: [] },
  security: { kind: 'security', rubric: RUBRIC, findings: [] },
};
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

test('every kind of report has its case here', () => {
  expect(['none', ...Object.keys(GOOD)].toSorted()).toEqual([...ReportKind.options].toSorted());
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
