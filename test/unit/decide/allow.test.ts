/** `/autodev allow`: who, for what exactly, and what follows; then the whole way in the simulation. */
import { describe, expect, test } from '@jest/globals';
import { decide } from '../../../bot/decide/decide.ts';
import type { Decision, Snapshot } from '../../../bot/domain/snapshot.ts';
import type { Run } from '../../../bot/domain/runs.ts';
import { atSpecGate, DANA, goodWork, levelOf, MAX, SAM } from '../../support/actors.ts';
import type { Simulation } from '../../support/simulation.ts';
import { doneTask, issue, note, run, snapshot } from './builders.ts';

const BLOB = '8b10d02'.padEnd(40, '7');
const OTHER = '1234567'.padEnd(40, '0');
const max = { id: 6, username: 'max' };
const file = (path: string, blob = BLOB) => ({ path, blob, mode: '100644' as const, diff: '+x' });

function refusedRun(files = [file('.gitlab-ci.yml')], patch: Partial<Run> = {}): Run {
  return run({
    state: 'stopped_policy',
    stage: 'end',
    stoppedAt: 'implement',
    tasks: [doneTask({})],
    verdict: {
      kind: 'refused',
      cause: 'c',
      next: 'n',
      blocked: { attempt: 31, change: 'code', files },
    },
    ...patch,
  });
}

function ask(text: string, patch: Partial<Snapshot> = {}): Decision {
  return decide(
    note(text, { actor: max }),
    snapshot({ actorAccess: 40, lastRun: refusedRun(), ...patch }),
  );
}

function said(decision: Decision): string {
  return decision.effects.map((effect) => (effect.kind === 'reply' ? effect.body : '')).join('');
}

describe('a maintainer names what was shown', () => {
  test.each([
    '/autodev allow .gitlab-ci.yml at 8b10d02',
    `/autodev allow .gitlab-ci.yml at ${BLOB}`,
    '/autodev allow `.gitlab-ci.yml` AT `8B10D02777`',
  ])('%s', (text) => {
    const decision = ask(text);
    expect(decision.writes).toEqual([
      {
        op: 'update_run',
        runId: 11,
        version: 3,
        patch: {
          state: 'running',
          stage: 'implement',
          stoppedAt: null,
          verdict: null,
          report: null,
          waitsFor: null,
          allowed: [{ path: '.gitlab-ci.yml', blob: BLOB, mode: '100644', by: max }],
        },
      },
    ]);
    expect(decision.effects).toContainEqual({
      kind: 'commit_changes',
      run: 11,
      attempt: 31,
      change: 'code',
      asked: 3,
    });
    expect(said(decision)).toBe('');
  });

  test('several files are let through together, and what was allowed before stays', () => {
    const before = { path: '.npmrc', blob: OTHER, mode: '100644' as const, by: max };
    const files = [file('.gitlab-ci.yml'), file('.env', OTHER)];
    const lastRun = refusedRun(files, { allowed: [before] });
    const decision = ask('/autodev allow .gitlab-ci.yml at 8b10d02, .env at 1234567', { lastRun });
    expect(decision.writes[0]).toMatchObject({
      patch: {
        allowed: [before, { path: '.gitlab-ci.yml', blob: BLOB }, { path: '.env', blob: OTHER }],
      },
    });
    const part = ask('/autodev allow .env at 1234567', { lastRun });
    expect(part.writes).toEqual([]);
    expect(said(part)).toMatch(/also touches `\.gitlab-ci\.yml`/);
  });
});

describe('what lets nothing through, and says so', () => {
  test.each<[string, string, Partial<Snapshot>, RegExp]>([
    ['a developer', '.gitlab-ci.yml at 8b10d02', { actorAccess: 30 }, /needs Maintainer here/],
    ['no file', '', {}, /names no file/],
    ['no id', '.gitlab-ci.yml', {}, /names no file/],
    ['an id that is too short', '.gitlab-ci.yml at 8b10d', {}, /names no file/],
    ['a word for an id', '.gitlab-ci.yml at anything', {}, /names no file/],
    ['a pair and a half', '.a at 8b10d02 .b', {}, /names no file/],
    [
      'other content',
      '.gitlab-ci.yml at 1234567',
      {},
      /content of `\.gitlab-ci\.yml` is `8b10d02777`/,
    ],
    ['an unprotected file', 'src/a.js at 8b10d02', {}, /`src\/a\.js` is not among the protected/],
    ['nothing refused', '.a at 8b10d02', { lastRun: null }, /Nothing here was refused/],
    [
      'a run that ended otherwise',
      '.a at 8b10d02',
      { lastRun: refusedRun([], { verdict: { kind: 'refused', cause: 'c', next: 'n' } }) },
      /Nothing here was refused/,
    ],
    ['a run under way', '.gitlab-ci.yml at 8b10d02', { run: run() }, /is still running/],
    [
      'a closed issue',
      '.gitlab-ci.yml at 8b10d02',
      { issue: { ...issue, state: 'closed' } },
      /is closed/,
    ],
    [
      'a confidential issue',
      '.gitlab-ci.yml at 8b10d02',
      { issue: { ...issue, confidential: true } },
      /is confidential/,
    ],
  ])('%s', (_what, args, patch, message) => {
    const decision = ask(`/autodev allow ${args}`.trim(), patch);
    expect(decision.writes).toEqual([]);
    expect(decision.effects.map(({ kind }) => kind).toSorted()).toEqual(['react', 'reply']);
    expect(said(decision)).toMatch(message);
  });

  test('an installation that lets developers do everything does not let them do this', () => {
    const { settings } = snapshot();
    const decision = ask('/autodev allow .gitlab-ci.yml at 8b10d02', {
      actorAccess: 30,
      settings: { ...settings, permissions: { default: 'guest', allow: 'guest' } },
    });
    expect(decision.writes).toEqual([]);
    expect(said(decision)).toMatch(/needs Maintainer here/);
  });
});

