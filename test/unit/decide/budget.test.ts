/** Runs that stop at a cap and go on when a maintainer adds to it; what agents hear of people's comments. */
import { describe, expect, test } from '@jest/globals';
import type { JobResult } from '../../../schema/wire/result.ts';
import { estimateText } from '../../../bot/decide/estimate.ts';
import { parseAmount } from '../../../bot/decide/raise-budget.ts';
import { commentText } from '../../../bot/decide/steer.ts';
import { effectKey } from '../../../bot/domain/effects.ts';
import type { Task } from '../../../bot/domain/runs.ts';
import { DANA, goodWork, levelOf, MAX, RITA, SAM } from '../../support/actors.ts';
import { Simulation } from '../../support/simulation.ts';
import { cpuMs } from '../../support/cpu-time.ts';

/** Agents of a type stop at their budget as often as told, each time with half of the work. */
function stopsAt(type: Task['type'], times: number): (task: Task) => Partial<JobResult> {
  let left = times;
  return (task) => {
    if (task.type !== type || left === 0) return goodWork(task);
    left -= 1;
    return { ...goodWork(task), outcome: 'budget' };
  };
}

function start(command: string, agent: (task: Task) => Partial<JobResult>): Simulation {
  const sim = new Simulation({ agent, level: levelOf });
  sim.deliver(sim.command(command, SAM));
  sim.settle();
  return sim;
}

const verdictOf = (sim: Simulation): string | undefined => sim.run.verdict?.kind;

describe('a run that stopped at its budget', () => {
  test('leaves a draft, goes on with more money, and takes the draft mark off', () => {
    const sim = start('/autodev implement', stopsAt('implement_feature', 1));
    expect(verdictOf(sim)).toBe('budget');
    const iid = sim.run.changes.code?.iid ?? 0;
    expect(sim.change(iid).draft).toBe(true);
    expect(sim.run.verdict?.cause).toContain(`draft !${iid}`);
    const before = sim.run;
    sim.deliver(sim.command('/autodev budget +5', MAX));
    expect(sim.run).toMatchObject({ id: before.id, state: 'running', verdict: null, report: null });
    expect(sim.run.capMicrousd).toBe(before.capMicrousd + 5_000_000);
    sim.settle();
    expect(verdictOf(sim)).toBe('done');
    expect(sim.change(iid).draft).toBe(false);
    // One change, one run: the work went on where it stood.
    expect(sim.world.changes.size).toBe(1);
    expect(sim.world.runs).toHaveLength(1);
    expect(sim.faults).toEqual([]);
  });

  test('stops and goes on as often as people pay', () => {
    const sim = start('/autodev implement', stopsAt('implement_feature', 3));
    for (let paid = 1; paid <= 3; paid += 1) {
      expect(verdictOf(sim)).toBe('budget');
      sim.deliver(sim.command('/autodev budget +1', MAX));
      sim.settle();
    }
    expect(verdictOf(sim)).toBe('done');
    expect(sim.run.capMicrousd).toBe(25_000_000 + 3_000_000);
    expect(sim.faults).toEqual([]);
    const keys = sim.world.effects.map(({ key }) => key);
    expect(new Set(keys).size).toBe(keys.length);
  });

  test.each<Task['type']>(['write_spec', 'review_mr', 'address_review_feedback'])(
    'goes on in the stage it stood in: %s',
    (type) => {
      let stopped = false;
      const sim = start('/autodev plan', (task) => {
        const work = goodWork(task, task.type === 'review_mr' && task.round === 0 ? [FINDING] : []);
        if (task.type !== type || stopped) return work;
        stopped = true;
        return { ...work, outcome: 'budget' };
      });
      approveSpec(sim);
      if (verdictOf(sim) !== 'budget') throw new Error(`it ended with ${verdictOf(sim)}`);
      const at = sim.run.stoppedAt;
      sim.deliver(sim.command('/autodev budget +5', MAX));
      expect(sim.run.stage).toBe(at);
      sim.settle();
      approveSpec(sim);
      const code = sim.run.changes.code?.iid ?? 0;
      sim.deliver(sim.approve(code, DANA));
      sim.settle();
      expect([verdictOf(sim), sim.change(code).state]).toEqual(['done', 'merged']);
      expect(sim.faults).toEqual([]);
    },
  );

  test('does not go on for a developer, nor beside another run', () => {
    const sim = start('/autodev implement', stopsAt('implement_feature', 1));
    sim.deliver(sim.command('/autodev budget +5', DANA));
    expect(sim.run.state).toBe('stopped_budget');
    sim.deliver(sim.command('/autodev retry', SAM));
    const [first, second] = sim.world.runs;
    expect(second?.state).toBe('queued');
    sim.deliver(sim.command('/autodev budget +5', MAX));
    // The run at work has more to spend; the stopped one stays as it is.
    expect(sim.world.runs.map(({ capMicrousd }) => capMicrousd)).toEqual([25_000_000, 30_000_000]);
    expect(sim.world.runs[0]).toEqual(first);
    expect(sim.run.tasks[0]?.capMicrousd).toBe(10_000_000);
  });

  test('is opened once, however often the comment is heard of', () => {
    const sim = start('/autodev implement', stopsAt('implement_feature', 1));
    const event = sim.command('/autodev budget +5', MAX);
    const late = sim.look(event);
    sim.deliver(event);
    sim.deliver(event);
    sim.commit(late);
    expect(sim.run.capMicrousd).toBe(30_000_000);
    sim.settle();
    expect(verdictOf(sim)).toBe('done');
    expect(sim.faults).toEqual([]);
  });
});

