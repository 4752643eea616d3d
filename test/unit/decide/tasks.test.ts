/** Every way in which a type of task starts, and what stands in its way. */
import { describe, expect, test } from '@jest/globals';
import { COMMANDS, takenOn } from '../../../bot/decide/command-help.ts';
import { decide } from '../../../bot/decide/decide.ts';
import type { Event, Issue } from '../../../bot/domain/events.ts';
import { givenKinds, NOTHING_GIVEN } from '../../../bot/domain/given.ts';
import type { TargetChange } from '../../../bot/domain/looks.ts';
import type { TargetType } from '../../../bot/domain/runs.ts';
import type { Decision, NewRun, Snapshot } from '../../../bot/domain/snapshot.ts';
import { isTold, TASKS, titleOf } from '../../../bot/domain/task-types.ts';
import type { Verdict } from '../../../bot/domain/outcomes.ts';
import { placesOf, workOf } from '../../../bot/domain/work.ts';
import { TaskType } from '../../../schema/wire/agent.ts';
import { SAMPLE_REPORTS } from '../../support/sample-reports.ts';
import {
  attempt,
  changeFacts,
  HEAD,
  issue,
  labelled,
  note,
  project,
  result,
  run,
  snapshot,
  task,
  workflows,
} from './builders.ts';
import { atWork, brings } from './cases-tasks.ts';

const others: Issue = { ...issue, iid: 14, title: 'It crashes', description: 'On empty files.' };
const given: Snapshot['given'] = {
  backlog: [issue, others],
  build: {
    sha: HEAD,
    status: 'failed',
    url: 'https://gitlab.example.com/p/7',
    failedJobs: ['unit'],
  },
  deployments: [],
};
const theirs: TargetChange = {
  iid: 9,
  title: 'Add an option',
  description: 'Adds `--json`.',
  state: 'opened',
  draft: false,
  sourceBranch: 'lee/json',
  targetBranch: 'main',
  sourceProjectId: project.id,
  targetProjectId: project.id,
  headSha: HEAD,
  mergedSha: null,
  findings: [],
  labels: [],
  authorId: 8,
  url: '',
  files: [{ path: 'src/cli.js', diff: '+a' }],
};

function asked(words: string, on: TargetType, patch: Partial<Snapshot> = {}): Decision {
  const event: Event =
    on === 'issue'
      ? note(`/autodev ${words}`)
      : note(`/autodev ${words}`, { on: { type: 'change', change: theirs } });
  const known = on === 'issue' ? {} : { issue: null, targetChange: theirs };
  return decide(event, snapshot({ actorAccess: 40, given, ...known, ...patch }));
}

function startedBy(decision: Decision): NewRun {
  const write = decision.writes.find(({ op }) => op === 'create_run');
  if (write?.op !== 'create_run')
    throw new Error(`nothing started: ${decision.reasons.join('; ')}`);
  return write.run;
}

function saidBy(decision: Decision): string {
  const reply = decision.effects.find(({ kind }) => kind === 'reply');
  return reply?.kind === 'reply' ? reply.body : '';
}

function verdictOf(decision: Decision): Verdict | null | undefined {
  const end = decision.writes.find((write) => write.op === 'update_run' && write.patch.verdict);
  return end?.op === 'update_run' ? end.patch.verdict : undefined;
}

const DEPLOYS = new Set(['deploy', 'rollback']);
const starting = COMMANDS.flatMap(({ name }) =>
  placesOf(name).map((on): [string, TargetType] => [name, on]),
).filter(([name]) => !DEPLOYS.has(name));

