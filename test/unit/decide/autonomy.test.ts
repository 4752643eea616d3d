/** Autonomy `full`: gates open by themselves only when every condition of docs/autonomy.md holds. */
import { describe, expect, test } from '@jest/globals';
import { decide } from '../../../bot/decide/decide.ts';
import { autonomyAt } from '../../../bot/decide/autonomy.ts';
import type { GateFacts } from '../../../bot/domain/gates.ts';
import type { CheckFacts } from '../../../bot/domain/checks.ts';
import type { Run } from '../../../bot/domain/runs.ts';
import type { ChangeFacts, Decision, Snapshot } from '../../../bot/domain/snapshot.ts';
import { atMergeGate, DANA, goodWork, levelOf, MAX, SAM } from '../../support/actors.ts';
import { Simulation } from '../../support/simulation.ts';
import type { Script } from '../../support/simulated-look.ts';
import {
  bot,
  changeFacts,
  codeChange,
  doneTask,
  finding,
  known,
  HEAD,
  looks,
  run,
  sam,
  snapshot,
} from './builders.ts';

const OTHER = 'c'.repeat(40);
const CHECKS: CheckFacts = {
  outcome: 'passed',
  sha: HEAD,
  url: '',
  tests: { passed: 9, failed: 0, skipped: 0, coverage: 87, coverageBefore: null },
};

/** Everything that the table below turns, one by one. */
interface World {
  wanted: 'full' | 'guided';
  installation: 'full' | 'guided';
  workflow: string;
  confidence: number | null;
  reviewer: number;
  tester: number;
  findings: Parameters<typeof known>[0][];
  votesAt: string;
  checks: CheckFacts | null;
  contributors: number[];
  approvalsLeft: number;
  paths: string[];
  protectedPaths: string[];
}

const GOOD: World = {
  wanted: 'full',
  installation: 'full',
  workflow: 'feature',
  confidence: 8,
  reviewer: 90,
  tester: 95,
  findings: [],
  votesAt: HEAD,
  checks: CHECKS,
  contributors: [],
  approvalsLeft: 0,
  paths: ['src/cli.js'],
  protectedPaths: ['.*', 'secrets/**'],
};

function tasksOf(world: World): Run['tasks'] {
  const text = { decisions: [], files: [], acceptance: [], text: '# S', feasible: true };
  const spec = doneTask(
    { id: 20, stage: 'spec', type: 'write_spec', agent: 'architect' },
    {
      changes: [],
      ...(world.confidence === null
        ? {}
        : { report: { kind: 'spec', confidence: world.confidence, ...text } }),
    },
  );
  const built = doneTask(
    {},
    {
      report: { kind: 'build', selfScore: 90 },
      changes: world.paths.map((path) => ({
        path,
        action: 'update',
        mode: '100644',
        content: 'eA==',
      })),
    },
  );
  const votes = looks(0, { review: world.findings.map(() => finding()) }).map((task) => ({
    ...task,
    attempts: task.attempts.map((attempt) => {
      const report = attempt.result?.report;
      const score = report?.kind === 'review' ? world.reviewer : world.tester;
      const scored = report && 'score' in report ? { ...report, score } : report;
      const result = attempt.result && { ...attempt.result, ...(scored ? { report: scored } : {}) };
      return { ...attempt, workSha: world.votesAt, result };
    }),
  }));
  return [spec, built, ...votes];
}

function gateOf(
  role: 'spec' | 'code',
  patch: Partial<World>,
): { run: Run; change: ChangeFacts; snapshot: Snapshot } {
  const world = { ...GOOD, ...patch };
  const base = run({}, world.workflow);
  const facts: GateFacts = {
    headSha: HEAD,
    headAt: null,
    approvals: [],
    contributors: world.contributors,
    requesterId: sam.id,
    botId: bot.id,
    approvalsLeft: world.approvalsLeft,
  };
  const change = changeFacts({ gate: { facts, mergeStatus: 'mergeable' } });
  const standing: Run = {
    ...base,
    stage: role === 'spec' ? 'spec-gate' : 'merge',
    context: { ...base.context, autonomy: world.wanted, protectedPaths: world.protectedPaths },
    changes: { spec: { ...codeChange, iid: 3 }, code: role === 'spec' ? null : codeChange },
    tasks: tasksOf(world),
    findings: world.findings.map((one) => known(one)),
    checks: role === 'spec' ? null : world.checks,
  };
  const { settings } = snapshot();
  const view = snapshot({
    run: standing,
    change,
    settings: { ...settings, autonomy: world.installation },
  });
  return { run: standing, change, snapshot: view };
}

