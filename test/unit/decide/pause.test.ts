/**
 * Pausing loses nothing: a run that is paused anywhere and resumed later ends as one that was not, in
 * whatever order events, effects, agents and people come.
 */
import { describe, expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import type { Event } from '../../../bot/domain/events.ts';
import { stageOf } from '../../../bot/domain/runs.ts';
import { atSpecGate, DANA, goodWork, levelOf, MAX, SAM } from '../../support/actors.ts';
import { Simulation } from '../../support/simulation.ts';
import { finding } from './builders.ts';

/** A serious finding in the first review, so that the way leads through the fix loop once. */
const world = (): Simulation =>
  new Simulation({
    level: levelOf,
    agent: (task, run) => {
      const first = run.tasks.filter(({ type }) => type === 'review_mr').length === 1;
      return goodWork(task, first ? [finding({ severity: 'high' })] : []);
    },
  });

interface Interleaving {
  seed: number;
  /** Steps after which it is paused, and for how many steps. Nothing: never. */
  pauses: { after: number; steps: number; defer: boolean }[];
}

/** A small generator, so that the same seed makes the same choices with and without pauses. */
function dice(seed: number): (sides: number) => number {
  let state = seed;
  return (sides) => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    return Math.floor((state / 2 ** 32) * sides);
  };
}

/** One thing that can happen now, chosen by the dice; false when nothing can. */
function step(sim: Simulation, roll: (sides: number) => number, past: Event[]): boolean {
  const doings: (() => void)[] = [
    ...sim.world.inbox.map((event, index) => () => {
      sim.world.inbox.splice(index, 1);
      past.push(event);
      sim.deliver(event);
    }),
    ...sim.pending().map((row) => () => void sim.perform(row.id)),
    ...sim
      .attempts()
      .filter(({ attempt }) => attempt.state === 'waiting')
      .map(
        ({ attempt }) =>
          () =>
            void sim.finish(attempt.id),
      ),
    ...approvals(sim),
  ];
  const doing = doings[roll(Math.max(1, doings.length))];
  if (!doing) return false;
  doing();
  // A hook comes a second time now and then, also long after.
  const again = roll(10) === 0 ? past[roll(Math.max(1, past.length))] : undefined;
  if (again) sim.deliver(again);
  if (roll(8) === 0) sim.wakeAll();
  return true;
}

/** Dana approves what waits at a gate, paused or not. */
function approvals(sim: Simulation): (() => void)[] {
  const stage = stageOf(sim.run);
  if (stage?.kind !== 'gate') return [];
  const iid = sim.run.changes[stage.gate === 'spec' ? 'spec' : 'code']?.iid;
  if (iid == null || sim.change(iid).state !== 'opened') return [];
  if (sim.change(iid).approvals.has(DANA.id)) return [];
  return [() => void sim.world.inbox.push(sim.approve(iid, DANA))];
}

function play({ seed, pauses }: Interleaving): Simulation {
  const sim = world();
  const roll = dice(seed);
  const past: Event[] = [];
  sim.deliver(sim.command('/autodev plan', SAM));
  for (const { after, steps, defer } of pauses) {
    for (let count = 0; count < after; count += 1) step(sim, roll, past);
    if (sim.run.verdict !== null) break;
    const atGate = stageOf(sim.run)?.kind === 'gate';
    sim.deliver(sim.command(defer && atGate ? '/autodev defer in 2 hours' : '/autodev pause', MAX));
    expect(sim.run.state).toBe('paused');
    const before = { stage: sim.run.stage, round: sim.run.round, tasks: sim.run.tasks.length };
    for (let count = 0; count < steps; count += 1) step(sim, roll, past);
    // Nothing new starts, whatever happened.
    expect({
      stage: sim.run.stage,
      round: sim.run.round,
      tasks: sim.run.tasks.length,
    }).toEqual(before);
    if (sim.run.pausedUntil === null) sim.deliver(sim.command('/autodev resume', MAX));
    else {
      sim.pass(3 * 3600);
      sim.wakeAll();
    }
    expect(sim.run.state).not.toBe('paused');
    expect(sim.world.held).toEqual([]);
  }
  for (let count = 0; count < 3000 && step(sim, roll, past); count += 1);
  sim.settle({ wakes: 2 });
  return sim;
}

