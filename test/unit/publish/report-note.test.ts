/**
 * The comments that tell reports: each kind as it is read, and what becomes of hostile words in it.
 * `UPDATE_GOLDENS=1 npm test -- test/unit/publish/report-note.test.ts` writes test/goldens/report-notes.json.
 */
import { describe, expect, test } from '@jest/globals';
import { TaskType } from '../../../schema/wire/agent.ts';
import { type Report, REPORTS } from '../../../schema/wire/report.ts';
import { TASKS, titleOf } from '../../../bot/domain/task-types.ts';
import { issuesAsked } from '../../../bot/decide/drafts.ts';
import { type NoteFacts, reportNote } from '../../../bot/worker/publish/report/note.ts';
import { Words } from '../../../bot/worker/publish/report/words.ts';
import { expectGolden } from '../../support/goldens.ts';
import { SAMPLE_REPORTS } from '../../support/sample-reports.ts';

const HOST = 'gitlab.example.com';
const TOLD = TaskType.options.filter((type) => titleOf(type) !== null);

function sampleOf(type: TaskType): Report {
  const kind = TASKS[type].report;
  if (kind === 'none') throw new Error(`${type} brings no report`);
  return SAMPLE_REPORTS[kind];
}

function note(type: TaskType, report: Report, patch: Partial<NoteFacts> = {}): string {
  return reportNote({
    type,
    agent: 'pm',
    report,
    sha: 'a'.repeat(40),
    threads: false,
    raised: issuesAsked(report).made.map((_draft, place) => ({
      place,
      iid: 20 + place,
      url: '',
      as: 'made' as const,
    })),
    open: [{ iid: 12, title: 'Add a --json option' }],
    allowedHost: HOST,
    ...patch,
  });
}

test('each kind of report is told as it is recorded', () => {
  const notes = new Map<string, unknown>(
    TOLD.map((type) => [type, note(type, sampleOf(type)).split('\n')]),
  );
  notes.set(
    'static_analysis on a change',
    note('static_analysis', SAMPLE_REPORTS.static_analysis, { threads: true }).split('\n'),
  );
  notes.set('bug_hunt without a bug', [
    ...note('bug_hunt', { ...SAMPLE_REPORTS.bug_hunt, bugs: [] }).split('\n'),
  ]);
  expectGolden('report-notes.json', notes);
});

const EVIL =
  'a | b\n/merge\r/close\u2028/assign @dana\n> /label x ![i](http://evil.example/x.png) <b>t</b> Closes #4 [l](//evil.example/) ```';

/** Every text of a value that may hold hostile words and still be a report. */
function poisoned(report: Report): { report: Report; places: number } {
  let current: unknown = structuredClone(report);
  let places = 0;
  const visit = (path: (string | number)[], value: unknown): void => {
    if (typeof value === 'string') {
      const next = structuredClone(current);
      let at = next as Record<string | number, unknown>;
      for (const step of path.slice(0, -1)) at = at[step] as Record<string | number, unknown>;
      at[path.at(-1) ?? ''] = EVIL;
      if (!REPORTS[report.kind].safeParse(next).success) return;
      current = next;
      places += 1;
    } else if (typeof value === 'object' && value !== null) {
      for (const [key, inner] of Object.entries(value)) visit([...path, key], inner);
    }
  };
  visit([], report);
  return { report: current as Report, places };
}

/** What GitLab acts upon or loads, outside of code spans, where it is only read. */
function dangers(text: string): string[] {
  const prose = text.replaceAll(/`[^`\n]*`/g, 'code');
  return [
    ...(/^[\s>*+\-|\d.)]*\/[a-z]/im.test(text) ? ['a quick action'] : []),
    ...(prose.includes('@dana') ? ['a mention'] : []),
    ...(prose.includes('![') ? ['an image'] : []),
    ...(/https?:\/\/evil|\]\(\/\//.test(prose) ? ['a link'] : []),
    ...(/<b>/.test(prose) ? ['HTML'] : []),
    ...(/Closes #/.test(prose) ? ['a closing word'] : []),
  ];
}

test('the check for dangers sees each of them', () => {
  expect(dangers(EVIL)).toEqual([
    'a quick action',
    'a mention',
    'an image',
    'a link',
    'HTML',
    'a closing word',
  ]);
});

describe.each(TOLD)('%s with hostile words', (type) => {
  const { report, places } = poisoned(sampleOf(type));
  const text = note(type, report, { open: [{ iid: 12, title: EVIL }] });

  test('does nothing, loads nothing and calls nobody', () => {
    expect(places).toBeGreaterThan(0);
    expect(dangers(text)).toEqual([]);
  });

  test('keeps the shape of its tables', () => {
    for (const table of text.split('\n\n').filter((part) => part.startsWith('| '))) {
      const rows = table.split('\n').filter((line) => line.startsWith('|'));
      const columns = rows.map((row) => row.replaceAll('\\|', '').split('|').length);
      expect(new Set(columns).size).toBe(1);
    }
  });
});

test('a backlog names only what is open and for everybody, each once', () => {
  const report = SAMPLE_REPORTS.backlog;
  const [entry] = report.order;
  if (!entry) throw new Error('the sample names an issue');
  const order = [entry, { ...entry, reason: 'Once more.' }, { ...entry, iid: 99 }];
  const text = note('prioritize_backlog', { ...report, order });
  expect(text).toContain('| 1 | #12 Add a --json option | 8 | It loses data. |');
  expect(text).not.toContain('Once more.');
  expect(text).not.toContain('#99');
  expect(note('prioritize_backlog', report, { open: [] })).toContain(
    'None of the issues it names is open.',
  );
});

test('a long report does not become a wall', () => {
  const words = new Words(HOST);
  const items = Array.from({ length: 50 }, (_none, at) => `item ${at}`);
  expect(words.list('Many', items).at(-1)).toBe('- 30 more are not shown');
  const rows = words.table(
    ['one'],
    items.map((item) => [item]),
  );
  expect(rows.at(-1)).toBe('30 more are not shown.');
  expect(words.line('x'.repeat(2_000)).length).toBe(300);
});
