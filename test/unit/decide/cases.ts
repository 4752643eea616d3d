/** Recorded cases of decide: what happened, what was known. The decisions are goldens. */
import type { Event } from '../../../bot/domain/events.ts';
import type { Snapshot } from '../../../bot/domain/snapshot.ts';
import {
  attempt,
  bot,
  issue,
  labelled,
  note,
  project,
  result,
  run,
  sam,
  snapshot,
  verifying,
} from './builders.ts';

export interface Case {
  event: Event;
  snapshot: Snapshot;
}

const lost = (loss: Extract<Event, { kind: 'attempt_lost' }>['loss']): Event => ({
  kind: 'attempt_lost',
  runId: 11,
  attemptId: 31,
  loss,
  detail: 'detail',
});
const brought = (patch: Parameters<typeof result>[0] = {}): Event => ({
  kind: 'job_result',
  runId: 11,
  attemptId: 31,
  result: result(patch),
});
const settled = (effect: Snapshot['effect'], patch: Partial<Snapshot> = {}): Case => ({
  event: { kind: 'effect_settled', runId: 11, effectId: 5 },
  snapshot: snapshot({ run: run(), effect, ...patch }),
});
const wake: Event = { kind: 'wake', runId: 11 };
const pipeline = (status: string): Snapshot['changePipeline'] => ({
  id: 950,
  status,
  ref: 'autodev/12',
  sha: 'b'.repeat(40),
  source: 'merge_request_event',
  parentPipelineId: null,
  changeIid: 4,
  url: 'https://gitlab.example.com/p/950',
});
const checked = (status: string): Case => ({
  event: wake,
  snapshot: snapshot({ run: verifying(), changeState: 'opened', changePipeline: pipeline(status) }),
});

