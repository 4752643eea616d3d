/** The audit trail of tasks, as decisions write it: who asked, what came of it, and who answered whom. */
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { Event } from '../../bot/domain/events.ts';
import type { Launch, Write } from '../../bot/domain/snapshot.ts';
import type { Store } from '../../bot/store/store.ts';
import { taskCommentsOfRun } from '../../bot/store/task-comments.ts';
import { insertTask } from '../../bot/store/tasks.ts';
import { commentTasks } from '../../bot/worker/comment-tasks.ts';
import type { DecisionContext } from '../../bot/worker/decision-context.ts';
import { loadRun } from '../../bot/worker/load-run.ts';
import type { Report } from '../../schema/wire/report.ts';
import type { JobResult } from '../../schema/wire/result.ts';
import { newStore } from '../support/prepared-data.ts';
import { newWork, nextAttempt, SPEC, type Work } from '../support/store-rows.ts';
import { finding, result, sam } from '../unit/decide/builders.ts';

let store: Store;
let close: () => Promise<void>;
beforeAll(async () => {
  ({ store, close } = await newStore());
});
afterAll(() => close());

/** As the commit of a decision: the event, what was decided, and the run as it was then. */
async function commit(work: Work, event: Event, writes: Write[] = []): Promise<void> {
  const loaded = await loadRun(store, work.run.id);
  const context = { event, snapshot: { run: loaded?.run ?? null } } as DecisionContext;
  const decision = { ignored: null, reasons: [], writes, effects: [] };
  await store.tx((db) => commentTasks(db, decision, context, { runId: null, launchId: null }));
}

/** A further task of the run with its attempt, asked for as a stage does. */
async function launch(
  work: Work,
  task: Pick<Parameters<typeof insertTask>[1], 'type' | 'agent' | 'parentId'>,
  event: Event,
): Promise<{ task: number; attempt: number }> {
  const { id: runId } = work.run;
  const row = await insertTask(store, {
    runId,
    stage: 'x',
    round: 0,
    capMicrousd: 1_000_000,
    ...task,
  });
  const attempt = await nextAttempt(store, { ...work, task: row });
  const input = `Do ${task.type}.\n\nIssue #1`;
  const tasks = [{ ...row, spec: { ...SPEC, input } }];
  const asked: Launch = { ref: 'main', sha: '', workSha: null, tasks };
  await commit(work, event, [{ op: 'launch', runId, stage: 'x', round: 0, launch: asked }]);
  return { task: row.id, attempt: attempt.id };
}

const wake = (work: Work): Event => ({ kind: 'wake', runId: work.run.id });
const brought = (work: Work, attempt: number, patch: Partial<JobResult>): Event => ({
  kind: 'job_result',
  runId: work.run.id,
  attemptId: attempt,
  result: result({ attempt, ...patch }),
});

test('a look is asked for, finds something, and is answered in its thread', async () => {
  const work = await newWork(store);
  const ofBuild = work.task.id;
  const look = await launch(
    work,
    { type: 'review_mr', agent: 'reviewer', parentId: ofBuild },
    wake(work),
  );
  const found = finding({ title: '--top is\nignored' });
  const report: Report = { kind: 'review', score: 60, findings: [found] };
  await commit(work, brought(work, look.attempt, { changes: [], report }));
  const fix = await launch(
    work,
    { type: 'address_review_feedback', agent: 'builder', parentId: look.task },
    wake(work),
  );
  await commit(work, brought(work, fix.attempt, {}));
  const all = await taskCommentsOfRun(store, work.run.id);
  const byId = new Map(all.map((comment) => [comment.id, comment]));
  const told = all.map(({ taskId, author, kind, body, parentId }) => [
    taskId,
    author,
    kind,
    body,
    parentId === null ? null : byId.get(parentId)?.kind,
  ]);
  expect(told).toEqual([
    [look.task, 'builder', 'asked', 'Do review_mr.', null],
    [look.task, 'reviewer', 'result', 'finished: finished', 'asked'],
    [look.task, 'reviewer', 'finding', 'high: --top is ignored (src/cli.js:31)', 'result'],
    [fix.task, 'reviewer', 'asked', 'Do address_review_feedback.', null],
    [fix.task, 'builder', 'result', 'finished: finished', 'asked'],
    [look.task, 'builder', 'answer', 'changed src/cli.js', 'result'],
  ]);
});

test('a person who asks is named, and what was lost is told', async () => {
  const work = await newWork(store);
  const said = { kind: 'note', actor: { ...sam, username: 'dana' } } as Event;
  const spec = await launch(work, { type: 'write_spec', agent: 'architect', parentId: null }, said);
  const lost = { kind: 'attempt_lost', runId: work.run.id, attemptId: spec.attempt } as Event;
  const cause = 'no_heartbeat: its runner fell silent';
  await commit(work, lost, [{ op: 'end_attempt', attemptId: spec.attempt, state: 'lost', cause }]);
  const all = await taskCommentsOfRun(store, work.run.id);
  expect(all).toMatchObject([
    { author: '@dana', kind: 'asked', parentId: null },
    { author: 'architect', kind: 'lost', body: cause, parentId: all[0]?.id },
  ]);
});
