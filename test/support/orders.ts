/** Six things that can be under way at once while a run verifies, and what is left of them in the end. */
import type { Finding } from '../../schema/wire/finding.ts';
import type { Event } from '../../bot/domain/events.ts';
import type { Task } from '../../bot/domain/runs.ts';
import { finding } from '../unit/decide/builders.ts';
import { atVerify, DANA, goodWork } from './actors.ts';
import type { Simulation } from './simulation.ts';

/** Every order of the items. */
export function permutations<T>(items: readonly T[]): T[][] {
  if (items.length <= 1) return [[...items]];
  return items.flatMap((first, index) =>
    permutations(items.toSpliced(index, 1)).map((rest) => [first, ...rest]),
  );
}

/** What is left at the end, without what may differ: versions, times and the wording of requests. */
export function endOf(sim: Simulation): unknown {
  const { run, world } = sim;
  return {
    run: { state: run.state, stage: run.stage, round: run.round, verdict: run.verdict?.kind },
    waitsFor: run.waitsFor,
    gateNote: run.gateNote,
    changes: run.changes,
    tasks: run.tasks.map((task) => [
      task.stage,
      task.round,
      task.type,
      task.state,
      task.attempts.map(({ state }) => state),
    ]),
    merges: world.merges,
    // Whether people were kept from merging for a moment depends on who came first; nothing else may.
    gates: [...world.gates].filter(([, state]) => state !== 'pending'),
    asked: [...new Set(world.effects.map(({ effect }) => effect.kind))]
      .filter((kind) => kind !== 'set_gate')
      .toSorted(),
    // One pipeline per launch, one commit per attempt, one merge per change: never twice.
    once: ['create_pipeline', 'commit_changes', 'open_change', 'merge_change', 'open_threads'].map(
      (kind) => world.effects.filter(({ effect }) => effect.kind === kind).length,
    ),
    open: sim.attempts().map(({ task, attempt }) => [task.type, attempt.state]),
    faults: sim.faults,
  };
}

type Step = (sim: Simulation) => Event | null;

/** The six events; a result is stored by the job API before its event is there. */
function stepsOf(base: Simulation): Step[] {
  const iid = base.run.changes.code?.iid ?? 0;
  const attempts = base.attempts().map(({ attempt }) => attempt.id);
  if (attempts.length !== 3) throw new Error('three agents look at a change');
  return [
    ...attempts.map(
      (id): Step =>
        (sim) =>
          sim.bring(id),
    ),
    (sim) => sim.checksEvent(iid, 'success'),
    (sim) => sim.approve(iid, DANA),
    (sim) => ({ kind: 'wake', runId: sim.run.id }),
  ];
}

export interface Way {
  name: string;
  /** Everything has happened on the forge and in the store before the first event arrives. */
  before: boolean;
  /** Every event is delivered a second time, at once or after all others. */
  twice: 'no' | 'at once' | 'afterwards';
  /** Effects are carried out between the events, or only when all have arrived. */
  between: boolean;
}

/** How often, and with what in between, events are delivered. */
export const WAYS: readonly Way[] = [
  { name: 'each once', before: false, twice: 'no', between: false },
  { name: 'each once, effects in between', before: false, twice: 'no', between: true },
  { name: 'each twice', before: false, twice: 'at once', between: false },
  { name: 'each twice, effects in between', before: true, twice: 'at once', between: true },
  { name: 'all again afterwards', before: true, twice: 'afterwards', between: false },
];

/** The world after six events in that order. */
export function playOrder(base: Simulation, order: readonly number[], way: Way): Simulation {
  const sim = base.fork();
  const steps = stepsOf(base);
  const made = way.before ? steps.map((step) => step(sim)) : [];
  const delivered: Event[] = [];
  for (const index of order) {
    const event = way.before ? made[index] : steps[index]?.(sim);
    if (!event) throw new Error(`event ${index} could not be made`);
    sim.deliver(event);
    if (way.twice === 'at once') sim.deliver(event);
    if (way.between) for (const { id } of sim.pending()) sim.perform(id);
    delivered.push(event);
  }
  if (way.twice === 'afterwards') for (const event of delivered) sim.deliver(event);
  sim.settle({ agents: false, wakes: 3 });
  return sim;
}

const serious: Finding[] = [finding({ severity: 'high' })];
/** What the reviewer finds, and where the run stands in the end. */
export const ENDS = [
  { name: 'all is well', found: [], stage: 'end', verdict: 'done' },
  { name: 'the reviewer finds something', found: serious, stage: 'address', verdict: undefined },
];

/** A world at the verify stage in which the reviewer finds this. */
export const atOrders = (found: Finding[]): Simulation =>
  atVerify({ agent: (task: Task) => goodWork(task, found), checks: () => null });
