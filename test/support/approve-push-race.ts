/**
 * Approving and pushing in a race (threats A6-A10): hooks that come late, twice, in any order or without a reason,
 * and decisions between whose look and commit the world moves.
 */
import type { Actor, Event } from '../../bot/domain/events.ts';
import { bot } from '../unit/decide/builders.ts';
import { DANA, levelOf, MAX, RITA, SAM } from './actors.ts';
import type { Held, Simulation } from './simulation.ts';

const STEPS = 30;
const APPROVERS: readonly Actor[] = [DANA, MAX, RITA, SAM, bot];

/** What the test itself notes: who approved which head while it was the head, and who worked on it. */
interface Witness {
  approved: Map<string, Set<number>>;
  pushed: Set<number>;
}

export interface Race {
  sim: Simulation;
  iid: number;
  /** Hooks on their way; they arrive in any order, or twice, or late. */
  hooks: Event[];
  /** Decisions between look and commit: the world moves meanwhile. */
  held: Held[];
  witness: Witness;
  log: string[];
}

function approve(race: Race, who: Actor): void {
  const { sim, iid, witness } = race;
  if (sim.change(iid).state !== 'opened') return;
  const { sha } = sim.head(sim.change(iid).branch);
  const entitled =
    levelOf(who.id) >= 30 && who.id !== SAM.id && who.id !== bot.id && !witness.pushed.has(who.id);
  if (entitled) {
    witness.approved.set(sha, (witness.approved.get(sha) ?? new Set()).add(who.id));
  }
  race.hooks.push(sim.approve(iid, who));
  race.log.push(`${who.username} approves ${Number(`0x${sha}`)}`);
}

function push(race: Race, who: Actor): void {
  const { sim, iid, witness } = race;
  if (sim.change(iid).state !== 'opened') return;
  // Somebody who works on the change is no approver of any head from now on.
  witness.pushed.add(who.id);
  race.hooks.push(sim.push(iid, who));
  race.log.push(`${who.username} pushes`);
}

/** One thing that happens: somebody acts, a hook arrives, the world moves, or the bot gets on. */
function step(race: Race, random: (below: number) => number): void {
  const { sim, iid, hooks, held, log } = race;
  const who = APPROVERS[random(APPROVERS.length)] ?? DANA;
  const change = sim.change(iid);
  sim.pass(random(3));
  switch (random(14)) {
    case 0:
    case 1:
    case 2:
      return approve(race, who);
    case 3:
      if (change.state === 'opened') hooks.push(sim.unapprove(iid, who));
      log.push(`${who.username} takes the approval back`);
      return;
    case 4:
      return push(race, random(4) === 0 ? MAX : SAM);
    case 5:
      change.mergeStatus =
        ['mergeable', 'ci_still_running', 'need_rebase'][random(3)] ?? 'mergeable';
      log.push(change.mergeStatus);
      return;
    case 6:
      return sim.wakeAll();
    case 7: {
      // A look that is committed later, on a world that has moved.
      const event = hooks[random(hooks.length)] ?? { kind: 'wake', runId: sim.run.id };
      held.push(sim.look(event));
      return;
    }
    case 8: {
      const [late] = held.splice(random(held.length), 1);
      if (late) sim.commit(late);
      return;
    }
    case 9: {
      const [reply] = sim.world.inbox.splice(random(sim.world.inbox.length), 1);
      if (reply) sim.deliver(reply);
      return;
    }
    case 10:
      // A hook that says what is not so: threat A10.
      if (change.state === 'opened' && !change.approvals.has(who.id)) {
        hooks.push(forged(sim, iid, who));
      }
      return;
    case 11:
    case 12: {
      // Mostly the newest, often an old one, sometimes one that came before.
      const event = hooks[random(3) > 0 ? hooks.length - 1 : random(hooks.length)];
      if (event) sim.deliver(event);
      log.push('a hook arrives');
      return;
    }
    default: {
      const pending = sim.pending();
      const effect = pending[random(pending.length)];
      if (effect) log.push(`${effect.effect.kind}: ${sim.perform(effect.id)}`);
    }
  }
}

/** An approval that nobody gave, as a hook tells of it. */
function forged(sim: Simulation, iid: number, who: Actor): Event {
  const event = sim.approve(iid, who);
  sim.change(iid).approvals.delete(who.id);
  return event;
}

/** Plays one race about change `iid`; returns what went wrong, or null. */
export function playRace(
  sim: Simulation,
  iid: number,
  random: (below: number) => number,
): { wrong: string | null; race: Race } {
  const witness: Witness = { approved: new Map(), pushed: new Set() };
  const race: Race = { sim, iid, hooks: [], held: [], witness, log: [] };
  for (let count = 0; count < STEPS; count += 1) step(race, random);
  for (const held of race.held) sim.commit(held);
  sim.settle({ agents: false, wakes: 2 });
  const merge = sim.world.merges.find((candidate) => candidate.iid === iid);
  if (sim.faults.length > 0) return { wrong: sim.faults.join('; '), race };
  if (!merge) return { wrong: null, race };
  const by = witness.approved.get(merge.sha) ?? new Set();
  return { wrong: by.size > 0 ? null : `${merge.sha} was merged unapproved`, race };
}