function look(role: 'spec' | 'code', patch: Partial<World> = {}): Decision {
  const gate = gateOf(role, patch);
  return decide({ kind: 'wake', runId: 11 }, gate.snapshot);
}

function noteOf(decision: Decision): string {
  const write = decision.writes.find((one) => one.op === 'update_run');
  return write?.op === 'update_run' ? (write.patch.gateNote ?? '') : '';
}

const merges = (decision: Decision): boolean =>
  decision.effects.some(({ kind }) => kind === 'merge_change');

describe('the merge gate', () => {
  test('opens by itself when every condition holds, and says on what', () => {
    const decision = look('code');
    expect(merges(decision)).toBe(true);
    expect(noteOf(decision)).toMatch(
      /^opened by full autonomy: architect 8\/10, reviewer 90, consensus [\d.]+, .*coverage 87 %/,
    );
  });

  test('opens without an architect where the workflow has no specification', () => {
    expect(merges(look('code', { workflow: 'bugfix', confidence: null }))).toBe(true);
  });

  const tests = (coverage: number | null): Partial<World> => ({
    checks: {
      ...CHECKS,
      tests: { ...(CHECKS.tests as NonNullable<CheckFacts['tests']>), coverage },
    },
  });

  test.each<[string, Partial<World>, RegExp]>([
    ['the architect is not sure', { confidence: 7 }, /architect 7\/10 < 8/],
    ['the architect said nothing', { confidence: null }, /no architect/],
    ['the reviewer is not convinced', { reviewer: 89 }, /reviewer 89 < 90/],
    ['coverage is low', tests(71), /coverage 71 % < 80 %/],
    ['coverage is a hair too low', tests(79.99), /coverage 79.99 % < 80 %/],
    ['CI tells no coverage', tests(null), /no coverage from CI/],
    ['CI tells nothing of tests', { checks: { ...CHECKS, tests: null } }, /no coverage from CI/],
    ['a critical finding is open', { findings: [{ severity: 'critical' }] }, /critical finding/],
    [
      'a critical finding was dismissed',
      { findings: [{ severity: 'critical', state: 'dismissed' }] },
      /critical finding/,
    ],
    ['the consensus is conditional', { tester: 10 }, /consensus conditional/],
    ['the pipeline failed', { checks: { ...CHECKS, outcome: 'failed' } }, /pipeline failed/],
    ['there was no pipeline', { checks: { ...CHECKS, outcome: 'none' } }, /pipeline none/],
    ['the pipeline was late', { checks: { ...CHECKS, outcome: 'late' } }, /pipeline late/],
    ['CI was never asked', { checks: null }, /no pipeline, no coverage/],
    [
      'the pipeline is another head’s',
      { checks: { ...CHECKS, sha: OTHER } },
      /no pipeline of this head/,
    ],
    ['the votes are another head’s', { votesAt: OTHER }, /votes are for another head/],
    ['people worked on it', { contributors: [8] }, /people worked on the change/],
    ['the project has rules of its own', { approvalsLeft: 2 }, /rules need 2 more/],
    [
      'a protected file is touched',
      { paths: ['a.js', 'secrets/x'] },
      /it touches 'secrets\/x'|it touches `secrets\/x`/,
    ],
    ['CI is touched', { paths: ['.gitlab-ci.yml'], protectedPaths: [] }, /it touches/],
    [
      'an included CI file is touched',
      { paths: ['ci/build.yml'], protectedPaths: [] },
      /it touches/,
    ],
    [
      'another CI file is touched',
      { paths: ['x/my.gitlab-ci.yaml'], protectedPaths: [] },
      /it touches/,
    ],
    ['agents’ orders are touched', { paths: ['web/AGENTS.md'], protectedPaths: [] }, /it touches/],
    [
      'agents’ settings are touched',
      { paths: ['.claude/x.json'], protectedPaths: [] },
      /it touches/,
    ],
    ['owners are touched', { paths: ['docs/CODEOWNERS'], protectedPaths: [] }, /it touches/],
  ])('waits for a person when %s', (_what, patch, message) => {
    const decision = look('code', patch);
    expect(merges(decision)).toBe(false);
    expect(noteOf(decision)).toMatch(/^needs 1 approval .*; full autonomy does not apply: /);
    expect(noteOf(decision)).toMatch(message);
  });

  test.each<[string, Partial<World>]>([
    ['the repository did not ask for it', { wanted: 'guided' }],
    ['the installation does not allow it (any more)', { installation: 'guided' }],
  ])('waits without a word about autonomy when %s', (_what, patch) => {
    const decision = look('code', patch);
    expect(merges(decision)).toBe(false);
    expect(noteOf(decision)).not.toContain('autonomy');
  });

  test('names everything that is missing', () => {
    expect(noteOf(look('code', { confidence: 1, reviewer: 1, contributors: [8] }))).toMatch(
      /architect 1\/10 < 8, reviewer 1 < 90, .*people worked on the change/,
    );
  });

  test('the same function is asked right before the merge', () => {
    const good = gateOf('code', {});
    expect(autonomyAt(good.run, 'code', good.change, good.snapshot).kind).toBe('opens');
    const moved = { ...good.change, headSha: OTHER };
    expect(autonomyAt(good.run, 'code', moved, good.snapshot)).toMatchObject({
      kind: 'waits',
      missing: expect.arrayContaining(['the votes are for another head']),
    });
  });
});

