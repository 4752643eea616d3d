/**
 * The ground is taken from under a run, at every stage and in every way (issue "Bad input"): it ends with
 * a clear verdict, or goes on where that is right, and writes nothing more but the one note. The note is
 * the status comment's last edit with the ✅ or ❌ on the command; pipelines it had started are cancelled.
 */
import { describe, expect, test } from '@jest/globals';
import type { Event } from '../../../bot/domain/events.ts';
import { isActive } from '../../../bot/domain/outcomes.ts';
import type { ChangeRole } from '../../../bot/domain/runs.ts';
import { DANA, goodWork, levelOf, MAX, SAM } from '../../support/actors.ts';
import { Simulation } from '../../support/simulation.ts';
import { finding } from './builders.ts';

/** A run of the feature workflow that has come to a stage, with its agents at work. */
const STAGES = [
  'triage',
  'spec',
  'spec-gate',
  'spec again',
  'implement',
  'docs',
  'verify',
  'address',
  'merge',
  'deploy',
] as const;
type Stage = (typeof STAGES)[number];

const FULL_STEPS = 4000;

function at(stage: Stage): Simulation {
  const sim = new Simulation({
    agent: (task) => {
      const found = stage === 'address' ? [finding({ severity: 'high' })] : [];
      // The writer changes a page, so that its stage publishes like the others.
      return task.type === 'write_docs' ? {} : goodWork(task, found);
    },
    level: levelOf,
    deploys: () => 'success',
  });
  sim.deliver(sim.command('/autodev plan', SAM));
  const wanted = stage === 'spec again' ? 'spec' : stage;
  let rejected = false;
  for (let step = 0; step < FULL_STEPS; step += 1) {
    const { run } = sim;
    const there = run.stage === wanted && (stage !== 'spec again' || rejected);
    const working = sim.attempts().every(({ attempt }) => attempt.state === 'waiting');
    const quiet = sim.pending().length === 0 && sim.world.inbox.length === 0;
    // The deploy job runs until the next look.
    const deploying = stage === 'deploy' && run.deployment?.state === 'running';
    if (there && (stage === 'deploy' ? deploying : working && quiet)) return sim;
    const event = sim.world.inbox.shift();
    if (event) sim.deliver(event);
    else if (sim.pending().some(({ id }) => sim.perform(id))) continue;
    else if (run.stage === 'spec-gate' && stage === 'spec again' && !rejected) {
      rejected = true;
      sim.deliver(sim.command('/autodev reject shorter', MAX));
    } else if (run.stage === 'spec-gate' || run.stage === 'merge') {
      sim.deliver(sim.approve(iidOf(sim, run.stage === 'merge' ? 'code' : 'spec'), DANA));
    } else {
      const [first] = sim.attempts();
      if (first) sim.finish(first.attempt.id);
      else {
        sim.pass(30);
        sim.wakeAll();
      }
    }
  }
  throw new Error(`the run does not come to ${stage}; it stands in ${sim.run.stage}`);
}

/** What happens, as the hook that tells it; null when no hook tells and only looking does. */
type Happening = (sim: Simulation, role: ChangeRole) => Event | null;

const iidOf = (sim: Simulation, role: ChangeRole): number => sim.run.changes[role]?.iid ?? 0;
const HAPPENINGS = {
  'the issue is closed': (sim) => sim.closeIssue(DANA),
  'the change is closed': (sim, role) => sim.close(iidOf(sim, role), DANA),
  'the change is merged by people': (sim, role) => sim.mergeByHand(iidOf(sim, role), DANA),
  'the branch is deleted': (sim, role) => {
    sim.deleteBranch(sim.run.changes[role]?.branch ?? '');
    return null;
  },
  'the project is archived': (sim) => {
    sim.world.project = 'archived';
    return null;
  },
  'the project is deleted': (sim) => {
    sim.world.project = 'gone';
    return null;
  },
  'the bot loses its rights': (sim) => {
    sim.world.project = 'denied';
    return null;
  },
  'the one who asked loses rights': (sim) => {
    sim.script.level = (id) => (id === SAM.id ? 20 : levelOf(id));
    return null;
  },
  'the agents’ pipeline is cancelled': (sim) => {
    const id = sim.attempts()[0]?.attempt.pipelineId ?? 0;
    return sim.launchEnds(id, 'canceled');
  },
} satisfies Record<string, Happening>;
type What = keyof typeof HAPPENINGS;

interface Cell {
  stage: Stage;
  what: What;
  /** The verdict; `on`: it goes on to that stage instead. */
  ends: string;
}

/** Stages that have an open change of the run to look after. */
const CHANGE_AT: Readonly<Partial<Record<Stage, ChangeRole>>> = {
  'spec-gate': 'spec',
  'spec again': 'spec',
  docs: 'code',
  verify: 'code',
  address: 'code',
  merge: 'code',
};

function endOf(stage: Stage, what: What): string | null {
  switch (what) {
    case 'the change is closed':
    case 'the branch is deleted':
      return CHANGE_AT[stage] === undefined ? null : 'cancelled';
    // People decide with the merge button, too: it counts as the gate's yes.
    case 'the change is merged by people':
      return { spec: 'on', code: 'done', none: null }[CHANGE_AT[stage] ?? 'none'];
    case 'the agents’ pipeline is cancelled':
      return /gate|merge|deploy/.test(stage) ? null : 'cancelled';
    // The merge closes it, by the closing words of the change.
    case 'the issue is closed':
      return stage === 'deploy' ? null : 'cancelled';
    case 'the bot loses its rights':
      return 'needs-human';
    case 'the one who asked loses rights':
      return 'refused';
    default:
      return 'cancelled';
  }
}

