/** Recorded cases of what people do to a run: pause, defer, resume, unlock, other models; and its twins. */
import type { Event } from '../../../bot/domain/events.ts';
import type { Run } from '../../../bot/domain/runs.ts';
import type { FileClaim, Snapshot } from '../../../bot/domain/snapshot.ts';
import {
  changeFacts,
  codeChange,
  doneTask,
  note,
  project,
  result,
  run,
  sam,
  snapshot,
} from './builders.ts';
import type { Case } from './case.ts';

const dana = { id: 5, username: 'dana' };

const spec = (files: string[]): Run['tasks'][number] =>
  doneTask(
    { id: 20, stage: 'spec', type: 'write_spec', agent: 'architect' },
    {
      changes: [],
      report: {
        kind: 'spec',
        feasible: true,
        confidence: 9,
        decisions: [],
        files,
        acceptance: [],
        text: '# Specification',
      },
    },
  );

const specChange = { ...codeChange, iid: 3, branch: 'autodev/spec-12' };

/** A run that waits for its specification to be approved, which names these files. */
function atSpecGate(
  patch: Partial<Run> = {},
  files = ['src/cli.js', './src/*.js', 'src/a.js'],
): Run {
  const changes = { spec: specChange, code: null };
  const tasks = [spec(files)];
  return run({ command: 'plan', stage: 'spec-gate', tasks, changes, ...patch }, 'feature');
}

const asleep = (until: string | null, patch: Partial<Run> = {}): Run =>
  atSpecGate({
    state: 'paused',
    pausedBy: 'dana',
    pausedUntil: until === null ? null : new Date(until),
    ...patch,
  });

const DECEMBER = '2026-12-01T00:00:00.000Z';
const dueAt = (until: string): Event => ({ kind: 'resume_due', runId: 11, until });

const claim = (path: string, patch: Partial<FileClaim> = {}): FileClaim => ({
  path,
  runId: 9,
  target: { type: 'issue', iid: 10 },
  requester: 'lee',
  until: new Date('2026-11-21T14:20:00Z'),
  ...patch,
});

/** A run whose builder waits for a file. */
const inLine = (patch: Partial<Run> = {}): Run =>
  atSpecGate({
    stage: 'implement',
    gateNote: '`src/a.js`, claimed by #10 until 14:20 UTC',
    ...patch,
  });

const says = (body: string, known: Partial<Snapshot>): Case => ({
  event: note(`/autodev ${body}`),
  snapshot: snapshot({ actorAccess: 40, ...known }),
});

const merged = (patch: Partial<Snapshot> = {}): Case => ({
  event: { kind: 'wake', runId: 11 },
  snapshot: snapshot({ run: atSpecGate(), change: changeFacts({ state: 'merged' }), ...patch }),
});

const same = (
  as: Extract<NonNullable<Snapshot['effect']>['receipt'], { outcome: 'same' }>['as'],
): Case => ({
  event: { kind: 'effect_settled', runId: 11, effectId: 5 },
  snapshot: snapshot({
    run: run({ tasks: [doneTask({})] }),
    effect: {
      effect: { kind: 'commit_changes', run: 11, attempt: 31, change: 'code' },
      state: 'done',
      receipt: { kind: 'commit_changes', outcome: 'same', as },
      error: null,
    },
  }),
});

const approved: Event = {
  kind: 'change',
  action: 'approved',
  project,
  actor: dana,
  change: {
    iid: 3,
    title: 't',
    description: '',
    state: 'opened',
    draft: false,
    sourceBranch: 'autodev/spec-12',
    targetBranch: 'main',
    sourceProjectId: 7,
    targetProjectId: 7,
    headSha: codeChange.headSha,
    mergedSha: null,
    labels: [],
    authorId: 99,
    url: '',
  },
  oldHeadSha: null,
  labelsAdded: [],
  labelsRemoved: [],
};

