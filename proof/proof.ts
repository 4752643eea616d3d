/** What a proof is: attacks that are played by number, and the defences without which it must fail. */
import type { Random } from './random.ts';

/** How far from the product's own processes an attack is played. */
export const LAYERS = ['functions', 'job', 'bot', 'faults'] as const;
export type Layer = (typeof LAYERS)[number];

/** Where the bot keeps what it knows: embedded, PostgreSQL alone, or PostgreSQL with Redis for the queue. */
export type Backend = 'pglite' | 'postgres' | 'redis';
export const BACKENDS: readonly Backend[] = ['pglite', 'postgres', 'redis'];

/** How a run of the command plays its proofs. */
export interface Plan {
  seed: number;
  full: boolean;
  /** Share of the attacks that is played, from above 0 to 1. */
  share: number;
  /** Whether this defence is taken away; the short form leaves some out that take processes of their own. */
  takes: (mutant: Mutant) => boolean;
  /** Takes a line for people, e.g. progress. */
  say: (line: string) => void;
}

/** What a proof measured besides what held, e.g. 4,200 ms. */
export interface Figure {
  value: number;
  /** What is counted, e.g. `ms p99 to resume`. */
  unit: string;
  /** False: the figure itself breaks the promise. */
  holds: boolean;
}

export interface Played {
  /** What went wrong, in one line; null: the promise held. */
  failure: string | null;
  /** What was attacked, for the line of a failure. */
  about: string;
  /** It took too long, and nothing else is known to be wrong. */
  late?: boolean;
}

export interface Edit {
  /** File of the product. */
  file: string;
  /** Text that stands there exactly once, and what takes its place. */
  from: string;
  to: string;
}

export interface Mutant extends Edit {
  /** The defence that is taken away, in a few words. */
  name: string;
  /** Where two defences guard one thing, both are taken away. */
  also?: readonly Edit[];
}

export interface Proof {
  /** Row of the list of threats, e.g. `D1`; several rows may share one proof. */
  id: string;
  /** The promise, as the table says it. */
  name: string;
  layer: Layer;
  /** What the bot stands on; absent: it does not matter, or it is the embedded database. */
  backend?: Backend;
  /** Left out of the short form. */
  fullOnly?: boolean;
  /** Attacks in the short form and in the full one. */
  runs: { ci: number; full: number };
  /** Called once, before the first attack. */
  begin?(plan: Plan): void;
  /** Plays attack number `index`; what is not fixed by the number comes from `random`. */
  play(index: number, random: Random): Promise<Played> | Played;
  /** Plays against a process that `flag` of Node makes a mutant; without it the modules here are. */
  playMutant?(mutant: Mutant, flag: string): Pick<Proof, 'play' | 'finish' | 'close'>;
  /** What was measured over all attacks; null: nothing. */
  figure?(): Figure | null;
  /** What is told beside the figures. */
  told?(): string;
  /** Defences, each of which is taken away once. */
  mutants: readonly Mutant[];
  /** Attacks after which a mutant counts as survived; default: those of the short form. */
  mutantRuns?: number;
  /** Why the promise is not made here, e.g. because the machine gives no namespaces; null: it is made. */
  missing?: () => string | null;
  /** True: a machine that lacks what it needs fails nothing; its row says SKIPPED. */
  optional?: boolean;
  /** Looks at what all attacks together left behind. */
  finish?(): Promise<Pick<Played, 'failure' | 'late'> | null>;
  close?(): Promise<void>;
}

export const held = (about: string): Played => ({ about, failure: null });
export const broken = (about: string, failure: string, late = false): Played => ({
  ...{ about, failure, late },
});