describe.each(starting)('/autodev %s on an %s', (name, on) => {
  const words = name === 'ask' ? 'ask why' : `${name} keep it small`;
  const workflow = workOf(name, '', on)?.workflow ?? '';

  test('starts the workflow it stands for, with the agents of its first stage', () => {
    const run = startedBy(asked(words, on));
    expect(run.context.workflow).toEqual(workflows[workflow]);
    const [first] = run.context.workflow.stages;
    const wanted =
      first?.kind === 'task'
        ? [first.task]
        : first?.kind === 'verify'
          ? first.tasks.map(({ task }) => task)
          : [];
    expect(run.launch?.tasks.map(({ type }) => type)).toEqual(wanted);
    expect(run.launch?.workSha).toBe(on === 'change' ? HEAD : null);
    for (const task of run.launch?.tasks ?? []) {
      expect(task.spec.report).toBe(TASKS[task.type].report);
      expect(task.spec.input).toContain(on === 'change' ? 'Merge request !9' : 'Issue #12');
    }
  });

  test('is offered by help there while nothing runs, and not elsewhere', () => {
    expect(takenOn(name as (typeof COMMANDS)[number]['name'])).toContain(on);
    const help = saidBy(asked('help', on));
    expect(help).toContain(`\`/autodev ${name}`);
    const other = on === 'issue' ? 'change' : 'issue';
    if (!placesOf(name).includes(other)) {
      expect(saidBy(asked('help', other))).not.toContain(`\`/autodev ${name} `);
      expect(asked(words, other).writes).toEqual([]);
    }
  });

  test('starts nothing on what is confidential, nor while something runs', () => {
    if (on === 'change') return;
    const hidden = asked(words, on, { issue: { ...issue, confidential: true } });
    expect(hidden.writes).toEqual([]);
    const busy = asked(words, on, { run: atWork('analyze') });
    expect(busy.writes).toEqual([]);
  });
});

test.each(starting.filter(([name, on]) => on === 'issue' && name !== 'ask'))(
  'the label autodev::%s starts the same',
  (name) => {
    const event = labelled(`autodev::${name}`);
    const run = startedBy(decide(event, snapshot({ actorAccess: 40, given })));
    expect(run.context.workflow.name).toBe(workOf(name, '', 'issue')?.workflow);
  },
);

test('every type of task is in a shipped workflow', () => {
  const used = Object.values(workflows).flatMap((workflow) =>
    (workflow?.stages ?? []).flatMap((stage) => {
      if (stage.kind === 'task') return [stage.task];
      return stage.kind === 'verify' ? stage.tasks.map(({ task }) => task) : [];
    }),
  );
  expect([...new Set(used)].toSorted()).toEqual(TaskType.options.toSorted());
});

test.each([
  ['pipeline', 'pipeline'],
  ['fix-build', 'fix-build'],
  ['publish', 'publish'],
  ['plan release', 'deploy'],
  ['plan Rollback staging', 'rollback'],
])('/autodev %s needs the right of %s', (words, right) => {
  const refused = asked(words, 'issue', { actorAccess: 30 });
  expect(refused.writes).toEqual([]);
  expect(saidBy(refused)).toContain(`\`/autodev ${right}\` needs Maintainer here`);
  expect(startedBy(asked(words, 'issue')).command).toBe(words.split(' ')[0]);
});