/** What a run came to, without ids, times and the order of what went on side by side. */
function endOf(sim: Simulation): unknown {
  const {
    run,
    world: { effects, merges },
  } = sim;
  const count = (kind: string): number =>
    effects.filter(({ effect, state }) => effect.kind === kind && state === 'done').length;
  return {
    state: run.state,
    verdict: run.verdict?.kind,
    tasks: run.tasks.map((task) => [task.stage, task.round, task.type, task.state]),
    attempts: run.tasks.flatMap((task) => task.attempts.map((attempt) => attempt.state)),
    merges: merges.length,
    once: ['create_pipeline', 'commit_changes', 'open_change'].map(count),
    held: sim.world.held,
    inbox: sim.world.inbox,
    faults: sim.faults,
  };
}

test('paused anywhere, resumed later: the same end, in any order of everything else', () => {
  const plain = endOf(play({ seed: 1, pauses: [] }));
  expect(plain).toMatchObject({ state: 'completed', verdict: 'done', merges: 2, faults: [] });
  let pauses = 0;
  fc.assert(
    fc.property(
      fc.record({
        seed: fc.nat(),
        pauses: fc.array(fc.record({ after: fc.nat(40), steps: fc.nat(25), defer: fc.boolean() }), {
          maxLength: 4,
        }),
      }),
      (interleaving) => {
        const sim = play(interleaving);
        pauses += interleaving.pauses.length;
        expect(endOf(sim)).toEqual(plain);
      },
    ),
    { numRuns: 400, seed: 20_261_121 },
  );
  expect(pauses).toBeGreaterThan(400);
});

describe('what is kept', () => {
  test('ends with the run that is cancelled while it is paused', () => {
    const sim = atSpecGate();
    sim.deliver(sim.command('/autodev pause', MAX));
    sim.deliver(sim.approve(sim.run.changes.spec?.iid ?? 0, DANA));
    expect(sim.world.held).toHaveLength(1);
    sim.deliver(sim.command('/autodev cancel', MAX));
    expect(sim.world.held).toEqual([]);
    expect(sim.world.inbox).toHaveLength(1);
    sim.settle();
    expect([sim.run.verdict?.kind, sim.world.merges, sim.faults]).toEqual(['cancelled', [], []]);
  });

  test('an approval counts after the resume, and a push before it voids it', () => {
    for (const pushed of [false, true]) {
      const sim = atSpecGate();
      const iid = sim.run.changes.spec?.iid ?? 0;
      sim.deliver(sim.command('/autodev defer 3 days', MAX));
      sim.deliver(sim.approve(iid, DANA));
      if (pushed) sim.deliver(sim.push(iid, MAX));
      sim.settle();
      expect(sim.world.merges).toEqual([]);
      sim.pass(4 * 24 * 3600);
      sim.settle({ agents: false });
      expect([pushed, sim.world.merges.length]).toEqual([pushed, pushed ? 0 : 1]);
    }
  });

  test('a decision to keep that comes after the resume is taken anew', () => {
    const sim = atSpecGate();
    sim.deliver(sim.command('/autodev pause', MAX));
    const late = sim.look(sim.approve(sim.run.changes.spec?.iid ?? 0, DANA));
    sim.deliver(sim.command('/autodev resume', MAX));
    sim.commit(late);
    expect(sim.world.held).toEqual([]);
    sim.settle({ agents: false });
    expect(sim.world.merges).toHaveLength(1);
  });

  test('a merge that was asked for and not begun waits, too', () => {
    const sim = atSpecGate();
    const iid = sim.run.changes.spec?.iid ?? 0;
    sim.deliver(sim.approve(iid, DANA));
    expect(sim.pending().map(({ effect }) => effect.kind)).toContain('merge_change');
    sim.deliver(sim.command('/autodev pause', MAX));
    sim.settle();
    expect(sim.world.merges).toEqual([]);
    sim.deliver(sim.command('/autodev resume', MAX));
    sim.settle({ agents: false });
    expect(sim.world.merges).toHaveLength(1);
  });
});