const FINDING = {
  path: 'src/cli.js',
  line: 31,
  severity: 'high',
  category: 'bug',
  title: '--top is ignored',
  body: 'With --json --top 1 everything is printed.',
  confidence: 0.9,
} as const;

function approveSpec(sim: Simulation): void {
  const iid = sim.run.changes.spec?.iid;
  if (iid == null || sim.change(iid).state !== 'opened') return;
  sim.deliver(sim.approve(iid, DANA));
  sim.settle();
}

describe('comments while an agent works', () => {
  const working = (): Simulation => {
    const sim = new Simulation({ level: levelOf });
    sim.deliver(sim.command('/autodev implement', SAM));
    return sim;
  };
  const heard = (sim: Simulation): string[] => sim.world.messages.map(({ body }) => body);

  test('reach it from those who may command it, once', () => {
    const sim = working();
    const event = sim.command('Use tabs.', DANA);
    const late = sim.look(event);
    sim.deliver(event);
    sim.deliver(event);
    sim.commit(late);
    sim.deliver(sim.command('Use spaces.', RITA));
    sim.deliver(sim.command('Or else.', { id: 77, username: 'stranger' }));
    expect(heard(sim)).toEqual([expect.stringContaining('@dana') as unknown]);
    const eyes = sim.world.effects.filter(
      ({ effect }) => effect.kind === 'react' && effect.emoji === 'eyes',
    );
    expect(eyes).toHaveLength(2);
  });

  test('are twenty at most, and none once nobody works', () => {
    const sim = working();
    for (let count = 0; count < 25; count += 1) sim.deliver(sim.command(`Hint ${count}.`, DANA));
    expect(heard(sim)).toHaveLength(20);
    sim.settle();
    expect(verdictOf(sim)).toBe('done');
    sim.deliver(sim.command('Thank you.', DANA));
    expect(heard(sim)).toHaveLength(20);
  });
});

test.each([
  ['+5', 5_000_000],
  ['5', 5_000_000],
  ['$5', 5_000_000],
  ['+$5', 5_000_000],
  [' 2.50 ', 2_500_000],
  ['2.5', 2_500_000],
  ['0.01', 10_000],
  ['', null],
  ['0', null],
  ['+0.00', null],
  ['-5', null],
  ['5 dollars', null],
  ['5,00', null],
  ['1e3', null],
  ['0x10', null],
  ['٥', null],
  ['2.505', null],
  ['+5 +5', null],
  ['9999999', null],
])('an amount of %j is %p', (args, expected) => {
  expect(parseAmount(args)).toBe(expected);
});

test.each([
  ['Use tabs.', 'Use tabs.'],
  ['one\r\ntwo\n\tthree', 'one\ntwo\n\tthree'],
  ['a<!-- b -->c<!--d-->e', 'ace'],
  ['a<!-- never closed\n/autodev cancel', 'a'],
  ['<!--><!-- a -->b', 'b'],
  ['a<!-- b <!-- c --> d', 'a d'],
  ['a<\u200b!-- split by nothing --\u200b>b', 'ab'],
  ['a\u200b<!-- <!-- -->b<!- not one ->', 'ab<!- not one ->'],
  ['a\u200bb\u202ec\u2066d\ufefff\u00adg', 'abcdfg'],
  ['tag\u{e0041}\u{e0042}', 'tag'],
  ['nul\u0000 bell\u0007', 'nul bell'],
  ['<!-- all of it -->', ''],
])('of %j a reader sees %j', (body, expected) => {
  const [text, note] = commentText(body).split(/\n(?=\(\d+ hidden)/);
  expect(text).toBe(expected);
  // Agents are told that something was left out, unless there is nothing else.
  const hidden = expected !== '' && expected !== body.replaceAll('\r', '');
  expect(note !== undefined).toBe(hidden);
});

test('a long comment is cut, also inside a pair of surrogates, and in no time', () => {
  const cut = commentText(`${'x'.repeat(1_999)}😀 and more`);
  expect(cut).toMatch(/^x{1999}\ufffd\n\(cut: the rest is in the comment\)$/);
  const took = cpuMs(() => {
    commentText('<!--'.repeat(200_000));
    commentText('<!-- -->'.repeat(200_000));
  });
  expect(took).toBeLessThan(500);
});

test.each([
  [600_000, 1_100_000, 'estimate $0.60–1.10'],
  [600_000, 601_000, 'estimate $0.60'],
  [0, 3_000, 'estimate $0.01'],
  [4_000, 20_000_000, 'estimate $0.01–20.00'],
])('past costs from %i to %i are told as %j', (lowMicrousd, highMicrousd, text) => {
  expect(estimateText({ lowMicrousd, highMicrousd, runs: 3, of: 'repository' })).toBe(text);
});

test('taking the draft mark off and telling the votes are two wishes', () => {
  const none = { runId: null, launchId: null };
  const votes = { kind: 'update_change', run: 1, round: 1 } as const;
  expect(effectKey({ ...votes, ready: true }, 1, none)).not.toBe(effectKey(votes, 1, none));
});
