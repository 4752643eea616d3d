/** Recorded cases of decide: what happened, what was known. The decisions are goldens. */
import type { Event } from '../../../bot/domain/events.ts';
import type { Approval, GateFacts } from '../../../bot/domain/gates.ts';
import type { Run } from '../../../bot/domain/runs.ts';
import type { Snapshot } from '../../../bot/domain/snapshot.ts';
import type { Case } from './case.ts';
import {
  attempt,
  bot,
  changeFacts,
  codeChange,
  doneTask,
  HEAD,
  issue,
  labelled,
  looks,
  note,
  project,
  result,
  run,
  sam,
  snapshot,
  task,
  verifying,
} from './builders.ts';
import { BUDGET_CASES } from './cases-budget.ts';
import { CONTROL_CASES } from './cases-control.ts';
import { EPIC_CASES } from './cases-epic.ts';
import { DEPLOY_CASES } from './cases-deploy.ts';
import { GROUND_CASES } from './cases-ground.ts';
import { LOOK_CASES } from './cases-looks.ts';
import { TASK_CASES } from './cases-tasks.ts';

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
const pipeline = (status: string): NonNullable<Snapshot['change']>['pipeline'] => ({
  id: 950,
  status,
  ref: 'autodev/12',
  sha: HEAD,
  source: 'merge_request_event',
  parentPipelineId: null,
  changeIid: 4,
  url: 'https://gitlab.example.com/p/950',
});
const checked = (status: string): Case => ({
  event: wake,
  snapshot: snapshot({
    run: verifying(),
    change: changeFacts({ pipeline: pipeline(status) }),
  }),
});

const SPEC = {
  kind: 'spec' as const,
  feasible: true,
  confidence: 9,
  decisions: ['The order of the table is kept.'],
  files: ['src/cli.js'],
  acceptance: [],
  text: '# Specification',
};

function speccing(patch: Partial<Run> = {}): Run {
  const tasks = [task({ stage: 'spec', type: 'write_spec', agent: 'architect' })];
  return run({ command: 'plan', stage: 'spec', tasks, ...patch }, 'feature');
}

/** A run at a gate, with the tasks that led there. */
function gateRun(role: 'spec' | 'code', patch: Partial<Run> = {}): Run {
  const spec = doneTask(
    { id: 20, stage: 'spec', type: 'write_spec', agent: 'architect' },
    { report: SPEC, changes: [] },
  );
  const specChange = { ...codeChange, iid: 3, branch: 'autodev/spec-12' };
  return run(
    {
      command: 'plan',
      stage: role === 'spec' ? 'spec-gate' : 'merge',
      tasks: role === 'spec' ? [spec] : [spec, doneTask({}), ...looks(0)],
      changes: { spec: specChange, code: role === 'spec' ? null : codeChange },
      ...patch,
    },
    'feature',
  );
}

function approval(id: number, username: string, level: number, seenAtSha = HEAD): Approval {
  return { user: { id, username }, level, seenAtSha, at: null };
}

function atGate(role: 'spec' | 'code', approvals: Approval[]): Case {
  const facts: GateFacts = {
    headSha: HEAD,
    headAt: null,
    approvals,
    contributors: [8],
    requesterId: sam.id,
    botId: bot.id,
    approvalsLeft: 0,
  };
  const change = changeFacts({ gate: { facts, mergeStatus: 'mergeable' } });
  return { event: wake, snapshot: snapshot({ run: gateRun(role), change }) };
}

const closedIssue = { ...issue, state: 'closed' } as const;
const issueClosed: Event = {
  kind: 'issue',
  action: 'closed',
  project,
  actor: sam,
  issue: closedIssue,
  at: '2026-11-21T12:00:00.000Z',
  labelsAdded: [],
  labelsRemoved: [],
  textChanged: false,
};

