/** A6, A7, A9, A10 and promise 19: whatever races, no head is merged that nobody entitled approved as the head. */
import { atMergeGate, atSpecGate } from '../../test/support/actors.ts';
import { playRace } from '../../test/support/approve-push-race.ts';
import type { Simulation } from '../../test/support/simulation.ts';
import { broken, held, type Played, type Proof } from '../proof.ts';
import type { Random } from '../random.ts';

const WORLDS = [
  { name: 'Free', start: () => atMergeGate({ tellsTimes: false, resets: false }), spec: false },
  { name: 'Premium', start: () => atMergeGate({ tellsTimes: true, resets: true }), spec: false },
  { name: 'a specification', start: () => atSpecGate({ resets: false }), spec: true },
];

const begun = new Map<string, Simulation>();
let merged = 0;
let races = 0;

function play(index: number, random: Random): Played {
  const world = WORLDS[index % WORLDS.length];
  if (world === undefined) return held('nothing');
  const base = begun.get(world.name) ?? world.start();
  begun.set(world.name, base);
  const iid = base.run.changes[world.spec ? 'spec' : 'code']?.iid ?? 0;
  const { wrong, race } = playRace(base.fork(), iid, (below) => random.int(below));
  races += 1;
  if (race.sim.world.merges.some((merge) => merge.iid === iid)) merged += 1;
  const about = `${world.name}: ${race.log.slice(-8).join(', ')}`;
  return wrong === null ? held(about) : broken(about, wrong);
}

const GATES = 'bot/domain/gates.ts';

export const gates: Proof = {
  id: 'A6 A7 A9 A10 P19',
  name: 'Approve, push, take back and lie in a race: only a head that somebody entitled approved is merged',
  layer: 'functions',
  runs: { ci: 300, full: 3_000 },
  mutantRuns: 6_000,
  play,
  finish: () =>
    // Races in which nothing is ever merged would prove nothing.
    Promise.resolve({
      failure: races > 200 && merged < races / 20 ? `only ${merged} of ${races} merged` : null,
    }),
  mutants: [
    {
      name: 'the bot decides nothing',
      file: GATES,
      from: 'if (id === facts.botId)',
      to: 'if (false)',
      // It has no level here: held twice.
      also: [
        {
          file: GATES,
          from: 'if (approval.level < DEVELOPER)',
          to: 'if (id !== facts.botId && approval.level < DEVELOPER)',
        },
      ],
    },
    {
      name: 'nobody approves what they asked for',
      file: GATES,
      from: 'if (id === facts.requesterId)',
      to: 'if (false)',
    },
    {
      name: 'nobody approves their own commits',
      file: GATES,
      from: 'if (facts.contributors.includes(id))',
      to: 'if (false)',
    },
    {
      name: 'who approves is Developer',
      file: GATES,
      from: 'if (approval.level < DEVELOPER)',
      to: 'if (false)',
    },
    {
      name: 'approved at this head',
      file: GATES,
      from: 'return forThisHead(approval, facts) ? null',
      to: 'return true || forThisHead(approval, facts) ? null',
    },
  ],
};
