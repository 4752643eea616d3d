/** Rounds of fixes: what the agent is asked for in each, which task it answers, and when people are asked. */
import { describe, expect, test } from '@jest/globals';
import { decide } from '../../../bot/decide/decide.ts';
import { stageRow } from '../../../bot/decide/status-rows.ts';
import type { TaskType } from '../../../schema/wire/agent.ts';
import type { Finding } from '../../../schema/wire/finding.ts';
import type { StageDefinition } from '../../../schema/wire/workflow.ts';
import { stageOf, type Run, type Task } from '../../../bot/domain/runs.ts';
import type { NewTask, Snapshot } from '../../../bot/domain/snapshot.ts';
import {
  changeFacts,
  codeChange,
  doneTask,
  finding,
  HEAD,
  looks,
  note,
  run,
  snapshot,
} from './builders.ts';

const BUILT = doneTask({}, { report: { kind: 'build', selfScore: 82 } });
const LOW = finding({ severity: 'low', title: 'A name' });

/** A finished task of the fix stage; `parentId` null answers a person. */
function fix(
  round: number,
  parentId: number | null,
  type: TaskType = 'address_review_feedback',
): Task {
  const changes = [
    { path: 'test/cli.test.js', action: 'update' as const, mode: '100644' as const },
  ];
  return doneTask(
    { id: 200 + round, stage: 'address', round, type, parentId },
    { report: { kind: 'build', selfScore: 85 }, changes },
  );
}

function verifying(tasks: Task[], round: number, workflow = 'feature'): Run {
  const changes = { spec: null, code: codeChange };
  return run({ command: 'plan', stage: 'verify', round, tasks, changes }, workflow);
}

/** What follows when all agents have looked and the change's own pipeline has ended. */
function follows(from: Run, status: 'success' | 'failed', patch: Partial<Snapshot> = {}) {
  const change = changeFacts({
    pipeline: {
      id: 950,
      status,
      ref: 'autodev/12',
      sha: HEAD,
      source: 'merge_request_event',
      parentPipelineId: null,
      changeIid: 4,
      url: 'https://gitlab.example.com/p/950',
    },
    failedJobs: status === 'failed' ? ['unit tests'] : [],
  });
  const known = snapshot({ run: from, change, ...patch });
  return outcome(decide({ kind: 'wake', runId: from.id }, known));
}

function outcome({ writes }: ReturnType<typeof decide>) {
  const launch = writes.find((write) => write.op === 'launch');
  const end = writes.find((write) => write.op === 'update_run' && write.patch.stage === 'end');
  return {
    task: launch?.op === 'launch' ? (launch.launch.tasks[0] as NewTask) : null,
    stage: launch?.op === 'launch' ? launch.stage : null,
    verdict: end?.op === 'update_run' ? (end.patch.verdict ?? null) : null,
  };
}

const noBuildFixer = (): Partial<Snapshot> => {
  const { agents } = snapshot();
  const { builder } = agents;
  if (!builder) throw new Error('there is no builder');
  const settings = { ...builder.settings, tasks: ['address_review_feedback' as const] };
  return { agents: { ...agents, builder: { ...builder, settings } } };
};

