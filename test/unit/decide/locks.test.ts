/** Claims on files: several runs over shared files never meet in one of them, and none waits for ever. */
import { describe, expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import { decide } from '../../../bot/decide/decide.ts';
import { claimLines, claimText, plainPath, predictedFiles } from '../../../bot/decide/locks.ts';
import { statusComment } from '../../../bot/decide/status-comment.ts';
import { isActive } from '../../../bot/domain/outcomes.ts';
import { currentTasks, stageOf, type Run, type Task } from '../../../bot/domain/runs.ts';
import type { FileClaim } from '../../../bot/domain/snapshot.ts';
import { DANA, goodWork, levelOf, MAX, SAM } from '../../support/actors.ts';
import { Simulation } from '../../support/simulation.ts';
import { result } from './builders.ts';

const FILES = ['src/a.js', 'src/b.js', 'src/c.js', 'src/d.js'];
const ISSUES = [12, 13, 14, 15, 16];

/** What each issue's specification names, and what its builder really changes. */
interface Plan {
  named: string[];
  changed: string[];
}

function worldOf(plans: readonly Plan[]): Simulation {
  const planOf = (run: Run): Plan =>
    plans[ISSUES.indexOf(run.target.iid)] ?? { named: [], changed: [] };
  return new Simulation({
    level: levelOf,
    agent: (task: Task, run: Run) => {
      const good = goodWork(task);
      if (good.report?.kind === 'spec') {
        return { ...good, report: { ...good.report, files: planOf(run).named } };
      }
      const [change] = result().changes;
      if (task.type !== 'implement_feature' || !change) return good;
      return { ...good, changes: planOf(run).changed.map((path) => ({ ...change, path })) };
    },
  });
}

function doings(sim: Simulation): (() => void)[] {
  return [
    ...sim.world.inbox.map((event, index) => () => {
      sim.world.inbox.splice(index, 1);
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
    ...sim.world.runs.flatMap((run) => {
      const stage = stageOf(run);
      if (stage?.kind !== 'gate') return [];
      const iid = run.changes[stage.gate === 'spec' ? 'spec' : 'code']?.iid;
      if (iid == null || sim.change(iid).approvals.has(DANA.id)) return [];
      return [() => void sim.world.inbox.push(sim.approve(iid, DANA))];
    }),
  ];
}

/** A run whose builder is at work, before it has a change of its own. */
function building(run: Run): boolean {
  return run.stage === 'implement' && run.changes.code === null && currentTasks(run).length > 0;
}

const paths = fc.subarray(FILES);

test('several runs over shared files: one at a time has a file, and all come to their end', () => {
  let waits = 0;
  fc.assert(
    fc.property(
      fc.array(fc.record({ named: paths, changed: fc.subarray(FILES, { minLength: 1 }) }), {
        minLength: 2,
        maxLength: ISSUES.length,
      }),
      fc.array(fc.nat(), { minLength: 40, maxLength: 400, size: 'max' }),
      (plans, rolls) => {
        const sim = worldOf(plans);
        for (const [index] of plans.entries()) {
          const quick = index === 0 && plans.length > 3;
          sim.deliver(
            sim.command(quick ? '/autodev implement' : '/autodev plan', SAM, ISSUES[index]),
          );
        }
        for (const roll of rolls) {
          const all = doings(sim);
          all[roll % Math.max(1, all.length)]?.();
          if (roll % 11 === 0) sim.wakeAll();
          for (const run of sim.world.runs.filter(building)) {
            // All of what it named is its own, so no two at work can share a file.
            for (const path of predictedFiles(run)) {
              expect([run.id, path, sim.world.locks.get(path)?.runId]).toEqual([
                run.id,
                path,
                run.id,
              ]);
            }
          }
          waits += sim.world.runs.filter((run) => run.gateNote?.includes('claimed by')).length;
        }
        for (let turn = 0; turn < 40; turn += 1) {
          sim.settle({ wakes: 1 });
          for (const doing of doings(sim)) doing();
        }
        expect(sim.world.runs.map(({ verdict }) => verdict?.kind)).toEqual(plans.map(() => 'done'));
        expect([sim.faults, sim.world.locks.size]).toEqual([[], 0]);
      },
    ),
    { numRuns: 100, seed: 20_261_121 },
  );
  expect(waits).toBeGreaterThan(200);
});

/** Two runs that both want src/a.js: the first has it, the second waits. */
function inLine(): { sim: Simulation; first: () => Run; second: () => Run } {
  const plans = [
    { named: ['src/a.js'], changed: ['src/a.js'] },
    { named: ['src/a.js', 'src/b.js'], changed: ['src/b.js'] },
  ];
  const sim = worldOf(plans);
  const runOf = (iid: number) => (): Run => {
    const run = sim.world.runs.find(({ target }) => target.iid === iid);
    if (!run) throw new Error(`no run of #${iid}`);
    return run;
  };
  for (const iid of [12, 13]) {
    sim.deliver(sim.command('/autodev plan', SAM, iid));
    sim.settle();
    sim.deliver(sim.approve(runOf(iid)().changes.spec?.iid ?? 0, DANA));
    sim.settle({ agents: false });
  }
  return { sim, first: runOf(12), second: runOf(13) };
}

describe('a run that waits for files', () => {
  test('says so, holds nothing, and starts when the other run is over', () => {
    const { sim, first, second } = inLine();
    expect(first().stage).toBe('merge');
    expect([second().stage, second().tasks.filter(({ stage }) => stage === 'implement')]).toEqual([
      'implement',
      [],
    ]);
    expect(sim.world.locks.has('src/b.js')).toBe(false);
    const said = statusComment({
      run: second(),
      usage: [],
      tally: null,
      proposed: null,
      summary: null,
    });
    expect(said).toMatch(
      /^\| implement \| waiting \| Builder \| waits for `src\/a\.js`, claimed by #12 until \d\d:\d\d UTC · `\/autodev unlock` \|$/m,
    );
    const asked = sim.world.effects.length;
    for (let count = 0; count < 5; count += 1) sim.wakeAll();
    expect(sim.world.effects).toHaveLength(asked);
    sim.deliver(sim.command('/autodev cancel', SAM, 12));
    sim.wakeAll();
    expect(currentTasks(second())).toHaveLength(1);
    expect([...sim.world.locks.keys()].toSorted()).toEqual(['src/a.js', 'src/b.js']);
  });

  test('starts when the claim has expired', () => {
    const { sim, second } = inLine();
    sim.pass(4 * 3600 + 60);
    sim.wakeAll();
    expect(currentTasks(second())).toHaveLength(1);
    expect(sim.world.locks.get('src/a.js')?.runId).toBe(second().id);
  });

  test('starts when a maintainer takes the file away', () => {
    const { sim, first, second } = inLine();
    sim.deliver(sim.command('/autodev unlock src/b.js', MAX, 13));
    expect(sim.world.locks.get('src/a.js')?.runId).toBe(first().id);
    sim.deliver(sim.command('/autodev unlock ./src/a.js', MAX, 13));
    sim.settle({ agents: false });
    expect(currentTasks(second())).toHaveLength(1);
    const replies = sim.world.effects.flatMap(({ effect }) =>
      effect.kind === 'reply' ? [effect.body] : [],
    );
    expect(replies).toEqual([
      expect.stringMatching(/^`src\/b\.js` does not hold up the work here; `src\/a\.js` does\./),
      expect.stringMatching(/^#12, asked for by @sam, had claimed `src\/a\.js`\. .* is released/),
    ]);
  });

  test('can be cancelled and paused like any other', () => {
    const { sim, second } = inLine();
    sim.deliver(sim.command('/autodev pause', SAM, 13));
    sim.deliver(sim.command('/autodev cancel', SAM, 12));
    sim.settle();
    expect([second().state, currentTasks(second())]).toEqual(['paused', []]);
    sim.deliver(sim.command('/autodev resume', SAM, 13));
    sim.settle({ agents: false });
    expect(currentTasks(second())).toHaveLength(1);
    expect(isActive(second().state)).toBe(true);
  });

  test('a decision to start that loses the race waits', () => {
    const { sim, first, second } = inLine();
    const late = sim.look({ kind: 'wake', runId: second().id });
    if (late.snapshot === null) throw new Error('a wake is looked at');
    const free = { ...late, snapshot: { ...late.snapshot, claimed: [] } };
    expect(decide(free.event, free.snapshot).ignored).toBeNull();
    sim.commit(free);
    expect([currentTasks(second()), sim.world.locks.get('src/a.js')?.runId]).toEqual([
      [],
      first().id,
    ]);
  });
});

describe('paths', () => {
  test.each([
    ['src/a.js', 'src/a.js'],
    ['./src//a.js', 'src/a.js'],
    ['/src/a.js ', 'src/a.js'],
    ['Makefile', 'Makefile'],
    ['src/my file.js', 'src/my file.js'],
    ['src/', null],
    ['', null],
    ['.', null],
    ['../a.js', null],
    ['src/../../a.js', null],
    ['src/*.js', null],
    ['src/?.js', null],
    ['src/{a,b}.js', null],
    ['src/[ab].js', null],
    ['a\u0000b', null],
    ['x'.repeat(401), null],
  ])('%j is %j', (text, path) => {
    expect(plainPath(text)).toBe(path);
  });

  test('a path cannot break out of its cell or its code span', () => {
    const claim: FileClaim = {
      path: 'a`b|c <img>',
      runId: 1,
      target: { type: 'issue', iid: 12 },
      requester: 'sam',
      until: new Date('2026-11-21T14:20:00Z'),
    };
    expect(claimText([claim])).toBe("`a'b¦c <img>`, claimed by #12 until 14:20 UTC");
    expect(claimLines({ held: [claim], met: [claim] })).toEqual([
      "- locks held: `a'b¦c <img>`, until 14:20 UTC or the end",
      "- changed here and elsewhere: `a'b¦c <img>`, claimed by #12 until 14:20 UTC",
    ]);
  });

  test('at most a hundred are claimed, each once', () => {
    const many = Array.from({ length: 100 }, (_none, index) => `src/${index}.js`);
    const sim = worldOf([{ named: [...many.slice(0, 99), './src/0.js'], changed: ['src/a.js'] }]);
    sim.deliver(sim.command('/autodev plan', SAM));
    sim.settle();
    expect(predictedFiles(sim.run)).toHaveLength(99);
  });
});