describe('what becomes of a result', () => {
  const told = Object.values(workflows).flatMap((workflow): [string, TaskType][] => {
    const first = workflow?.stages[0];
    if (!workflow || first?.kind !== 'task' || workflow.stages.length > 1) return [];
    return isTold(first.task) ? [[workflow.name, first.task]] : [];
  });

  test.each(told)('%s: %s is told, or made into issues, and the run is done', (name, type) => {
    const kind = TASKS[type].report;
    if (kind === 'none') throw new Error('what is told has a report');
    const { event, snapshot: at } = brings(name, SAMPLE_REPORTS[kind]);
    const decision = decide(event, at);
    const kinds = decision.effects.map((effect) => effect.kind);
    if (TASKS[type].delivers === 'issues') {
      expect(kinds).toEqual(['raise_issues', 'status_comment']);
      return;
    }
    expect(kinds[0]).toBe('report_note');
    expect(verdictOf(decision)).toMatchObject({
      kind: 'done',
      cause: expect.stringContaining(titleOf(type) ?? ''),
    });
  });

  test.each(told)('%s: a report of another kind is told to nobody', (name) => {
    const { event, snapshot: at } = brings(name, SAMPLE_REPORTS.build);
    const decision = decide(event, at);
    expect(decision.effects.map((effect) => effect.kind)).not.toContain('report_note');
    expect(verdictOf(decision)).toMatchObject({ kind: 'needs-human' });
  });

  test('a protected pipeline file is let through by a maintainer, and then opens', () => {
    const blob = '8b10d02'.padEnd(40, '7');
    const file = { path: '.gitlab-ci.yml', blob, mode: '100644' as const, diff: '+a' };
    const commit = {
      kind: 'commit_changes' as const,
      run: 11,
      attempt: 31,
      change: 'code' as const,
    };
    const work = atWork('pipeline');
    const done = work.tasks.map((one) => ({ ...one, state: 'done' as const }));
    const refused = decide(
      { kind: 'effect_settled', runId: 11, effectId: 5 },
      snapshot({
        run: { ...work, tasks: done },
        effect: {
          effect: commit,
          state: 'done',
          receipt: {
            kind: 'commit_changes',
            outcome: 'refused',
            cause: 'c',
            next: 'n',
            blocked: [file],
          },
          error: null,
        },
      }),
    );
    const verdict = verdictOf(refused);
    expect(verdict).toMatchObject({ kind: 'refused', blocked: { files: [file] } });
    const ended = { ...work, tasks: done, state: 'stopped_policy' as const, stage: 'end' };
    const last = { ...ended, stoppedAt: 'pipeline', verdict: verdict as never };
    const allowed = asked('allow .gitlab-ci.yml at 8b10d02777', 'issue', { lastRun: last });
    expect(allowed.effects).toContainEqual({ ...commit, asked: 3 });
  });
});

describe('a look at a change of people', () => {
  const looks = ['validate', 'coverage', 'audit', 'compliance', 'scan'];

  function brought(name: string): Decision {
    const workflow = workflows[`${name}-change`];
    const [stage] = workflow?.stages ?? [];
    const one = stage?.kind === 'verify' ? stage.tasks[0] : undefined;
    if (!workflow || !stage || !one) throw new Error(`no look ${name}`);
    const { report: kind } = TASKS[one.task];
    if (kind === 'none') throw new Error('a look brings a report');
    const report = result({ changes: [], report: SAMPLE_REPORTS[kind] });
    const only = task({
      stage: stage.id,
      type: one.task,
      agent: one.agent,
      attempts: [attempt({ result: report })],
    });
    const look = run(
      {
        target: { type: 'change', iid: 9 },
        command: name,
        stage: stage.id,
        tasks: [only],
        changes: { spec: null, code: { branch: 'lee/json', iid: 9, url: '', headSha: HEAD } },
      },
      `${name}-change`,
    );
    const green = { status: 'success', sha: HEAD, url: 'u' } as never;
    return decide(
      { kind: 'job_result', runId: 11, attemptId: 31, result: report },
      snapshot({ run: look, change: changeFacts({ pipeline: green }) }),
    );
  }

  test.each(looks)('%s: its report is told under the change, and the look is over', (name) => {
    const decision = brought(name);
    const kinds = decision.effects.map((effect) => effect.kind);
    expect(kinds).toContain('report_note');
    expect(verdictOf(decision)).toMatchObject({ kind: 'done' });
    expect(kinds).not.toContain('commit_changes');
    expect(kinds.includes('open_threads')).toBe(['validate', 'scan'].includes(name));
  });

  test('only those who score are said to agree', () => {
    expect(verdictOf(brought('audit'))?.cause).toContain('no findings.');
    expect(verdictOf(brought('validate'))?.cause).toContain(
      '1 finding, consensus 70 (conditional).',
    );
    expect(verdictOf(brought('scan'))?.cause).toContain('1 finding, consensus 75 (conditional).');
  });
});