describe('what the agent is asked for', () => {
  test.each<
    [string, 'success' | 'failed', { review?: Finding[]; score?: number }, TaskType, number]
  >([
    ['only a red pipeline', 'failed', {}, 'fix_build', 21],
    ['a red pipeline and a small finding', 'failed', { review: [LOW] }, 'fix_build', 21],
    [
      'a red pipeline and a serious finding',
      'failed',
      { review: [finding()] },
      'address_review_feedback',
      100,
    ],
    ['a red pipeline and bad votes', 'failed', { score: 20 }, 'address_review_feedback', 21],
    ['a serious finding', 'success', { review: [finding()] }, 'address_review_feedback', 100],
  ])('%s', (_what, status, look, type, parentId) => {
    const { task, stage } = follows(verifying([BUILT, ...looks(0, look)], 0), status);
    expect([stage, task?.type, task?.spec.report]).toEqual(['address', type, 'build']);
    expect(task).toMatchObject({ agent: 'builder', parentId });
    expect(task?.spec.input.includes('unit tests')).toBe(status === 'failed');
    expect(task?.spec.input.startsWith('Make the pipeline green.')).toBe(type === 'fix_build');
  });

  test('an agent that does not take fix_build answers the pipeline as it answers findings', () => {
    const red = verifying([BUILT, ...looks(0)], 0);
    expect(follows(red, 'failed', noBuildFixer()).task?.type).toBe('address_review_feedback');
    const docs = doneTask({ stage: 'docs', type: 'write_docs', agent: 'docs' });
    const [look] = looks(0);
    const written = follows(verifying([docs, look as Task], 0, 'docs'), 'failed');
    expect(written.task).toMatchObject({ type: 'address_review_feedback', agent: 'docs' });
  });

  test('whoever looks is told every file of the change, not only those of the last round', () => {
    const from = verifying([BUILT, ...looks(0, { review: [finding()] }), fix(0, 100)], 0);
    const effect = {
      kind: 'commit_changes' as const,
      run: 11,
      attempt: 210,
      change: 'code' as const,
    };
    const receipt = { kind: 'commit_changes' as const, outcome: 'committed' as const };
    const decision = decide(
      { kind: 'effect_settled', runId: 11, effectId: 5 },
      snapshot({
        run: { ...from, stage: 'address' },
        effect: {
          effect,
          state: 'done',
          receipt: { ...receipt, branch: codeChange.branch, sha: HEAD },
          error: null,
        },
      }),
    );
    const { task, stage } = outcome(decision);
    expect([stage, task?.type, task?.parentId]).toEqual(['verify', 'review_mr', 200]);
    expect(task?.spec.input).toContain(
      '<data name="files">\nsrc/cli.js\ntest/cli.test.js\n</data>',
    );
  });
});

describe('how often', () => {
  const rounds = (answers: (number | null)[]): Task[] =>
    answers.flatMap((parentId, round) => [
      ...looks(round, { review: [finding({ title: `Problem ${round}` })] }),
      fix(round, parentId),
    ]);
  const after = (answers: (number | null)[]): Run => {
    const next = answers.length;
    const last = looks(next, { review: [finding({ title: `Problem ${next}` })] });
    return verifying([BUILT, ...rounds(answers), ...last], next);
  };

  test.each<[string, (number | null)[], string | null]>([
    ['nothing before', [], null],
    ['one round', [100], 'This was tried once without success.'],
    ['two rounds', [100, 110], 'This was tried 2 times without success.'],
    ['a person after three rounds', [100, 110, 120, null], null],
    ['a person, then one round', [100, 110, null, 130], 'This was tried once without success.'],
    ['two people, one after the other', [100, null, null], null],
  ])('%s: it goes back, and is told what was tried', (_what, answers, told) => {
    const { task, verdict } = follows(after(answers), 'success');
    expect([task?.type, verdict]).toEqual(['address_review_feedback', null]);
    const input = task?.spec.input ?? '';
    expect(input.includes('without success')).toBe(told !== null);
    expect(input).toContain(told ?? '');
  });

  test.each<[string, (number | null)[]]>([
    ['three rounds', [100, 110, 120]],
    ['a person, then three rounds', [100, null, 120, 130, 140]],
  ])('%s: a person is asked, once', (_what, answers) => {
    const { task, verdict } = follows(after(answers), 'success');
    expect(task).toBeNull();
    expect(verdict).toMatchObject({ kind: 'needs-human' });
    expect(verdict?.cause).toContain('1 serious finding remain after 3 rounds of fixes');
  });

  test('the answer to a person belongs to no task, and starts the count of the status comment anew', () => {
    const tasks = [BUILT, ...rounds([100]), ...looks(1)];
    const gate = run(
      {
        command: 'plan',
        stage: 'merge',
        round: 3,
        tasks,
        changes: { spec: null, code: codeChange },
      },
      'feature',
    );
    const known = snapshot({ run: gate, change: changeFacts() });
    const { task, stage } = outcome(decide(note('/autodev reject the name is wrong'), known));
    expect([stage, task?.type, task?.parentId]).toEqual([
      'address',
      'address_review_feedback',
      null,
    ]);
    const shown = (parentId: number | null): string => {
      const back = { ...gate, stage: 'address', tasks: [...tasks, fix(3, parentId)] };
      return stageRow(back, stageOf(back, 'verify') as StageDefinition).state;
    };
    expect([shown(null), shown(130)]).toEqual(['fixing (round 1 of 4)', 'fixing (round 3 of 4)']);
  });
});
