/**
 * Approving and pushing in a race (threats A6-A10): whatever comes between look and deed, no head is
 * merged that nobody with the right to approved while it was the head.
 */
import { expect, test } from '@jest/globals';
import { atMergeGate, atSpecGate, DANA, MAX } from '../../support/actors.ts';
import { playRace } from '../../support/approve-push-race.ts';

const SEEDS = 1000;

/** Mulberry32: small, even enough, and the same on every machine. */
function randomOf(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * below);
  };
}

const WORLDS = [
  { name: 'Free: no times, approvals stay after a push', tellsTimes: false, resets: false },
  { name: 'Premium: times, the bot may reset approvals', tellsTimes: true, resets: true },
];

test.each(WORLDS)(`${SEEDS} races at the merge gate; $name`, ({ tellsTimes, resets }) => {
  const base = atMergeGate({ tellsTimes, resets });
  expect(base.run.stage).toBe('merge');
  const iid = base.run.changes.code?.iid ?? 0;
  let merged = 0;
  let moved = 0;
  for (let seed = 1; seed <= SEEDS; seed += 1) {
    const { wrong, race } = playRace(base.fork(), iid, randomOf(seed));
    if (wrong !== null) throw new Error(`seed ${seed}: ${wrong}\n${race.log.join('\n')}`);
    if (race.sim.world.merges.some((merge) => merge.iid === iid)) {
      merged += 1;
      if (race.witness.pushed.size > 0) moved += 1;
    }
  }
  // The races are worth something only when many of them merge, and many after a push.
  expect(merged).toBeGreaterThan(SEEDS / 20);
  expect(moved).toBeGreaterThan(SEEDS / 50);
  expect(merged).toBeLessThan(SEEDS);
});

test('200 races at the gate of the specification', () => {
  const base = atSpecGate({ resets: false });
  const iid = base.run.changes.spec?.iid ?? 0;
  for (let seed = 1; seed <= 200; seed += 1) {
    const { wrong, race } = playRace(base.fork(), iid, randomOf(seed));
    if (wrong !== null) throw new Error(`seed ${seed}: ${wrong}\n${race.log.join('\n')}`);
  }
});

test('an approval opens the gate with its own hook, not with the next look', () => {
  const sim = atMergeGate();
  const iid = sim.run.changes.code?.iid ?? 0;
  sim.deliver(sim.approve(iid, DANA));
  expect(sim.run.gateNote).toBe('approved by @user5');
  sim.settle({ wakes: 0 });
  expect(sim.run.state).toBe('completed');
});

test('a gate that closes again asks for no merge, and one that opens again asks anew', () => {
  const sim = atMergeGate();
  const iid = sim.run.changes.code?.iid ?? 0;
  const { sha } = sim.head(sim.change(iid).branch);
  sim.deliver(sim.approve(iid, DANA));
  sim.deliver(sim.unapprove(iid, DANA));
  sim.settle();
  expect(sim.world.merges.filter((merge) => merge.iid === iid)).toEqual([]);
  expect(sim.world.gates.get(sha)).toBe('pending');
  sim.deliver(sim.approve(iid, DANA));
  sim.settle();
  expect(sim.world.merges).toContainEqual({ iid, sha });
  // The bot's own merge follows: nobody needs to be told that it may happen.
  expect(sim.world.gates.get(sha)).toBe('pending');
});

test('where pipelines must succeed, the open gate says so and the merge follows', () => {
  const sim = atMergeGate();
  const iid = sim.run.changes.code?.iid ?? 0;
  const { sha } = sim.head(sim.change(iid).branch);
  sim.change(iid).mergeStatus = 'ci_must_pass';
  sim.deliver(sim.approve(iid, DANA));
  sim.settle();
  expect(sim.world.gates.get(sha)).toBe('success');
  expect(sim.run.stage).toBe('merge');
  sim.change(iid).mergeStatus = 'mergeable';
  sim.settle();
  expect(sim.world.merges).toContainEqual({ iid, sha });
});

