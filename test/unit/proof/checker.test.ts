/** The checker of the proof finds each kind of broken promise in a made-up history, and nothing in a good one. */
import { expect, test } from '@jest/globals';
import { RULES, violationsIn } from '../../../proof/faults/checker.ts';
import type { History } from '../../../proof/faults/history.ts';

/** One issue that was labelled, worked on by one agent and told of. */
function good(): History {
  return {
    answered: ['d1', 'd2'],
    deliveries: [
      { id: 'd1', state: 'done', source: 'gitlab', reason: 'it starts', audited: true },
      { id: 'd2', state: 'ignored', source: 'gitlab', reason: 'no command', audited: false },
    ],
    runs: [
      {
        ...{ id: 1, project: 7, on: 'issue/3', role: 'main', state: 'completed', verdicts: 1 },
        ...{ spent: 30, reserved: 0, statusNote: 91, cause: null },
      },
    ],
    tasks: [{ id: 5, run: 1, spent: 30, reserved: 0 }],
    launches: [{ id: 4, pipeline: 500 }],
    attempts: [
      {
        ...{ id: 8, task: 5, launch: 4, fence: 1, state: 'finished', pipeline: 500, result: true },
        ...{ createdAt: 100, endedAt: 200 },
      },
    ],
    effects: [
      effect(1, 'create_pipeline', { pipelineId: 500 }),
      effect(2, 'status_comment', { noteId: 91 }),
      effect(3, 'reply', { noteId: 92 }),
    ],
    usage: [
      { run: 1, task: 5, attempt: 8, project: 2, cost: 10, known: true },
      { run: 1, task: 5, attempt: 8, project: 2, cost: 20, known: true },
    ],
    budgets: [
      { project: null, spent: 30, reserved: 0 },
      { project: 2, spent: 30, reserved: 0 },
    ],
    holds: 0,
    jobs: [{ attempt: 8, pipelineId: 501, claimed: 200, results: [202], answered: 2 }],
    modelCalls: 2,
    forge: {
      pipelines: [
        { id: 500, project: 7, source: 'api', parent: null, status: 'success' },
        { id: 501, project: 7, source: 'parent_pipeline', parent: 500, status: 'success' },
      ],
      branches: [{ project: 7, name: 'autodev/3-a-title' }],
      changes: [
        { project: 7, iid: 1, branch: 'autodev/3-a-title', state: 'opened', labels: ['autodev'] },
      ],
      notes: [
        { project: 7, on: 'issue/3', id: 91, body: '<!-- autodev:status -->\nAll is well.' },
        { project: 7, on: 'issue/3', id: 92, body: 'Help.\n\n<!-- autodev:reply:3 -->' },
      ],
      awards: [{ project: 7, on: 'issue/3', note: 90, name: 'eyes' }],
      statuses: [{ project: 7, sha: 'a1', name: 'autodev/gate', pipeline: 502 }],
      calls: [],
    },
  };
}

function effect(id: number, kind: string, receipt: Record<string, unknown> | null) {
  return { id, kind, key: `${kind}/${id}`, state: 'done', receipt, error: null };
}

/** A thing once more, changed in part. */
const again = <T>(items: T[], change: Partial<T> = {}): void => {
  items.push({ ...(items[0] as T), ...change });
};
const first = <T>(items: T[], change: Partial<T>): void => {
  items[0] = { ...(items[0] as T), ...change };
};

