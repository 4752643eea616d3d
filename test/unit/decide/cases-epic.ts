/** Recorded cases of epics: what is made, what is started, and how they end. */
import type { ChildFacts, ChildRun } from '../../../bot/domain/children.ts';
import { NO_ITEM } from '../../../bot/domain/children.ts';
import type { Event } from '../../../bot/domain/events.ts';
import type { Run } from '../../../bot/domain/runs.ts';
import type { Snapshot } from '../../../bot/domain/snapshot.ts';
import { RepoConfig } from '../../../schema/wire/repo-config.ts';
import type { EpicReport } from '../../../schema/wire/report.ts';
import { doneTask, issue, note, run, snapshot } from './builders.ts';
import type { Case } from './case.ts';

const PLAN: EpicReport = {
  kind: 'epic',
  text: 'One format at a time.',
  children: [
    { title: 'CSV', text: 'Write CSV.', acceptance: ['It is.'], priority: 3, dependsOn: [] },
    { title: 'XML', text: 'Write XML.', acceptance: [], priority: 8, dependsOn: [] },
    { title: 'Docs', text: 'Tell of both.', acceptance: [], priority: 5, dependsOn: [0, 1] },
  ],
};
const wake: Event = { kind: 'wake', runId: 11 };

function epic(patch: Partial<Run> = {}, report: EpicReport = PLAN): Run {
  const planned = doneTask(
    { id: 20, stage: 'breakdown', type: 'break_down_epic', agent: 'pm' },
    { report, changes: [] },
  );
  const since = new Date('2026-11-21T11:55:00Z');
  const plain = { command: 'plan', args: 'epic', stage: 'children', stageSince: since };
  return run({ ...plain, tasks: [planned], ...patch }, 'epic');
}

const child = (place: number, patch: Partial<ChildFacts> = {}): ChildFacts => ({
  place,
  pending: false,
  issue: { iid: 21 + place, url: '' },
  now: { ...issue, iid: 21 + place, title: `child ${place + 1}` },
  run: null,
  ...patch,
});
const ran = (patch: Partial<ChildRun>): Partial<ChildFacts> => ({
  run: {
    id: 50,
    state: 'running',
    stage: 'spec',
    verdict: null,
    finishedAt: null,
    spentMicrousd: 120_000,
    ...patch,
  },
});
const done = ran({
  state: 'completed',
  verdict: 'done',
  finishedAt: new Date('2026-11-21T11:58:00Z'),
});
const failed = ran({
  state: 'failed',
  verdict: 'needs-human',
  finishedAt: new Date('2026-11-21T11:58:00Z'),
});
const before = ran({
  state: 'failed',
  verdict: 'needs-human',
  finishedAt: new Date('2026-11-21T11:00:00Z'),
});
const closed = { now: { ...issue, state: 'closed' as const } };

function look(children: ChildFacts[], patch: Partial<Snapshot> = {}): Case {
  const epicItem = { ...NO_ITEM, settled: true };
  return {
    event: wake,
    snapshot: snapshot({ run: epic(), epicItem, children, requesterAccess: 30, ...patch }),
  };
}

export const EPIC_CASES: Readonly<Record<string, Case>> = {
  'epic: nothing is there yet': look([], { epicItem: NO_ITEM }),
  'epic: the epic is being made': look([], { epicItem: { ...NO_ITEM, pending: true } }),
  'epic: issues to make, but not of those that wait for others': look(
    [0, 1, 2].map((place) => child(place, { issue: null })),
  ),
  'epic: the last issue, below an epic': look([child(0), child(1), child(2, { issue: null })], {
    epicItem: { pending: false, settled: true, id: 'gid://gitlab/WorkItem/9', url: 'x' },
  }),
  'epic: issues are being made': look([child(0), child(1), child(2, { pending: true })]),
  'epic: the most urgent child starts': look([0, 1, 2].map((place) => child(place))),
  'epic: no more than two at once': look([child(0, ran({})), child(1, ran({})), child(2)]),
  'epic: the asker lost the right': look([child(0), child(1), child(2)], { requesterAccess: 20 }),
  'epic: the repository asks for more by now': look([child(0), child(1), child(2)], {
    repoConfig: { config: RepoConfig.parse({ permissions: { plan: 'maintainer' } }), problems: [] },
  }),
  'epic: no agent to start a child with': look([child(0), child(1), child(2)], { providers: [] }),
  'epic: closed by people counts as done': look([child(0, done), child(1, closed), child(2)]),
  'epic: what failed before it went on starts anew': look([
    child(0, done),
    child(1, before),
    child(2),
  ]),
  'epic: one failed, another goes on': look([child(0, failed), child(1, ran({})), child(2)]),
  'epic: one failed and nothing can move': look([child(0, failed), child(1, done), child(2)]),
  'epic: an issue was deleted': look([child(0, { now: null }), child(1, done), child(2)]),
  'epic: all done': look([child(0, done), child(1, done), child(2, done)]),
  'epic: no plan': { event: wake, snapshot: snapshot({ run: epic({ tasks: [] }) }) },
  'epic: an issue could not be made': {
    event: { kind: 'effect_settled', runId: 11, effectId: 5 },
    snapshot: snapshot({
      run: epic(),
      effect: {
        effect: { kind: 'create_issue', run: 11, child: 0, after: [], epic: null, asked: 3 },
        state: 'failed',
        receipt: null,
        error: 'GitLab POST projects/:id/issues answered 403',
      },
    }),
  },
  'epic: cancelled': { event: note('/autodev cancel'), snapshot: snapshot({ run: epic() }) },
  'epic: retry goes on among the children': {
    event: note('/autodev retry'),
    snapshot: snapshot({
      lastRun: epic({
        state: 'failed',
        stage: 'end',
        stoppedAt: 'children',
        verdict: { kind: 'needs-human', cause: '#21 did not end well.', next: '' },
      }),
    }),
  },
  'epic: its end ends a child': {
    event: { kind: 'epic_ended', runId: 11, epicIid: 7 },
    snapshot: snapshot({ run: run({ parentRunId: 10 }) }),
  },
  'epic: a child that ends wakes its epic': {
    event: { kind: 'attempt_lost', runId: 11, attemptId: 31, loss: 'no_runner', detail: '' },
    snapshot: snapshot({ run: run({ parentRunId: 10 }) }),
  },
};