describe('the gate of the specification', () => {
  test('opens by itself when the architect is sure', () => {
    expect(merges(look('spec'))).toBe(true);
  });

  test.each<[string, Partial<World>, RegExp]>([
    ['the architect is not', { confidence: 7.5 }, /architect 7.5\/10 < 8/],
    ['people changed the page', { contributors: [8] }, /people worked on the change/],
    ['the project has rules of its own', { approvalsLeft: 1 }, /rules need 1 more/],
  ])('waits when %s', (_what, patch, message) => {
    const decision = look('spec', patch);
    expect(merges(decision)).toBe(false);
    expect(noteOf(decision)).toMatch(message);
  });

  test('the plan of an epic is always for people', () => {
    const { snapshot: view, run: standing } = gateOf('spec', {
      workflow: 'epic',
      confidence: null,
    });
    const epic = { ...standing, stage: 'plan-gate' };
    const decision = decide({ kind: 'wake', runId: 11 }, { ...view, run: epic });
    expect(merges(decision)).toBe(false);
    expect(noteOf(decision)).toMatch(/no architect/);
  });
});

/** A run of the feature workflow with full autonomy, from the command on. */
function full(script: Partial<Script> = {}): Simulation {
  const sim = new Simulation({
    agent: (task) => goodWork(task),
    level: levelOf,
    coverage: 87,
    autonomy: 'full',
    ...script,
  });
  sim.deliver(sim.command('/autodev plan', SAM));
  sim.settle({ wakes: 6 });
  return sim;
}

describe('in the simulation', () => {
  test('a run goes all the way without a person', () => {
    const sim = full();
    expect(sim.run.verdict?.kind).toBe('done');
    expect(sim.world.merges).toHaveLength(2);
    expect(sim.faults).toEqual([]);
  });

  test('a person’s push at the gate makes it a guided one', () => {
    const sim = full({ coverage: 79 });
    const iid = sim.run.changes.code?.iid ?? 0;
    expect(sim.run.gateNote).toContain('coverage 79 % < 80 %');
    sim.script.coverage = 99;
    sim.deliver(sim.push(iid, MAX));
    sim.settle({ wakes: 3 });
    expect(sim.run.stage).toBe('merge');
    expect(sim.run.gateNote).toContain('people worked on the change');
    sim.deliver(sim.approve(iid, DANA));
    sim.settle({ wakes: 3 });
    expect(sim.run.verdict?.kind).toBe('done');
  });

  test('who said no once sees what comes of it', () => {
    const sim = full({ coverage: 79 });
    sim.deliver(sim.command('/autodev reject the name is wrong', MAX));
    sim.script.coverage = 99;
    sim.settle({ wakes: 6 });
    expect(sim.run.stage).toBe('merge');
    expect(sim.run.context.autonomy).toBe('guided');
    expect(sim.run.gateNote).not.toContain('autonomy');
  });

  test('without it the same run waits for people', () => {
    const sim = atMergeGate({ coverage: 87 });
    expect(sim.run.stage).toBe('merge');
  });
});