test('the specification’s gate sets a status only where the forge waits for one', () => {
  const open = (mergeStatus: string): string[] => {
    const sim = atSpecGate();
    const iid = sim.run.changes.spec?.iid ?? 0;
    sim.change(iid).mergeStatus = mergeStatus;
    sim.settle();
    sim.deliver(sim.approve(iid, DANA));
    return [...sim.world.effects].flatMap(({ effect }) =>
      effect.kind === 'set_gate' ? [effect.state] : [],
    );
  };
  expect(open('mergeable')).toEqual([]);
  expect(open('ci_must_pass')).toContain('success');
});

test('a force-push back to an approved head does not bring the approval back', () => {
  for (const { tellsTimes, resets } of WORLDS) {
    const sim = atMergeGate({ tellsTimes, resets: resets && tellsTimes });
    const iid = sim.run.changes.code?.iid ?? 0;
    const { branch } = sim.change(iid);
    const approved = sim.head(branch).sha;
    sim.change(iid).mergeStatus = 'discussions_not_resolved';
    sim.deliver(sim.approve(iid, DANA));
    sim.settle();
    expect(sim.run.gateNote).toContain('approved by');
    sim.deliver(sim.push(iid, MAX));
    sim.settle();
    // Back to the very commit that was approved, after the bot saw another head.
    sim.pass(60);
    sim.deliver(sim.pushBack(iid, MAX, approved));
    sim.change(iid).mergeStatus = 'mergeable';
    sim.settle({ wakes: 3 });
    expect(sim.head(branch).sha).toBe(approved);
    expect(sim.world.merges.filter((merge) => merge.iid === iid)).toEqual([]);
    expect(sim.run.gateNote).toMatch(/needs 1 approval/);
    // Seen again, it counts.
    sim.deliver(sim.unapprove(iid, DANA));
    sim.deliver(sim.approve(iid, DANA));
    sim.settle();
    expect(sim.world.merges).toContainEqual({ iid, sha: approved });
  }
});

test('an approval of the new head that came before the push was noticed stays', () => {
  const sim = atMergeGate({ resets: false });
  const iid = sim.run.changes.code?.iid ?? 0;
  const pushed = sim.push(iid, MAX);
  sim.deliver(sim.approve(iid, DANA));
  sim.deliver(pushed);
  sim.settle({ wakes: 2 });
  expect(sim.run.verdict?.kind).toBe('done');
});

test('what the forge refused to merge is merged when nothing stands in the way any more', () => {
  const sim = atMergeGate();
  const iid = sim.run.changes.code?.iid ?? 0;
  sim.deliver(sim.approve(iid, DANA));
  sim.change(iid).mergeStatus = 'discussions_not_resolved';
  sim.settle();
  expect(sim.run.gateNote).toContain('discussions_not_resolved');
  sim.change(iid).mergeStatus = 'mergeable';
  sim.settle();
  expect(sim.run.state).toBe('completed');
});

test('a rejected change is not merged by a request from before', () => {
  const sim = atMergeGate();
  const iid = sim.run.changes.code?.iid ?? 0;
  sim.deliver(sim.approve(iid, DANA));
  sim.deliver(sim.command('/autodev reject the name is wrong', MAX));
  sim.settle({ agents: false });
  expect(sim.world.merges.filter((merge) => merge.iid === iid)).toEqual([]);
  expect(sim.run.stage).toBe('address');
});

test('the answer of the first merge does not end a run that stands at its second gate', () => {
  const sim = atMergeGate();
  const merge = sim.world.effects.find(({ effect }) => effect.kind === 'merge_change');
  sim.deliver({ kind: 'effect_settled', runId: sim.run.id, effectId: merge?.id ?? 0 });
  expect(sim.run.stage).toBe('merge');
  expect(sim.run.verdict).toBeNull();
});
