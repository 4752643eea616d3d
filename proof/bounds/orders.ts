/** Promise 10, R22 and R23: six events in every order, each once or twice, come to the same end. */
import { atOrders, endOf, ENDS, permutations, playOrder, WAYS } from '../../test/support/orders.ts';
import type { Simulation } from '../../test/support/simulation.ts';
import { broken, held, type Played, type Proof } from '../proof.ts';

const ORDERS = permutations([0, 1, 2, 3, 4, 5]);
const ALL = ORDERS.length * WAYS.length * ENDS.length;
/** Coprime to all of them, so that neighbours have nothing in common. */
const STRIDE = 1_009;

const begun = new Map<string, { base: Simulation; wanted: string }>();

function begin(end: (typeof ENDS)[number]): { base: Simulation; wanted: string } {
  const known = begun.get(end.name);
  if (known !== undefined) return known;
  const base = atOrders(end.found);
  const [way] = WAYS;
  if (way === undefined) throw new Error('no way');
  const made = { base, wanted: JSON.stringify(endOf(playOrder(base, [0, 1, 2, 3, 4, 5], way))) };
  begun.set(end.name, made);
  return made;
}

function play(index: number): Played {
  const at = (index * STRIDE) % ALL;
  const order = ORDERS[at % ORDERS.length] ?? [];
  const way = WAYS[Math.floor(at / ORDERS.length) % WAYS.length];
  const end = ENDS[Math.floor(at / ORDERS.length / WAYS.length)];
  if (way === undefined || end === undefined) return held('nothing');
  const { base, wanted } = begin(end);
  const about = `${end.name}, ${way.name}, in the order ${order.join('')}`;
  if (!wanted.includes(`"stage":"${end.stage}"`)) return broken(about, `the end is ${wanted}`);
  const got = JSON.stringify(endOf(playOrder(base, order, way)));
  return got === wanted ? held(about) : broken(about, `the end is ${got}`);
}

export const orders: Proof = {
  id: 'P10 R22 R23',
  name: '720 orders of six events, once and twice, with effects in between or not: one end',
  layer: 'functions',
  runs: { ci: 150, full: ALL },
  play,
  mutants: [
    {
      name: 'a verify stage waits for all its agents',
      file: 'bot/decide/verify.ts',
      from: '  if (waiting.length > 0) {',
      to: '  if (waiting.length > 2) {',
    },
  ],
};