/** Per rule: what happened instead. */
const CASES: Record<string, ((history: History) => void)[]> = {
  'lost delivery': [(history) => history.answered.push('d3')],
  'delivery undone': [({ deliveries }) => first(deliveries, { state: 'new' })],
  'delivery given up': [({ deliveries }) => first(deliveries, { state: 'parked' })],
  'delivery without decision': [
    ({ deliveries }) => first(deliveries, { audited: false }),
    ({ deliveries }) => first(deliveries, { state: 'ignored', reason: null }),
  ],
  'effect undone': [({ effects }) => first(effects, { state: 'pending' })],
  'effect without receipt': [({ effects }) => first(effects, { receipt: null })],
  'effect failed': [({ effects }) => first(effects, { state: 'failed' })],
  'two active runs': [
    ({ runs }) => {
      first(runs, { state: 'running', verdicts: 0 });
      again(runs, { id: 2, spent: 0 });
    },
  ],
  'run without verdict': [
    ({ runs }) => first(runs, { verdicts: 0 }),
    ({ runs }) => first(runs, { state: 'running' }),
  ],
  'attempt numbers': [
    ({ attempts }) => first(attempts, { fence: 2 }),
    ({ attempts }) => again(attempts, { id: 9, result: false, state: 'lost' }),
    ({ attempts }) => again(attempts, { id: 9, fence: 3, result: false, state: 'lost' }),
  ],
  'stale write': [
    ({ attempts }) => again(attempts, { id: 9, fence: 2, createdAt: 150, result: false }),
    ({ jobs }) => first(jobs, { results: [202, 202] }),
    ({ attempts }) => first(attempts, { result: false }),
    ({ jobs }) => again(jobs, { results: [409], answered: 0 }),
  ],
  'pipeline doubled': [
    ({ forge }) => again(forge.pipelines, { id: 510 }),
    ({ launches }) => again(launches, { id: 6 }),
    ({ attempts }) => again(attempts, { id: 9, task: 6, pipeline: 510 }),
    ({ forge, launches }) => {
      again(forge.pipelines, { id: 510 });
      again(launches, { id: 6, pipeline: 510 });
    },
  ],
  'child doubled': [({ forge }) => forge.pipelines.push({ ...child, id: 511 })],
  'branch doubled': [({ forge }) => again(forge.branches, { name: 'autodev/3-another-title' })],
  'change doubled': [({ forge }) => again(forge.changes, { iid: 2 })],
  'label doubled': [({ forge }) => first(forge.changes, { labels: ['autodev', 'autodev'] })],
  'status note doubled': [({ forge }) => again(forge.notes, { id: 93 })],
  'status note forgotten': [({ runs }) => first(runs, { statusNote: 99 })],
  'note doubled': [
    ({ forge }) => again(forge.notes, { id: 94, body: 'Other words.\n\n<!-- autodev:reply:3 -->' }),
  ],
  'note twice in words': [
    ({ forge }) => again(forge.notes, { id: 94, body: 'Help.\n\n<!-- autodev:reply:4 -->' }),
  ],
  'emoji doubled': [({ forge }) => again(forge.awards)],
  'commit status doubled': [({ forge }) => again(forge.statuses)],
  'receipt of nothing': [
    ({ effects }) => first(effects, { receipt: { pipelineId: 999 } }),
    ({ forge }) => forge.notes.pop(),
  ],
  'money does not add up': [
    ({ runs }) => first(runs, { spent: 29 }),
    ({ tasks }) => first(tasks, { spent: 31 }),
    ({ budgets }) => first(budgets, { spent: 60 }),
    ({ tasks }) => first(tasks, { reserved: 5 }),
    ({ runs }) => first(runs, { reserved: 5 }),
    (history) => {
      history.holds = 1;
    },
  ],
  'usage against model': [
    ({ jobs }) => first(jobs, { answered: 3 }),
    (history) => {
      history.modelCalls = 1;
    },
  ],
};
const child = { project: 7, source: 'parent_pipeline', parent: 500, status: 'success' };

test('a good history breaks nothing', () => {
  expect(violationsIn(good())).toEqual([]);
});

test('a call whose end nobody told is counted, though it may not have been made', () => {
  const history = good();
  again(history.usage, { cost: 0, known: false });
  expect(violationsIn(history)).toEqual([]);
  again(history.usage, { cost: 0 });
  expect(violationsIn(history)).toHaveLength(1);
});

test('every rule has a history that it must catch', () => {
  expect(Object.keys(CASES).toSorted()).toEqual(Object.keys(RULES).toSorted());
});

test.each(Object.entries(CASES).flatMap(([rule, all]) => all.map((spoil) => ({ rule, spoil }))))(
  'caught: $rule',
  ({ rule, spoil }) => {
    const history = good();
    spoil(history);
    expect(violationsIn(history).map((found) => found.rule)).toContain(rule);
    expect(violationsIn(history, [rule]).map((found) => found.rule)).not.toContain(rule);
  },
);

test.each(['canceled', 'failed'])(
  'a pipeline that was %s before anybody heard of it is known',
  (status) => {
    const history = good();
    again(history.forge.pipelines, { id: 510, status });
    again(history.launches, { id: 6, pipeline: 510 });
    expect(violationsIn(history)).toEqual([]);
  },
);