export const CONTROL_CASES: Readonly<Record<string, Case>> = {
  'pause while an agent works': says('pause', { run: run() }),
  'pause at a gate': says('pause', { run: atSpecGate({ gateNote: 'approved by @dana' }) }),
  'pause with nothing running': says('pause', {}),
  'pause twice': says('pause', { run: asleep(null) }),
  'pause for good what was deferred': says('pause', { run: asleep(DECEMBER) }),
  'pause by a reporter': says('pause', { run: run(), actorAccess: 20 }),
  'resume a paused run': says('resume', { run: asleep(null) }),
  'resume a run whose agent has not begun': says('resume', {
    run: asleep(null, { tasks: [] }),
  }),
  'resume a deferred run early': says('resume', { run: asleep(DECEMBER) }),
  'resume what is not paused': says('resume', { run: run() }),
  'defer at a gate': says('defer 2026-12-01', { run: atSpecGate() }),
  'defer again': says('defer next week', { run: asleep(DECEMBER) }),
  'defer without a date': says('defer', { run: atSpecGate() }),
  'defer into the past': says('defer 2026-11-20', { run: atSpecGate() }),
  'defer too far': says('defer 2028-01-01', { run: atSpecGate() }),
  'defer until nobody knows when': says('defer `when` it suits', { run: atSpecGate() }),
  'defer where no gate is': says('defer 3 days', { run: run() }),
  'the date of a deferred run has come': {
    event: dueAt(DECEMBER),
    snapshot: snapshot({ run: asleep(DECEMBER) }),
  },
  'a date that was put off meanwhile': {
    event: dueAt('2026-11-30T00:00:00.000Z'),
    snapshot: snapshot({ run: asleep(DECEMBER) }),
  },
  'a date after the resume': { event: dueAt(DECEMBER), snapshot: snapshot({ run: atSpecGate() }) },
  'paused: an approval is kept': { event: approved, snapshot: snapshot({ run: asleep(null) }) },
  'paused: a result is kept': {
    event: { kind: 'job_result', runId: 11, attemptId: 31, result: result() },
    snapshot: snapshot({ run: run({ state: 'paused', pausedBy: 'dana' }) }),
  },
  'paused: a loss is kept': {
    event: { kind: 'attempt_lost', runId: 11, attemptId: 31, loss: 'no_heartbeat', detail: '' },
    snapshot: snapshot({ run: run({ state: 'paused', pausedBy: 'dana' }) }),
  },
  'paused: nobody has to look': {
    event: { kind: 'wake', runId: 11 },
    snapshot: snapshot({ run: asleep(null) }),
  },
  'paused: cancel': says('cancel', { run: asleep(null) }),
  'paused: status': says('status', { run: asleep(DECEMBER) }),
  'paused: reject': says('reject not so', { run: asleep(null) }),
  'paused: implement': says('implement', { run: asleep(DECEMBER) }),
  'claim: the specification names files': merged(),
  'claim: another run has one of them': merged({ claimed: [claim('src/a.js')] }),
  'claim: files of another run that are not wanted': merged({ claimed: [claim('src/z.js')] }),
  'claim: still waiting': {
    event: { kind: 'wake', runId: 11 },
    snapshot: snapshot({ run: inLine(), claimed: [claim('src/a.js')] }),
  },
  'claim: two runs in the way': {
    event: { kind: 'wake', runId: 11 },
    snapshot: snapshot({
      run: inLine(),
      claimed: [claim('src/a.js'), claim('src/cli.js', { runId: 8 })],
    }),
  },
  'claim: free again': {
    event: { kind: 'wake', runId: 11 },
    snapshot: snapshot({ run: inLine() }),
  },
  'unlock what is in the way': says('unlock', { run: inLine(), claimed: [claim('src/a.js')] }),
  'unlock one path of two': says('unlock src/cli.js', {
    run: inLine(),
    claimed: [claim('src/a.js'), claim('src/cli.js', { runId: 8 })],
  }),
  'unlock another path': says('unlock src/z.js', { run: inLine(), claimed: [claim('src/a.js')] }),
  'unlock with nothing in the way': says('unlock', { run: run() }),
  'unlock by a developer': says('unlock', {
    run: inLine(),
    claimed: [claim('src/a.js')],
    actorAccess: 30,
  }),
  'assign-agent: another model': says('assign-agent builder anthropic/claude-opus-5', {
    run: atSpecGate(),
  }),
  'assign-agent: the next task has it': merged({
    run: atSpecGate({
      overrides: {
        models: { builder: { provider: 'openai', model: 'gpt-6.1-sol', by: sam.username } },
      },
    }),
  }),
  'assign-agent: no price': says('assign-agent builder openai/gpt-99', { run: atSpecGate() }),
  'assign-agent: no key of that provider': says('assign-agent builder openai/gpt-6.1-sol', {
    run: atSpecGate(),
    providers: ['anthropic'],
  }),
  'assign-agent: a property of every object': says('assign-agent builder openai/constructor', {
    run: atSpecGate(),
  }),
  'assign-agent: a role without a part': says('assign-agent bug_finder openai/gpt-6.1-sol', {
    run: atSpecGate(),
  }),
  'assign-agent: nothing said': says('assign-agent', { run: atSpecGate() }),
  'assign-agent: nothing running': says('assign-agent builder openai/gpt-6.1-sol', {}),
  'assign-agent: by a developer': says('assign-agent builder openai/gpt-6.1-sol', {
    run: atSpecGate(),
    actorAccess: 30,
  }),
  'same: on the default branch': same({ branch: 'main', sha: 'c'.repeat(40) }),
  'same: in an open change': same({ iid: 41, issueIid: 10 }),
  'same: about to be opened': same({ iid: null, issueIid: 10 }),
};
