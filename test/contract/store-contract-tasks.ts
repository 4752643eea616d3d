/** The part of the store contract about the tree of tasks, its audit trail, and runs made for an epic. */
import { expect, test } from '@jest/globals';
import { taskTree } from '../../bot/cli/explain/task-tree.ts';
import { activeChildren, newestRunsOf } from '../../bot/store/run-queries.ts';
import { insertRun, updateRun, type RunRow } from '../../bot/store/runs.ts';
import { runView } from '../../bot/store/run-view.ts';
import type { Store } from '../../bot/store/store.ts';
import {
  addTaskComment,
  lastTaskComment,
  taskCommentsOfRun,
  uncommentedTasks,
} from '../../bot/store/task-comments.ts';
import { insertTask, tasksOfRun } from '../../bot/store/tasks.ts';
import { newRepo, newWork, runFor, type Work } from '../support/store-rows.ts';

const add = (db: Store, comment: Parameters<typeof addTaskComment>[1]): Promise<number> =>
  db.tx((tx) => addTaskComment(tx, comment));

/** A further task of the run. */
const nextTask = (db: Store, work: Work, fields: Partial<Parameters<typeof insertTask>[1]>) =>
  insertTask(db, {
    runId: work.run.id,
    stage: 'verify',
    round: 0,
    type: 'review_mr',
    agent: 'reviewer',
    capMicrousd: 1_000_000,
    ...fields,
  });

export function taskTrees(db: () => Store): void {
  test('a task keeps its place: parent, order, priority and what counts as done', async () => {
    const work = await newWork(db());
    const place = {
      priority: 8,
      parentId: work.task.id,
      dependsOn: [work.task.id],
      acceptance: ['The file exists.', 'Tests pass.'],
    };
    const { id } = await nextTask(db(), work, place);
    const [first, second] = await tasksOfRun(db(), work.run.id);
    const plain = { priority: 5, parentId: null, dependsOn: [], acceptance: [] };
    expect(first).toMatchObject({ id: work.task.id, ...plain });
    expect(second).toMatchObject({ id, ...place });
  });

  test('entries form threads and are never without a transaction', async () => {
    const work = await newWork(db());
    const { id: taskId } = work.task;
    expect(await uncommentedTasks(db(), work.run.id)).toEqual([{ id: taskId, parentAgent: null }]);
    const asked = await add(db(), { taskId, author: '@sam', kind: 'asked', body: 'Do it.' });
    const told = { taskId, parentId: asked, author: 'builder', kind: 'result' } as const;
    const result = await add(db(), { ...told, body: 'finished: done' });
    expect(await uncommentedTasks(db(), work.run.id)).toEqual([]);
    expect(await lastTaskComment(db(), taskId, 'result')).toBe(result);
    expect(await lastTaskComment(db(), taskId, 'lost')).toBeNull();
    const all = await taskCommentsOfRun(db(), work.run.id);
    expect(all).toMatchObject([
      { id: asked, parentId: null, author: '@sam', kind: 'asked', body: 'Do it.' },
      { id: result, parentId: asked, author: 'builder', kind: 'result' },
    ]);
    const outside = addTaskComment(db(), { taskId, author: 'x', kind: 'asked', body: 'x' });
    await expect(outside).rejects.toMatchObject({ code: 'transaction_required' });
    const wrong = add(db(), { taskId, author: 'x', kind: 'other' as 'asked', body: 'x' });
    await expect(wrong).rejects.toThrow(/check/i);
  });

  test('explain shows the tree with its threads', async () => {
    const work = await newWork(db());
    const built = work.task.id;
    const { id: seen } = await nextTask(db(), work, {
      parentId: built,
      dependsOn: [built],
      acceptance: ['It prints JSON.'],
    });
    const asked = await add(db(), {
      taskId: seen,
      author: 'builder',
      kind: 'asked',
      body: 'Look.',
    });
    const about = { taskId: seen, author: 'reviewer' };
    const result = await add(db(), { ...about, parentId: asked, kind: 'result', body: 'finished' });
    const finding = 'high: --top is ignored (src/cli.js:31)';
    await add(db(), { ...about, parentId: result, kind: 'finding', body: finding });
    const view = await runView(db(), work.run.id);
    if (!view) throw new Error('the run is there');
    expect(taskTree(view)).toEqual([
      `  task ${built}: implement_feature by builder, queued, $0.00 of $1.00, priority 5`,
      `    task ${seen}: review_mr by reviewer, queued, $0.00 of $1.00, priority 5, after task ${built}`,
      '      done when: It prints JSON.',
      '      asked (builder): Look.',
      '        result (reviewer): finished',
      '          finding (reviewer): high: --top is ignored (src/cli.js:31)',
    ]);
  });
}

export function families(db: () => Store): void {
  test('the newest run of each issue counts, and active children are found by their epic', async () => {
    const repo = await newRepo(db());
    const start = async (fields: Parameters<typeof runFor>[1]): Promise<RunRow> => {
      const run = await insertRun(db(), runFor(repo, fields));
      if (!run) throw new Error('the issue has an active run already');
      return run;
    };
    const epic = await start({ targetIid: 1 });
    const parentRunId = epic.id;
    const first = await start({ targetIid: 2, parentRunId });
    const verdict = { kind: 'needs-human', cause: 'It asks.', next: '' } as const;
    await updateRun(db(), first.id, first.version, { state: 'failed', verdict });
    const again = await start({ targetIid: 2, parentRunId });
    const other = await start({ targetIid: 3, parentRunId });
    await start({ targetIid: 4 });
    const task = { stage: 'implement', round: 0, type: 'implement_feature' } as const;
    const { id } = await insertTask(db(), {
      ...task,
      runId: other.id,
      agent: 'builder',
      capMicrousd: 5_000_000,
    });
    await db().query('update tasks set spent_microusd = 412000 where id = $1', [id]);
    expect(await activeChildren(db(), parentRunId)).toEqual([again.id, other.id]);
    const ended = { id: other.id, targetIid: 3, verdict: null, spentMicrousd: 412_000 };
    expect(await newestRunsOf(db(), repo.id, [2, 3, 99])).toMatchObject([
      { id: again.id, targetIid: 2, state: 'running', finishedAt: null, spentMicrousd: 0 },
      ended,
    ]);
  });

  test('whoever asks for an epic to go on stands behind it from then on', async () => {
    const repo = await newRepo(db());
    const run = await insertRun(db(), runFor(repo));
    if (!run) throw new Error('a new project has no active run');
    await updateRun(db(), run.id, run.version, { requesterId: 42, requesterName: 'dana' });
    const view = await runView(db(), run.id);
    expect(view?.run).toMatchObject({ requesterId: 42, requesterName: 'dana' });
  });
}
