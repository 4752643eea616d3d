/** Epics: plans that can be followed, children in order and not too many at once, and always an end. */
import { describe, expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import { planProblem } from '../../../bot/decide/epic.ts';
import type { Event } from '../../../bot/domain/events.ts';
import { isActive } from '../../../bot/domain/outcomes.ts';
import { stageOf, type Run, type Task } from '../../../bot/domain/runs.ts';
import type { EpicReport } from '../../../schema/wire/report.ts';
import type { JobResult } from '../../../schema/wire/result.ts';
import { DANA, goodWork, levelOf, MAX, SAM } from '../../support/actors.ts';
import { Simulation } from '../../support/simulation.ts';
import type { SimRun } from '../../support/simulated-store.ts';
import { issue } from './builders.ts';

type Before = readonly (readonly number[])[];

function plan(before: Before, priority: (place: number) => number = () => 5): EpicReport {
  return {
    kind: 'epic',
    text: 'Cut along the commands.',
    children: before.map((dependsOn, place) => ({
      title: `Part ${place + 1}`,
      text: `Do part ${place + 1}.`,
      acceptance: [`Part ${place + 1} works.`],
      priority: priority(place),
      dependsOn: [...dependsOn],
    })),
  };
}

describe('plans that cannot be followed', () => {
  test.each<[string, Before, string | null]>([
    ['a chain', [[], [0], [1]], null],
    ['a diamond', [[], [0], [0], [1, 2]], null],
    ['the last first', [[1], []], null],
    ['itself', [[], [1]], 'Child 2 waits for itself'],
    ['a circle', [[2], [0], [1], []], 'Children 1, 2 and 3 wait for each other'],
    ['a circle behind a start', [[], [0, 2], [1]], 'Children 2 and 3 wait for each other'],
    ['out of range', [[], [7]], 'Child 2 waits for a child that is not in the plan'],
  ])('%s', (_name, before, problem) => {
    expect(planProblem(plan(before))).toBe(problem);
  });

  test('two of the same title would be the same issue', () => {
    const twice = plan([[], [], []]);
    const [one, , three] = twice.children;
    if (one && three) three.title = `  ${one.title.toUpperCase()} `;
    expect(planProblem(twice)).toBe('Children 1 and 3 have the same title');
  });
});

/** What becomes of a child when it is worked on. */
type Fate = 'done' | 'asks' | 'crashes' | 'cancelled' | 'closed';

interface World {
  before: Before;
  fates: readonly Fate[];
  priorities: readonly number[];
}

/** Every child depends on some of the earlier ones; then their order is shuffled. */
const worlds: fc.Arbitrary<World> = fc.integer({ min: 1, max: 6 }).chain((count) =>
  fc.record({
    before: fc
      .tuple(
        ...Array.from({ length: count }, (_none, place) =>
          fc.subarray(Array.from({ length: place }, (_no, other) => other)),
        ),
      )
      .chain((before) =>
        fc
          .shuffledSubarray([...before.keys()], { minLength: count, maxLength: count })
          .map((order) => shuffled(before, order)),
      ),
    fates: fc.array(
      fc.constantFrom<Fate>('done', 'done', 'done', 'asks', 'crashes', 'cancelled', 'closed'),
      { minLength: count, maxLength: count },
    ),
    priorities: fc.array(fc.integer({ min: 1, max: 10 }), { minLength: count, maxLength: count }),
  }),
);

/** `order[new]` is the old place. */
function shuffled(before: Before, order: readonly number[]): Before {
  return order.map((old) => (before[old] ?? []).map((other) => order.indexOf(other)));
}

class Play {
  readonly sim: Simulation;
  readonly world: World;
  readonly started: number[] = [];

  constructor(world: World, level = levelOf) {
    this.world = world;
    const { before, priorities } = world;
    const report = plan(before, (place) => priorities[place] ?? 5);
    this.sim = new Simulation({
      agent: (task, run) => this.work(task, run, report),
      level,
    });
  }

  private work(task: Task, run: Run, report: EpicReport): Partial<JobResult> {
    if (task.type === 'break_down_epic') return { changes: [], report };
    const fate = this.fateOf(run);
    if (fate === 'crashes') return { outcome: 'model_error', cause: 'nothing usable' };
    if (fate === 'asks' && task.type === 'triage_issue') {
      const triage = goodWork(task).report;
      if (triage?.kind === 'triage') return { report: { ...triage, missing: ['Which one?'] } };
    }
    return goodWork(task);
  }

  get epic(): SimRun {
    const run = this.sim.world.runs.find((one) => one.target.iid === issue.iid);
    if (!run) throw new Error('no epic');
    return run;
  }

  /** Issue numbers by place. */
  issues(): Map<number, number> {
    return new Map(
      this.sim.world.effects.flatMap(({ effect, receipt }) =>
        effect.kind === 'create_issue' && receipt?.kind === 'create_issue'
          ? [[effect.child, receipt.iid]]
          : [],
      ),
    );
  }

  placeOf(run: Run): number {
    for (const [place, iid] of this.issues()) if (iid === run.target.iid) return place;
    return -1;
  }

  fateOf(run: Run): Fate {
    return this.world.fates[this.placeOf(run)] ?? 'done';
  }

  children(): SimRun[] {
    return this.sim.world.runs.filter(({ parentRunId }) => parentRunId === this.epic.id);
  }

  /** People at the gates, and those who stop or close what they do not want. */
  people(): void {
    for (const run of this.children().filter(({ state }) => isActive(state))) {
      const fate = this.fateOf(run);
      if (fate === 'cancelled') this.sim.deliver(this.tell(run.target.iid, '/autodev cancel'));
      if (fate === 'closed') {
        this.sim.world.closedIssues.add(run.target.iid);
        this.sim.deliver(this.closes(run.target.iid));
      }
    }
    for (const run of this.sim.world.runs) {
      const stage = stageOf(run);
      if (!isActive(run.state) || stage?.kind !== 'gate') continue;
      const iid = run.changes[stage.gate === 'spec' ? 'spec' : 'code']?.iid;
      if (iid != null) this.sim.deliver(this.sim.approve(iid, DANA));
    }
  }

  tell(iid: number, body: string): Event {
    const event = this.sim.command(body, MAX);
    if (event.kind !== 'note') throw new Error('a note is a note');
    return { ...event, on: { type: 'issue', issue: { ...issue, iid } } };
  }

  private closes(iid: number): Event {
    const event = this.sim.closeIssue(MAX);
    this.sim.world.issueClosed = false;
    if (event.kind !== 'issue') throw new Error('an issue is an issue');
    return { ...event, issue: { ...event.issue, iid } };
  }

  /** What must hold at any moment. */
  check(): void {
    const active = this.children().filter(({ state }) => isActive(state));
    expect(active.length).toBeLessThanOrEqual(2);
    for (const run of this.children()) {
      if (this.started.includes(run.id)) continue;
      this.started.push(run.id);
      const before = this.world.before[this.placeOf(run)] ?? [];
      const finished = before.map((other) => {
        const iid = this.issues().get(other) ?? 0;
        const own = this.children().filter(({ target }) => target.iid === iid);
        const done = own.some(({ verdict }) => verdict?.kind === 'done');
        return done || this.sim.world.closedIssues.has(iid);
      });
      expect(finished).toEqual(before.map(() => true));
    }
  }

  run(): void {
    this.sim.deliver(this.sim.command('/autodev plan epic', SAM));
    this.finish();
  }

  /** On until the epic has ended. */
  finish(): void {
    for (let round = 0; isActive(this.epic.state); round += 1) {
      if (round > 60) throw new Error(`the epic hangs: ${this.describe()}`);
      this.sim.settle({ wakes: 0 });
      this.check();
      this.people();
      this.sim.settle();
      this.check();
    }
  }

  describe(): string {
    const runs = this.sim.world.runs.map(({ target, stage, state }) => [target.iid, stage, state]);
    return JSON.stringify({ runs, note: this.epic.gateNote });
  }

  /** Places whose children have to end well, when their fates and those before them allow it. */
  expected(): { good: number[]; failed: number[]; blocked: number[] } {
    const kind = (place: number): 'good' | 'failed' | 'blocked' => {
      if ((this.world.before[place] ?? []).some((other) => kind(other) !== 'good'))
        return 'blocked';
      const fate = this.world.fates[place];
      return fate === 'done' || fate === 'closed' ? 'good' : 'failed';
    };
    const places = this.world.before.map((_before, place) => place);
    const of = (wanted: string): number[] => places.filter((place) => kind(place) === wanted);
    return { good: of('good'), failed: of('failed'), blocked: of('blocked') };
  }
}

test('an epic comes to an end, whatever depends on what and however its children end', () => {
  fc.assert(
    fc.property(worlds, (world) => {
      const play = new Play(world);
      play.run();
      const { epic, sim } = play;
      expect(sim.faults).toEqual([]);
      const { good, failed, blocked } = play.expected();
      expect(epic.verdict?.kind).toBe(failed.length === 0 ? 'done' : 'needs-human');
      const numbers = (places: number[]): string[] =>
        places.map((place) => `#${play.issues().get(place)}`);
      for (const named of numbers([...failed, ...blocked]))
        expect(epic.verdict?.cause).toContain(named);
      // Each issue is made once, and each child that may start is started once.
      expect(play.issues().size).toBe(world.before.length);
      const places = play.children().map((run) => play.placeOf(run));
      expect(places.toSorted()).toEqual([...good, ...failed].toSorted());
    }),
    { numRuns: 200, seed: 20_261_121 },
  );
});

/** A play that stands where both of two independent children are at work. */
function atWork(level?: typeof levelOf): Play {
  const play = new Play({ before: [[], []], fates: ['done', 'done'], priorities: [5, 5] }, level);
  play.sim.deliver(play.sim.command('/autodev plan epic', SAM));
  while (play.children().length < 2) {
    play.sim.settle({ wakes: 0, agents: play.issues().size < 2 });
    if (play.issues().size < 2) play.people();
  }
  return play;
}

const ends = (play: Play): (string | undefined)[] =>
  play.children().map(({ verdict }) => verdict?.kind);

describe('an epic that is stopped', () => {
  test('cancelling it cancels the children that are at work and starts no others', () => {
    const play = atWork();
    const { sim } = play;
    expect(ends(play)).toEqual([undefined, undefined]);
    sim.deliver(sim.command('/autodev cancel', MAX));
    sim.settle();
    expect(play.epic.verdict).toMatchObject({ kind: 'cancelled' });
    expect(play.epic.verdict?.cause).toContain('Children that were at work are cancelled, too.');
    expect(ends(play)).toEqual(['cancelled', 'cancelled']);
    expect(sim.faults).toEqual([]);
  });

  test('closing its issue does the same', () => {
    const play = atWork();
    play.sim.deliver(play.sim.closeIssue(MAX));
    play.sim.settle();
    expect([play.epic.verdict?.kind, ...ends(play)]).toEqual([
      'cancelled',
      'cancelled',
      'cancelled',
    ]);
  });

  test('whoever lost the right to ask starts no further child', () => {
    let level = 40;
    const play = new Play(
      { before: [[], [0]], fates: ['done', 'done'], priorities: [5, 5] },
      (id) => (id === SAM.id ? level : levelOf(id)),
    );
    play.sim.deliver(play.sim.command('/autodev plan epic', SAM));
    while (play.issues().size < 2) {
      play.sim.settle({ wakes: 0 });
      if (play.issues().size < 2) play.people();
    }
    level = 20;
    for (let round = 0; round < 12; round += 1) {
      play.people();
      play.sim.settle();
    }
    expect(play.epic.verdict).toMatchObject({ kind: 'refused' });
    expect(play.epic.verdict?.cause).toContain('@sam');
    expect(play.children().length).toBeLessThanOrEqual(1);
    expect(play.sim.faults).toEqual([]);
  });
});

describe('an epic that goes on', () => {
  test('retry starts again what failed, keeps what is done, and stands for whoever asks', () => {
    const fates: Fate[] = ['done', 'asks', 'done'];
    const play = new Play({ before: [[], [], [1]], fates, priorities: [5, 5, 5] });
    play.run();
    expect(play.epic.verdict?.kind).toBe('needs-human');
    expect(ends(play).toSorted()).toEqual(['done', 'needs-human']);
    fates[1] = 'done';
    play.sim.pass(60);
    play.sim.deliver(play.sim.command('/autodev retry', MAX));
    expect(play.epic).toMatchObject({ state: 'running', stage: 'children', verdict: null });
    expect(play.epic.requester).toEqual(MAX);
    play.finish();
    expect(play.epic.verdict?.kind).toBe('done');
    expect(ends(play).toSorted()).toEqual(['done', 'done', 'done', 'needs-human']);
    expect(play.sim.faults).toEqual([]);
  });

  test('a child that people start again counts, and lets those behind it start', () => {
    const fates: Fate[] = ['asks', 'done', 'done'];
    const play = new Play({ before: [[], [0], []], fates, priorities: [9, 5, 5] });
    const { sim } = play;
    sim.deliver(sim.command('/autodev plan epic', SAM));
    while (!ends(play).includes('needs-human')) {
      sim.settle({ wakes: 0 });
      if (!ends(play).includes('needs-human')) play.people();
    }
    expect(isActive(play.epic.state)).toBe(true);
    fates[0] = 'done';
    const iid = play.issues().get(0) ?? 0;
    sim.deliver(play.tell(iid, '/autodev retry'));
    expect(play.children().filter(({ target }) => target.iid === iid).length).toBe(2);
    play.finish();
    expect(play.epic.verdict?.kind).toBe('done');
    expect(ends(play).toSorted()).toEqual(['done', 'done', 'done', 'needs-human']);
  });
});

test('a plan that cannot be followed is refused before anybody is asked', () => {
  const play = new Play({ before: [[1], [0]], fates: ['done', 'done'], priorities: [5, 5] });
  play.run();
  const cause = 'The plan cannot be followed. Children 1 and 2 wait for each other.';
  expect(play.epic.verdict).toMatchObject({ kind: 'needs-human', cause });
  expect(play.epic.changes.spec).toBeNull();
});