export const CASES: Readonly<Record<string, Case>> = {
  'implement by a developer': { event: note('/autodev implement'), snapshot: snapshot() },
  'implement with a hint': {
    event: note('/autodev implement keep it small'),
    snapshot: snapshot(),
  },
  'fix by a developer': { event: note('/autodev fix'), snapshot: snapshot() },
  'ask a question': { event: note('/autodev ask where is the parser?'), snapshot: snapshot() },
  'ask without a question': { event: note('/autodev ask'), snapshot: snapshot() },
  'label autodev': { event: labelled('autodev'), snapshot: snapshot() },
  'label autodev::fix': { event: labelled('autodev::fix'), snapshot: snapshot() },
  'label of an unknown command': { event: labelled('autodev::dance'), snapshot: snapshot() },
  'label autodev by a guest': {
    event: labelled('autodev'),
    snapshot: snapshot({ actorAccess: 10 }),
  },
  'label autodev while a run is active': {
    event: labelled('autodev'),
    snapshot: snapshot({ run: run() }),
  },
  'implement by an outsider': {
    event: note('/autodev implement'),
    snapshot: snapshot({ actorAccess: 0 }),
  },
  'implement by a reporter': {
    event: note('/autodev implement'),
    snapshot: snapshot({ actorAccess: 20 }),
  },
  'implement by the bot itself': {
    event: note('/autodev implement', { actor: bot }),
    snapshot: snapshot(),
  },
  'implement by the bot of a project token': {
    event: note('/autodev implement', { actor: { id: 55, username: 'project_7_bot_1f2e' } }),
    snapshot: snapshot(),
  },
  'implement in an edited note': {
    event: note('/autodev implement', { action: 'edited' }),
    snapshot: snapshot(),
  },
  'an edit of a handled note': {
    event: note('/autodev implement', { action: 'edited' }),
    snapshot: snapshot({ noteHandled: true }),
  },
  'a quoted command': { event: note('> /autodev implement'), snapshot: snapshot() },
  'a command in code': { event: note('```\n/autodev implement\n```'), snapshot: snapshot() },
  'a look-alike of a command': { event: note('/аutodev implement'), snapshot: snapshot() },
  'an unknown command': { event: note('/autodev implemnt'), snapshot: snapshot() },
  'two commands in one note': {
    event: note('/autodev implement\n/autodev fix'),
    snapshot: snapshot(),
  },
  'implement on a change': {
    event: note('/autodev implement', {
      on: {
        type: 'change',
        change: {
          iid: 4,
          title: 't',
          state: 'opened',
          draft: false,
          sourceBranch: 'x',
          targetBranch: 'main',
          sourceProjectId: 7,
          targetProjectId: 7,
          headSha: 'b'.repeat(40),
          labels: [],
          authorId: 3,
          url: '',
        },
      },
    }),
    snapshot: snapshot({ issue: null }),
  },
  'implement while a run is active': {
    event: note('/autodev implement'),
    snapshot: snapshot({ run: run() }),
  },
  'implement on a confidential issue': {
    event: note('/autodev implement'),
    snapshot: snapshot({ issue: { ...issue, confidential: true } }),
  },
  'implement on a closed issue': {
    event: note('/autodev implement'),
    snapshot: snapshot({ issue: { ...issue, state: 'closed' } }),
  },
  'implement in an archived project': {
    event: note('/autodev implement'),
    snapshot: snapshot({ project: { ...project, repoId: 1, archived: true } }),
  },
  'implement without a provider': {
    event: note('/autodev implement'),
    snapshot: snapshot({ providers: [] }),
  },
  'implement in an empty repository': {
    event: note('/autodev implement'),
    snapshot: snapshot({ headSha: null }),
  },
  'implement over the hourly limit': {
    event: note('/autodev implement'),
    snapshot: snapshot({ runsLastHour: 20 }),
  },
  'implement with mistakes in .autodev.yml': {
    event: note('/autodev implement'),
    snapshot: snapshot({
      repoConfig: { ...snapshot().repoConfig, problems: ['line 3, `runner.tag`: is not known'] },
    }),
  },
  help: { event: note('/autodev help'), snapshot: snapshot({ actorAccess: 10 }) },
  'status with no run': { event: note('/autodev status'), snapshot: snapshot() },
  'status of a run': { event: note('/autodev status'), snapshot: snapshot({ run: run() }) },
  'cancel a running agent': { event: note('/autodev cancel'), snapshot: snapshot({ run: run() }) },
  'cancel with nothing running': { event: note('/autodev cancel'), snapshot: snapshot() },
  'retry after a failure': {
    event: note('/autodev retry try the other way'),
    snapshot: snapshot({
      lastRun: run({
        state: 'failed',
        stage: 'end',
        verdict: { kind: 'needs-human', cause: 'c', next: 'n' },
      }),
    }),
  },
  'retry after success': {
    event: note('/autodev retry'),
    snapshot: snapshot({
      lastRun: run({ state: 'completed', verdict: { kind: 'done', cause: 'c', next: 'n' } }),
    }),
  },
  'the issue is closed under a run': {
    event: {
      kind: 'issue',
      action: 'closed',
      project,
      actor: sam,
      issue: { ...issue, state: 'closed' },
      labelsAdded: [],
      labelsRemoved: [],
      textChanged: false,
    },
    snapshot: snapshot({ run: run() }),
  },
  'the job claims its attempt': {
    event: { kind: 'attempt_claimed', runId: 11, attemptId: 31 },
    snapshot: snapshot({ run: run({ state: 'queued' }) }),
  },
  'a result with changes': { event: brought(), snapshot: snapshot({ run: run() }) },
  'a result without changes': {
    event: brought({ changes: [] }),
    snapshot: snapshot({ run: run() }),
  },
  'a result of an older attempt': {
    event: brought(),
    snapshot: snapshot({ run: run({ attempts: [attempt(), attempt({ id: 32, fence: 2 })] }) }),
  },
  'a result after the run ended': {
    event: brought(),
    snapshot: snapshot({ run: run({ state: 'stopped_user' }) }),
  },
  'a result that needs a person': {
    event: brought({ outcome: 'needs_human', comment: 'Which format?' }),
    snapshot: snapshot({ run: run() }),
  },
  'a result at the budget with partial work': {
    event: brought({ outcome: 'budget' }),
    snapshot: snapshot({ run: run() }),
  },
  'a result at the budget with nothing': {
    event: brought({ outcome: 'budget', changes: [] }),
    snapshot: snapshot({ run: run() }),
  },
  'a result at a limit with nothing': {
    event: brought({ outcome: 'limit', cause: '60 turns', changes: [] }),
    snapshot: snapshot({ run: run() }),
  },
  'a model error': {
    event: brought({ outcome: 'model_error', cause: 'overloaded', changes: [] }),
    snapshot: snapshot({ run: run() }),
  },
  'a crashed agent, first time': {
    event: brought({ outcome: 'crashed', cause: 'signal 9', changes: [] }),
    snapshot: snapshot({ run: run() }),
  },
  'a crashed agent, last time': {
    event: brought({ outcome: 'crashed', cause: 'signal 9', changes: [], attempt: 31 }),
    snapshot: snapshot({
      run: run({ attempts: [attempt({ id: 30, state: 'lost' }), attempt({ fence: 2 })] }),
    }),
  },
  'a cancelled job': {
    event: brought({ outcome: 'cancelled', changes: [] }),
    snapshot: snapshot({ run: run() }),
  },
  'an answer': {
    event: brought({ comment: 'In src/parse.js.', changes: [] }),
    snapshot: snapshot({ run: run({ role: 'ask', command: 'ask', stage: 'answer' }) }),
  },
  'lost: no heartbeat, first time': {
    event: lost('no_heartbeat'),
    snapshot: snapshot({ run: run() }),
  },
  'lost: no runner': {
    event: lost('no_runner'),
    snapshot: snapshot({ run: run({ attempts: [attempt({ state: 'waiting' })] }) }),
  },
  'lost: pipeline cancelled': {
    event: lost('pipeline_cancelled'),
    snapshot: snapshot({ run: run() }),
  },
  'lost: pipeline failed, last time': {
    event: lost('pipeline_failed'),
    snapshot: snapshot({
      run: run({ attempts: [attempt({ id: 30, state: 'lost' }), attempt({ fence: 2 })] }),
    }),
  },
  'lost twice': {
    event: lost('no_heartbeat'),
    snapshot: snapshot({ run: run({ attempts: [attempt({ state: 'lost' })] }) }),
  },
  'pipeline created': settled({
    effect: { kind: 'create_pipeline', run: 11, attempt: 31, ref: 'main' },
    state: 'done',
    receipt: { kind: 'create_pipeline', pipelineId: 900, url: '', sha: '', adopted: false },
    error: null,
  }),
  'pipeline refused': settled({
    effect: { kind: 'create_pipeline', run: 11, attempt: 31, ref: 'main' },
    state: 'failed',
    receipt: null,
    error: 'No stages / jobs for this pipeline.',
  }),
  'changes committed': settled({
    effect: { kind: 'commit_changes', run: 11, attempt: 31 },
    state: 'done',
    receipt: { kind: 'commit_changes', outcome: 'committed', branch: 'autodev/12', sha: 'b' },
    error: null,
  }),
  'changes refused': settled({
    effect: { kind: 'commit_changes', run: 11, attempt: 31 },
    state: 'done',
    receipt: { kind: 'commit_changes', outcome: 'refused', cause: 'c', next: 'n' },
    error: null,
  }),
  'change opened': settled(
    {
      effect: { kind: 'open_change', run: 11, attempt: 31, draft: false },
      state: 'done',
      receipt: { kind: 'open_change', iid: 4, url: '' },
      error: null,
    },
    { run: run({ attempts: [attempt({ state: 'finished', result: result() })] }) },
  ),
  'draft opened after the budget': settled(
    {
      effect: { kind: 'open_change', run: 11, attempt: 31, draft: true },
      state: 'done',
      receipt: { kind: 'open_change', iid: 4, url: '' },
      error: null,
    },
    {
      run: run({
        attempts: [attempt({ state: 'finished', result: result({ outcome: 'budget' }) })],
      }),
    },
  ),
  'change could not be opened': settled({
    effect: { kind: 'open_change', run: 11, attempt: 31, draft: false },
    state: 'failed',
    receipt: null,
    error: 'denied',
  }),
  'verify: pipeline green': checked('success'),
  'verify: pipeline red': checked('failed'),
  'verify: pipeline cancelled': checked('canceled'),
  'verify: pipeline running': checked('running'),
  'verify: an unknown status is not success': checked('brand_new_status'),
  'verify: merged already': {
    event: wake,
    snapshot: snapshot({ run: verifying(), changeState: 'merged' }),
  },
  'verify: closed': {
    event: wake,
    snapshot: snapshot({ run: verifying(), changeState: 'closed' }),
  },
  'verify: no pipeline yet': {
    event: wake,
    snapshot: snapshot({ run: verifying(), changeState: 'opened' }),
  },
  'verify: no pipeline for an hour': {
    event: wake,
    snapshot: snapshot({
      run: verifying({ updatedAt: new Date('2026-11-21T10:00:00Z') }),
      changeState: 'opened',
    }),
  },
};