const CI = {
  path: '.gitlab-ci.yml',
  action: 'update' as const,
  mode: '100644' as const,
  content: Buffer.from('a: {script: [b]}\n').toString('base64'),
};

/** A run of the feature workflow whose builder touches the CI configuration. */
function refused(): { sim: Simulation; blob: string } {
  const sim = atSpecGate({
    agent: (task) =>
      task.type === 'implement_feature' ? { ...goodWork(task), changes: [CI] } : goodWork(task),
  });
  sim.deliver(sim.approve(sim.run.changes.spec?.iid ?? 0, DANA));
  sim.settle();
  expect(sim.run).toMatchObject({ stage: 'end', verdict: { kind: 'refused' } });
  return { sim, blob: sim.run.verdict?.blocked?.files[0]?.blob ?? '' };
}

describe('in the simulation', () => {
  test('the same result is published, and the run goes all the way', () => {
    const { sim, blob } = refused();
    const commits = (): number =>
      sim.world.effects.filter(({ effect }) => effect.kind === 'commit_changes').length;
    expect(commits()).toBe(2);
    sim.deliver(sim.command(`/autodev allow .gitlab-ci.yml at ${blob}`, MAX));
    expect(sim.run).toMatchObject({ state: 'running', stage: 'implement', verdict: null });
    sim.settle();
    expect(commits()).toBe(3);
    expect(sim.world.runs).toHaveLength(1);
    expect(sim.run.stage).toBe('merge');
    sim.deliver(sim.approve(sim.run.changes.code?.iid ?? 0, DANA));
    sim.settle({ wakes: 3 });
    expect(sim.run.verdict?.kind).toBe('done');
    expect(sim.faults).toEqual([]);
  });

  test('it is refused again when the maintainer is none any more at that moment', () => {
    let maintainer = true;
    const { sim, blob } = refused();
    const level = sim.script.level;
    sim.script.level = (id) => (id === MAX.id && !maintainer ? 30 : level(id));
    sim.deliver(sim.command(`/autodev allow .gitlab-ci.yml at ${blob}`, MAX));
    maintainer = false;
    sim.settle();
    expect(sim.run).toMatchObject({ stage: 'end', verdict: { kind: 'refused' } });
    expect(sim.run.changes.code).toBeNull();
    maintainer = true;
    sim.deliver(sim.command(`/autodev allow .gitlab-ci.yml at ${blob}`, MAX));
    sim.settle();
    expect(sim.run.stage).toBe('merge');
    expect(sim.faults).toEqual([]);
  });

  test('a branch that appeared meanwhile is not overwritten', () => {
    const { sim, blob } = refused();
    sim.world.branches.set(`autodev/code-${sim.run.id}`, {
      sha: 'f'.repeat(40),
      at: sim.world.now,
    });
    sim.deliver(sim.command(`/autodev allow .gitlab-ci.yml at ${blob}`, MAX));
    sim.settle();
    expect(sim.run).toMatchObject({ verdict: { kind: 'refused', cause: 'somebody pushed' } });
    expect(sim.run.verdict?.blocked).toBeUndefined();
  });

  test('a new run under way is not disturbed, and a new result needs a new leave', () => {
    const { sim, blob } = refused();
    sim.deliver(sim.command('/autodev retry', SAM));
    const first = sim.world.runs[0];
    sim.deliver(sim.command(`/autodev allow .gitlab-ci.yml at ${blob}`, MAX));
    expect(sim.world.runs[0]).toEqual(first);
    expect(sim.world.runs).toHaveLength(2);
    expect(sim.run.allowed).toEqual([]);
  });

  test('two maintainers at once let it through once', () => {
    const { sim, blob } = refused();
    const held = [MAX, MAX].map((who) =>
      sim.look(sim.command(`/autodev allow .gitlab-ci.yml at ${blob}`, who)),
    );
    for (const view of held) sim.commit(view);
    sim.settle();
    expect(levelOf(MAX.id)).toBe(40);
    expect(sim.run.stage).toBe('merge');
    expect(sim.run.allowed).toHaveLength(1);
    expect(sim.faults).toEqual([]);
  });
});