const CELLS: Cell[] = STAGES.flatMap((stage) =>
  (Object.keys(HAPPENINGS) as What[]).flatMap((what) => {
    const ends = endOf(stage, what);
    return ends === null ? [] : [{ stage, what, ends }];
  }),
);

/** What may still be written to the forge once the run has ended. */
const LAST_WORDS = new Set(['status_comment', 'react', 'cancel_pipeline']);

/** Everybody who was at work brings a result; the sweeper looks; and again. */
function goOn(sim: Simulation): void {
  for (let round = 0; round < 3; round += 1) {
    for (const { attempt } of sim.attempts()) sim.finish(attempt.id);
    sim.settle({ agents: false, wakes: 1 });
  }
}

function check(sim: Simulation, cell: Cell, before: number): void {
  const { run } = sim;
  expect(sim.faults).toEqual([]);
  const written = sim.world.landed.slice(before).map(({ kind }) => kind);
  expect([run.state, run.verdict?.kind]).toEqual([expect.any(String), cell.ends]);
  expect(isActive(run.state)).toBe(false);
  expect(run.verdict?.cause).toMatch(/[.]$/);
  expect(sim.attempts()).toEqual([]);
  expect(sim.pending()).toEqual([]);
  // Nothing can be written where the forge lets the bot write nothing; elsewhere one note tells.
  const notes = written.filter((kind) => kind === 'status_comment').length;
  expect(notes).toBe(sim.world.project === 'ok' ? 1 : 0);
  expect(written.filter((kind) => !LAST_WORDS.has(kind))).toEqual([]);
  expect(
    sim.world.landed.slice(before).filter(({ kind }) => kind === 'react').length,
  ).toBeLessThanOrEqual(1);
}

describe('every stage, everything that can happen', () => {
  test('the table has every stage and every happening', () => {
    expect(CELLS.length).toBeGreaterThanOrEqual(60);
    expect(new Set(CELLS.map(({ stage }) => stage)).size).toBe(STAGES.length);
    expect(new Set(CELLS.map(({ what }) => what)).size).toBe(Object.keys(HAPPENINGS).length);
  });

  const ending = CELLS.filter(({ ends }) => ends !== 'on' && ends !== 'done');
  test.each(ending)('$stage: $what → $ends', (cell) => {
    const sim = at(cell.stage);
    const before = sim.world.landed.length;
    const event = HAPPENINGS[cell.what](sim, CHANGE_AT[cell.stage] ?? 'code');
    if (event) sim.deliver(event);
    goOn(sim);
    check(sim, cell, before);
    const after = sim.world.landed.length;
    goOn(sim);
    expect(sim.world.landed).toHaveLength(after);
  });

  test.each(ending)('$stage: $what, seen by nobody until an agent is done', (cell) => {
    const sim = at(cell.stage);
    const before = sim.world.landed.length;
    const event = HAPPENINGS[cell.what](sim, CHANGE_AT[cell.stage] ?? 'code');
    // A hook that is lost; the closed issue and the cancelled pipeline are looked for by the poll.
    if (event && /issue|pipeline/.test(cell.what)) sim.deliver(event);
    goOn(sim);
    check(sim, cell, before);
  });
});

describe('a merge by people is a yes wherever the run stands', () => {
  const merges = CELLS.filter(({ what }) => what === 'the change is merged by people');
  test.each(merges)('$stage', ({ stage, ends }) => {
    const sim = at(stage);
    const role = CHANGE_AT[stage] ?? 'code';
    const before = sim.world.landed.length;
    const event = HAPPENINGS['the change is merged by people'](sim, role);
    // The merge closes the issue, and the hooks of both come in any order.
    if (role === 'code') sim.deliver(sim.closeIssue(DANA));
    if (event) sim.deliver(event);
    sim.settle({ agents: false, wakes: 3 });
    expect(sim.faults).toEqual([]);
    if (ends === 'on') {
      expect(sim.run).toMatchObject({ stage: 'implement', verdict: null });
      return;
    }
    expect(sim.run.verdict?.kind).toBe('done');
    expect(sim.run.mergedSha).not.toBeNull();
    const written = sim.world.landed.slice(before).map(({ kind }) => kind);
    expect(written).not.toContain('merge_change');
    expect(written).not.toContain('commit_changes');
  });
});

test('the issue that the merge closed does not stop the deployment that follows', () => {
  const sim = at('deploy');
  sim.deliver(sim.closeIssue(DANA));
  sim.deliver(sim.closeIssue(MAX));
  expect(sim.run).toMatchObject({ stage: 'deploy', verdict: null });
  goOn(sim);
  expect(sim.run.verdict).toMatchObject({ kind: 'done' });
  expect(sim.run.deployment?.state).toBe('success');
  expect(sim.faults).toEqual([]);
});

test('what was about to be said on a change is not said once people closed it', () => {
  const sim = at('verify');
  for (const { attempt } of sim.attempts()) {
    const found = [finding({ severity: 'low' })];
    sim.finish(attempt.id, { report: { kind: 'review', score: 90, findings: found } });
  }
  for (let event = sim.world.inbox.shift(); event; event = sim.world.inbox.shift()) {
    sim.deliver(event);
  }
  sim.wakeAll();
  expect(sim.run.stage).toBe('merge');
  const waiting = sim.pending().map(({ effect }) => effect.kind);
  expect(waiting).toEqual(expect.arrayContaining(['update_change', 'open_threads']));
  const before = sim.world.landed.length;
  sim.deliver(sim.close(iidOf(sim, 'code'), DANA));
  goOn(sim);
  check(sim, { stage: 'merge', what: 'the change is closed', ends: 'cancelled' }, before);
});