export const CASES: Readonly<Record<string, Case>> = {
  ...CONTROL_CASES,
  ...GROUND_CASES,
  ...DEPLOY_CASES,
  ...BUDGET_CASES,
  ...EPIC_CASES,
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
    snapshot: snapshot({ handled: true }),
  },
  'a note that was handled before': {
    event: note('/autodev implement'),
    snapshot: snapshot({ handled: true }),
  },
  'a label that was acted on before': {
    event: labelled('autodev'),
    snapshot: snapshot({ handled: true }),
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
          description: '',
          state: 'opened',
          draft: false,
          sourceBranch: 'x',
          targetBranch: 'main',
          sourceProjectId: 7,
          targetProjectId: 7,
          headSha: 'b'.repeat(40),
          mergedSha: null,
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
    event: issueClosed,
    snapshot: snapshot({ run: run(), issue: closedIssue }),
  },
  'the issue was closed and is open again': {
    event: issueClosed,
    snapshot: snapshot({ run: run() }),
  },
  'the issue is closed at the merge gate': {
    event: issueClosed,
    snapshot: snapshot({ issue: closedIssue, run: gateRun('code'), change: changeFacts() }),
  },
  'the issue is closed by the merge, whose hook comes later': {
    event: issueClosed,
    snapshot: snapshot({
      issue: closedIssue,
      run: gateRun('code'),
      change: changeFacts({ state: 'merged' }),
    }),
  },
  'the issue is closed by a merge during verify': {
    event: issueClosed,
    snapshot: snapshot({
      issue: closedIssue,
      run: verifying(),
      change: changeFacts({ state: 'merged' }),
    }),
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
    snapshot: snapshot({
      run: run({ tasks: [task({ attempts: [attempt(), attempt({ id: 32, fence: 2 })] })] }),
    }),
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
      run: run({
        tasks: [task({ attempts: [attempt({ id: 30, state: 'lost' }), attempt({ fence: 2 })] })],
      }),
    }),
  },
  'a runner that lacks what the settings ask for': {
    event: brought({ outcome: 'unable', cause: 'codex is not `installed`', changes: [] }),
    snapshot: snapshot({ run: run() }),
  },
  'a cancelled job': {
    event: brought({ outcome: 'cancelled', changes: [] }),
    snapshot: snapshot({ run: run() }),
  },
  'an answer': {
    event: brought({ comment: 'In src/parse.js.', changes: [] }),
    snapshot: snapshot({
      run: run(
        {
          role: 'ask',
          command: 'ask',
          stage: 'answer',
          tasks: [task({ stage: 'answer', type: 'answer_question', agent: 'architect' })],
        },
        'ask',
      ),
    }),
  },
  'lost: no heartbeat, first time': {
    event: lost('no_heartbeat'),
    snapshot: snapshot({ run: run() }),
  },
  'lost: no runner': {
    event: lost('no_runner'),
    snapshot: snapshot({
      run: run({ tasks: [task({ attempts: [attempt({ state: 'waiting' })] })] }),
    }),
  },
  'lost: pipeline cancelled': {
    event: lost('pipeline_cancelled'),
    snapshot: snapshot({ run: run() }),
  },
  'lost: pipeline failed, last time': {
    event: lost('pipeline_failed'),
    snapshot: snapshot({
      run: run({
        tasks: [task({ attempts: [attempt({ id: 30, state: 'lost' }), attempt({ fence: 2 })] })],
      }),
    }),
  },
  'lost twice': {
    event: lost('no_heartbeat'),
    snapshot: snapshot({ run: run({ tasks: [task({ attempts: [attempt({ state: 'lost' })] })] }) }),
  },
  'pipeline created': settled({
    effect: { kind: 'create_pipeline', run: 11, launch: 71, ref: 'main' },
    state: 'done',
    receipt: { kind: 'create_pipeline', pipelineId: 900, url: '', sha: '', adopted: false },
    error: null,
  }),
  'pipeline refused': settled({
    effect: { kind: 'create_pipeline', run: 11, launch: 71, ref: 'main' },
    state: 'failed',
    receipt: null,
    error: 'No stages / jobs for this pipeline.',
  }),
  'changes committed': settled({
    effect: { kind: 'commit_changes', run: 11, attempt: 31, change: 'code' },
    state: 'done',
    receipt: { kind: 'commit_changes', outcome: 'committed', branch: 'autodev/12', sha: 'b' },
    error: null,
  }),
  'changes refused': settled({
    effect: { kind: 'commit_changes', run: 11, attempt: 31, change: 'code' },
    state: 'done',
    receipt: { kind: 'commit_changes', outcome: 'refused', cause: 'c', next: 'n' },
    error: null,
  }),
  'change opened': settled(
    {
      effect: { kind: 'open_change', run: 11, attempt: 31, change: 'code', draft: false },
      state: 'done',
      receipt: { kind: 'open_change', iid: 4, url: '' },
      error: null,
    },
    { run: run({ tasks: [doneTask({})] }) },
  ),
  'draft opened after the budget': settled(
    {
      effect: { kind: 'open_change', run: 11, attempt: 31, change: 'code', draft: true },
      state: 'done',
      receipt: { kind: 'open_change', iid: 4, url: '' },
      error: null,
    },
    {
      run: run({ tasks: [doneTask({}, { outcome: 'budget' })] }),
    },
  ),
  'change could not be opened': settled({
    effect: { kind: 'open_change', run: 11, attempt: 31, change: 'code', draft: false },
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
    snapshot: snapshot({ run: verifying(), change: changeFacts({ state: 'merged' }) }),
  },
  'verify: closed': {
    event: wake,
    snapshot: snapshot({ run: verifying(), change: changeFacts({ state: 'closed' }) }),
  },
  'verify: no pipeline yet': {
    event: wake,
    snapshot: snapshot({ run: verifying(), change: changeFacts() }),
  },
  'verify: no pipeline for an hour': {
    event: wake,
    snapshot: snapshot({
      run: verifying({ updatedAt: new Date('2026-11-21T10:00:00Z') }),
      change: changeFacts(),
    }),
  },
  'plan by a developer': { event: note('/autodev plan'), snapshot: snapshot() },
  'the spec is written': {
    event: brought({ changes: [], report: SPEC }),
    snapshot: snapshot({ run: speccing() }),
  },
  'the spec says it cannot be done': {
    event: brought({ changes: [], report: { ...SPEC, feasible: false } }),
    snapshot: snapshot({ run: speccing() }),
  },
  'the spec change is open': settled(
    {
      effect: { kind: 'open_change', run: 11, attempt: 31, change: 'spec', draft: false },
      state: 'done',
      receipt: { kind: 'open_change', iid: 3, url: '' },
      error: null,
    },
    {
      run: speccing({
        tasks: [
          doneTask(
            { stage: 'spec', type: 'write_spec', agent: 'architect' },
            { report: SPEC, changes: [] },
          ),
        ],
      }),
    },
  ),
  'spec gate: nobody approved yet': atGate('spec', []),
  'spec gate: approved by another developer': atGate('spec', [approval(5, 'dana', 40)]),
  'spec gate: approved by the one who asked': atGate('spec', [approval(3, 'sam', 40)]),
  'spec gate: approved at an older head': atGate('spec', [approval(5, 'dana', 40, 'c'.repeat(40))]),
  'spec gate: somebody pushed': {
    event: wake,
    snapshot: snapshot({ run: gateRun('spec'), change: changeFacts({ headSha: 'd'.repeat(40) }) }),
  },
  'spec gate: closed': {
    event: wake,
    snapshot: snapshot({ run: gateRun('spec'), change: changeFacts({ state: 'closed' }) }),
  },
  'spec gate: rejected with a reason': {
    event: note('/autodev reject keep the old format'),
    snapshot: snapshot({ run: gateRun('spec') }),
  },
  'reject without a reason': {
    event: note('/autodev reject'),
    snapshot: snapshot({ run: gateRun('spec') }),
  },
  'reject where no gate is': {
    event: note('/autodev reject no'),
    snapshot: snapshot({ run: run() }),
  },
  'spec merged': settled(
    {
      effect: { kind: 'merge_change', run: 11, change: 'spec', sha: HEAD, asked: 3 },
      state: 'done',
      receipt: { kind: 'merge_change', outcome: 'merged', sha: HEAD },
      error: null,
    },
    { run: gateRun('spec') },
  ),
  ...LOOK_CASES,
  ...TASK_CASES,
  'merge gate: approved by another developer': atGate('code', [approval(5, 'dana', 30)]),
  'merge gate: approved by a reporter': atGate('code', [approval(6, 'rita', 20)]),
  'merge gate: approved by a contributor': atGate('code', [approval(8, 'lee', 40)]),
  'merge gate: rejected': {
    event: note('/autodev reject the name is wrong'),
    snapshot: snapshot({ run: gateRun('code') }),
  },
  'merge gate: merged by the bot': settled(
    {
      effect: { kind: 'merge_change', run: 11, change: 'code', sha: HEAD, asked: 3 },
      state: 'done',
      receipt: { kind: 'merge_change', outcome: 'merged', sha: HEAD },
      error: null,
    },
    { run: gateRun('code') },
  ),
  'merge gate: the head moved under the merge': settled(
    {
      effect: { kind: 'merge_change', run: 11, change: 'code', sha: HEAD, asked: 3 },
      state: 'done',
      receipt: { kind: 'merge_change', outcome: 'not_merged', why: 'the head moved' },
      error: null,
    },
    { run: gateRun('code'), change: changeFacts({ headSha: 'd'.repeat(40) }) },
  ),
};
