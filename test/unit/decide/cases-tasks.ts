/** Recorded cases of tasks that a command of their own starts, and of what becomes of their results. */
import type { Event } from '../../../bot/domain/events.ts';
import type { RaisedIssue } from '../../../bot/domain/effects.ts';
import type { Run } from '../../../bot/domain/runs.ts';
import type { Snapshot } from '../../../bot/domain/snapshot.ts';
import type { Report } from '../../../schema/wire/report.ts';
import { SAMPLE_REPORTS } from '../../support/sample-reports.ts';
import { attempt, issue, labelled, note, result, run, sam, snapshot, task } from './builders.ts';
import type { Case } from './case.ts';

/** A run of a workflow of one stage whose agent is at work, or has just brought a result. */
export function atWork(workflow: string, patch: Partial<Run> = {}): Run {
  const usual = run({ command: workflow, ...patch }, workflow);
  const [first] = usual.context.workflow.stages;
  if (first?.kind !== 'task') throw new Error(`${workflow} does not begin with a task`);
  const only = task({ stage: first.id, type: first.task, agent: first.agent, ...patch.tasks?.[0] });
  return { ...usual, stage: first.id, tasks: [only] };
}

/** The result of the run's one task arrives. */
export function brings(
  workflow: string,
  report: Report | undefined,
  patch: Partial<Snapshot> = {},
): Case {
  return {
    event: brought(report),
    snapshot: snapshot({ run: atWork(workflow), ...patch }),
  };
}

function brought(report: Report | undefined): Event {
  const said = report === undefined ? {} : { report };
  return {
    kind: 'job_result',
    runId: 11,
    attemptId: 31,
    result: result({ changes: [], ...said }),
  };
}

/** The issues that a result asked for are made, or could not be. */
function raised(
  workflow: string,
  settled: Pick<NonNullable<Snapshot['effect']>, 'state' | 'receipt' | 'error'>,
  patch: Partial<Run> = {},
): Case {
  const done = task({ state: 'done', attempts: [attempt({ state: 'finished' })] });
  return {
    event: { kind: 'effect_settled', runId: 11, effectId: 5 },
    snapshot: snapshot({
      run: atWork(workflow, { tasks: [{ ...done, ...onlyOf(workflow) }], ...patch }),
      effect: { effect: { kind: 'raise_issues', run: 11, attempt: 31 }, ...settled },
    }),
  };
}

function onlyOf(workflow: string): Pick<Run['tasks'][number], 'stage' | 'type' | 'agent'> {
  const [{ stage, type, agent } = task()] = atWork(workflow).tasks;
  return { stage, type, agent };
}

const ISSUES: RaisedIssue[] = [
  { place: 0, iid: 21, url: 'https://gitlab.example.com/i/21', as: 'made' },
];
const { analysis, bug_hunt: hunted } = SAMPLE_REPORTS;
const doubts = { ...hunted, bugs: hunted.bugs.map((bug) => ({ ...bug, confidence: 0.4 })) };

export const TASK_CASES: Record<string, Case> = {
  analyze: { event: note('/autodev analyze the parser'), snapshot: snapshot() },
  'analyze by label': { event: labelled('autodev::analyze'), snapshot: snapshot() },
  'analyze on a confidential issue': {
    event: note('/autodev analyze'),
    snapshot: snapshot({ issue: { ...issue, confidential: true } }),
  },
  'analyze under a change': {
    event: note('/autodev analyze', {
      on: { type: 'change', change: { iid: 9 } as never },
    }),
    snapshot: snapshot({ issue: null }),
  },
  'analyze without the agent': {
    event: note('/autodev analyze'),
    snapshot: snapshot({ agents: { ...snapshot().agents, pm: undefined } }),
  },
  'analyze: told': brings('analyze', analysis),
  'tests: written': {
    event: { kind: 'job_result', runId: 11, attemptId: 31, result: result() },
    snapshot: snapshot({ run: atWork('tests') }),
  },
  'tests: nothing written': brings('tests', { kind: 'build', selfScore: 40 }),
  'hunt: bugs to raise': brings('hunt', hunted),
  'hunt: nobody is sure enough': brings('hunt', doubts),
  'hunt: no bugs': brings('hunt', { ...hunted, bugs: [] }),
  'hunt: a report of another kind': brings('hunt', analysis),
  'hunt: the issues are made': raised('hunt', {
    state: 'done',
    receipt: { kind: 'raise_issues', outcome: 'raised', issues: ISSUES },
    error: null,
  }),
  'hunt: the issues are refused': raised('hunt', {
    state: 'done',
    receipt: { kind: 'raise_issues', outcome: 'refused', cause: 'No rights.', next: 'Ask.' },
    error: null,
  }),
  'hunt: the issues could not be made': raised('hunt', {
    state: 'failed',
    receipt: null,
    error: 'denied',
  }),
  'hunt: made when the run is over': raised(
    'hunt',
    {
      state: 'done',
      receipt: { kind: 'raise_issues', outcome: 'raised', issues: ISSUES },
      error: null,
    },
    { state: 'stopped_user', requester: sam },
  ),
};