describe('a deployment with a plan', () => {
  test('is planned with what was deployed, for the environment that is named', () => {
    const run = startedBy(asked('plan release staging', 'issue'));
    expect(run.context).toMatchObject({
      environment: 'staging',
      workflow: { name: 'release-with-plan' },
    });
    expect(run.launch?.tasks[0]?.spec.input).toContain('Deployments, the newest first:');
  });

  test('names an environment or nothing', () => {
    const refused = asked('plan release when it is ready', 'issue');
    expect(refused.writes).toEqual([]);
    expect(saidBy(refused)).toContain('is no name of an environment');
  });

  test('may be asked for on a closed issue, other plans not', () => {
    const closed = { issue: { ...issue, state: 'closed' as const } };
    expect(startedBy(asked('plan rollback', 'issue', closed)).command).toBe('plan');
    expect(asked('plan bugfix', 'issue', closed).writes).toEqual([]);
  });

  const { deploy_plan: plan } = SAMPLE_REPORTS;
  test.each(['release-with-plan', 'rollback-with-plan'])(
    '%s: deploys when the plan says so',
    (name) => {
      const { event, snapshot: at } = brings(name, plan);
      const decision = decide(event, at);
      expect(decision.writes).toContainEqual(
        expect.objectContaining({
          op: 'update_run',
          patch: expect.objectContaining({ stage: 'deploy' }),
        }),
      );
      expect(decision.effects[0]).toEqual({ kind: 'report_note', run: 11, attempt: 31 });
    },
  );

  test.each(['release-with-plan', 'rollback-with-plan'])('%s: stops when it does not', (name) => {
    const { event, snapshot: at } = brings(name, { ...plan, go: false });
    const decision = decide(event, at);
    expect(decision.writes).toContainEqual(
      expect.objectContaining({
        patch: expect.objectContaining({
          verdict: expect.objectContaining({ kind: 'needs-human' }),
        }),
      }),
    );
    expect(decision.effects.map(({ kind }) => kind)).toContain('report_note');
    expect(decision.effects.map(({ kind }) => kind)).not.toContain('play_job');
  });
});

describe('what a task is given', () => {
  test('a backlog holds the other open issues', () => {
    const input = startedBy(asked('backlog', 'issue')).launch?.tasks[0]?.spec.input ?? '';
    expect(input).toContain('- #14 It crashes\n  On empty files.');
    expect(input).not.toContain('- #12');
  });

  test.each<[string, Partial<Snapshot['given']>, string]>([
    ['backlog', { backlog: [issue] }, 'nothing to order'],
    ['backlog', { backlog: null }, 'nothing to order'],
    ['fix-build', { build: null }, 'has no pipeline'],
    ['fix-build', { build: { sha: HEAD, status: 'success', url: 'u', failedJobs: [] } }, 'passed'],
    [
      'fix-build',
      { build: { sha: HEAD, status: 'running', url: 'u', failedJobs: [] } },
      'is `running`',
    ],
  ])('/autodev %s with %j starts nothing', (words, patch, why) => {
    const refused = asked(words, 'issue', { given: { ...NOTHING_GIVEN, ...patch } });
    expect(refused.writes).toEqual([]);
    expect(saidBy(refused)).toContain(why);
  });

  test('a red build names its jobs', () => {
    const input = startedBy(asked('fix-build', 'issue')).launch?.tasks[0]?.spec.input ?? '';
    expect(input).toContain('Failed jobs of the pipeline:\n<data name="jobs">\nunit\n</data>');
  });

  test('only workflows that need it ask for it, and only for the stages ahead', () => {
    const kinds = (name: string, from = 0): string[] => {
      const workflow = workflows[name];
      return workflow === undefined ? [] : [...givenKinds(workflow, from)];
    };
    expect(kinds('backlog')).toEqual(['backlog']);
    expect(kinds('backlog', 1)).toEqual([]);
    expect(kinds('fix-build')).toEqual(['build']);
    expect(kinds('release-with-plan')).toEqual(['deployments']);
    expect(kinds('feature')).toEqual([]);
  });
});
