/** A run in several sittings: what was played before, of the same code and in the same way, is not played again. */
import { appendFileSync, existsSync, readFileSync } from 'node:fs';
import { versionOf } from '../test/support/kept.ts';
import type { Plan, Proof } from './proof.ts';
import type { Outcome } from './run.ts';

/** Whatever decides how a proof ends. */
const SOURCES = [
  ...['bot', 'ci-templates', 'config', 'jobs', 'proof', 'sandbox', 'schema'],
  ...['test/support', 'package-lock.json'],
];

export interface Sitting {
  /** What is known of this proof from before. */
  known(proof: Proof): Outcome | undefined;
  /** Remembers an outcome at once: the next moment may be the last one. */
  keep(outcome: Outcome): void;
}

/** In which way a row is played. */
export interface Way extends Pick<Plan, 'seed' | 'full' | 'share'> {
  /** Whether some mutants are left out. */
  samples: boolean;
}

/** Nothing is known, and nothing is kept. */
export const ONE_SITTING: Sitting = { known: () => undefined, keep: () => undefined };

/**
 * Sittings that share `file`, which holds one JSON object a line and may be missing. Several lanes may write to
 * it. Lines of other code or another way are left alone, and so is one that was cut off.
 */
export async function sittingIn(file: string, how: Way): Promise<Sitting> {
  const of = JSON.stringify({ code: await versionOf(SOURCES), ...how });
  const before = existsSync(file) ? readFileSync(file, 'utf8').split('\n').flatMap(lineOf) : [];
  const own = before.filter((line) => line.of === of).map(({ outcome }) => outcome);
  return {
    known: ({ id, name, backend = null }) =>
      own.findLast((one) => one.id === id && one.name === name && one.backend === backend),
    keep: (outcome) => appendFileSync(file, `${JSON.stringify({ of, outcome })}\n`),
  };
}

function lineOf(text: string): { of: string; outcome: Outcome }[] {
  try {
    return [JSON.parse(text) as { of: string; outcome: Outcome }];
  } catch {
    return [];
  }
}
