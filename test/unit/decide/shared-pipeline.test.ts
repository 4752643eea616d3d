/** Tasks that started together share one pipeline: they lose it together, each once. */
import { expect, test } from '@jest/globals';
import { decide } from '../../../bot/decide/decide.ts';
import type { Event } from '../../../bot/domain/events.ts';
import type { Run, Task } from '../../../bot/domain/runs.ts';
import { atVerify, goodWork } from '../../support/actors.ts';
import { attempt, looks, project, snapshot, verifying } from './builders.ts';

const PIPELINE = 900;

/** Three agents that wait in one pipeline, each at its given try. */
function waiting(tries: readonly number[]): Run {
  const tasks = looks(0, { state: 'running' }).map((task, index): Task => {
    const fence = tries[index] ?? 1;
    const id = 100 * (index + 1);
    const attempts = Array.from({ length: fence }, (_, earlier) =>
      attempt({
        id: id + earlier,
        taskId: task.id,
        fence: earlier + 1,
        state: earlier + 1 === fence ? 'waiting' : 'lost',
        pipelineId: earlier + 1 === fence ? PIPELINE : 800 + earlier,
      }),
    );
    return { ...task, attempts };
  });
  expect(tasks).toHaveLength(3);
  return verifying({ tasks: [...verifying().tasks, ...tasks] });
}

function pipelineIs(status: string): { event: Event; pipeline: object } {
  const pipeline = {
    id: PIPELINE,
    status,
    ref: 'main',
    sha: '',
    source: 'api',
    parentPipelineId: null,
    changeIid: null,
    url: '',
  };
  return { event: { kind: 'pipeline', project, actor: null, pipeline }, pipeline };
}

/** How often each thing was decided. */
function counts(event: Event, run: Run, status: string) {
  const { pipeline } = pipelineIs(status);
  const decision = decide(event, snapshot({ run, attemptPipeline: pipeline as never }));
  const ended = decision.writes.flatMap((write) =>
    write.op === 'end_attempt' ? [write.attemptId] : [],
  );
  return {
    ended: ended.toSorted((a, b) => a - b),
    again: decision.writes.filter((write) => write.op === 'new_attempt').length,
    verdicts: decision.writes.flatMap((write) =>
      write.op === 'update_run' && write.patch.verdict ? [write.patch.verdict.kind] : [],
    ),
    pipelines: decision.effects.filter((effect) => effect.kind === 'create_pipeline').length,
  };
}

test('all are lost with it, and start again in one pipeline', () => {
  const { event } = pipelineIs('failed');
  expect(counts(event, waiting([1, 1, 1]), 'failed')).toEqual({
    ended: [100, 200, 300],
    again: 3,
    verdicts: [],
    pipelines: 1,
  });
});

test('when one has no try left, all end and there is one verdict', () => {
  const { event } = pipelineIs('failed');
  expect(counts(event, waiting([1, 2, 1]), 'failed')).toEqual({
    ended: [100, 201, 300],
    again: 0,
    verdicts: ['needs-human'],
    pipelines: 0,
  });
});

test('cancelled by a person, all end and there is one verdict', () => {
  const { event } = pipelineIs('canceled');
  expect(counts(event, waiting([1, 1, 1]), 'canceled')).toEqual({
    ended: [100, 200, 300],
    again: 0,
    verdicts: ['cancelled'],
    pipelines: 0,
  });
});

test('a result that came before is not lost with the others', () => {
  const run = waiting([1, 1, 1]);
  const tasks = run.tasks.map((task): Task => {
    if (task.attempts[0]?.id !== 200) return task;
    return { ...task, state: 'done', attempts: [{ ...task.attempts[0], state: 'finished' }] };
  });
  const { event } = pipelineIs('failed');
  expect(counts(event, { ...run, tasks }, 'failed')).toEqual({
    ended: [100, 300],
    again: 2,
    verdicts: [],
    pipelines: 1,
  });
});

test('the run goes its way after its shared pipeline failed, and heard so twice', () => {
  const sim = atVerify({ agent: (task: Task) => goodWork(task, []) });
  const pipelines = new Set(sim.attempts().map(({ attempt: one }) => one.pipelineId));
  const [pipelineId] = pipelines;
  const event = sim.launchEnds(pipelineId ?? 0, 'failed');
  sim.deliver(event);
  sim.deliver(event);
  sim.settle({ agents: false, wakes: 0 });
  const again = new Set(sim.attempts().map(({ attempt: one }) => one.pipelineId));
  expect([pipelines.size, again.size, sim.attempts().length]).toEqual([1, 1, 3]);
  sim.settle({ wakes: 3 });
  const verify = sim.run.tasks.filter(({ stage }) => stage === 'verify');
  expect(verify.map(({ attempts }) => attempts.map(({ state }) => state))).toEqual(
    Array.from({ length: 3 }, () => ['lost', 'finished']),
  );
  expect(sim.run.stage).not.toBe('verify');
  expect(sim.faults).toEqual([]);
});
