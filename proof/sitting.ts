/** A run in several sittings: what was played before, of the same code and in the same way, is not played again. */
import { appendFileSync, existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { versionOf } from '../test/support/kept.ts';
import type { Entry } from './all.ts';
import type { Plan } from './proof.ts';
import type { Outcome } from './run.ts';

/** Whatever decides how any proof ends; of this folder and of test/support only some files decide, row by row. */
const PRODUCT = 'bot ci-templates config jobs sandbox schema package-lock.json'.split(' ');
const ROOT = path.resolve(import.meta.dirname, '..');
const HARNESS = ['proof/run.ts', 'proof/faults/row.ts'];
const BESIDE = /^(proof|test\/support)\//;
/** Types are gone when it runs. */
const TYPES_ALONE = /^import type [^;]*;$/gm;
const COMMENTS = /\/\*\*?[^]*?\*\/|^\s*\/\/.*$/gm;
const FILE_NAMES = /[\w./-]+\.(?:ts|mjs|json|py)\b/g;

export interface Sitting {
  /** Looks a row up before it is played: it counts for the code that it began with. */
  open(entry: Entry): Promise<Sat>;
}

export interface Sat {
  /** What is known of the row from before. */
  known: Outcome | undefined;
  /** Remembers the row's outcome at once: the next moment may be the last one. */
  keep(outcome: Outcome): void;
}

/** In which way a row is played. */
export interface Way extends Pick<Plan, 'seed' | 'full' | 'share'> {
  /** Whether some mutants are left out. */
  samples: boolean;
}

/** Nothing is known, and nothing is kept. */
export const ONE_SITTING: Sitting = {
  open: () => Promise.resolve({ known: undefined, keep: () => undefined }),
};

/**
 * Sittings that share `file`, which holds one JSON object a line and may be missing. Several lanes may write to
 * it. Lines of other code or another way are left alone, and so is one that was cut off.
 */
export function sittingIn(file: string, how: Way): Sitting {
  const before = existsSync(file) ? readFileSync(file, 'utf8').split('\n').flatMap(lineOf) : [];
  return {
    open: async ({ module, proof: { id, name, backend = null } }) => {
      const of = JSON.stringify({ code: await versionOf(sourcesOf(module)), ...how });
      const own = before.filter((line) => line.of === of).map(({ outcome }) => outcome);
      return {
        known: own.findLast((one) => one.id === id && one.name === name && one.backend === backend),
        keep: (outcome) => appendFileSync(file, `${JSON.stringify({ of, outcome })}\n`),
      };
    },
  };
}

/**
 * Files and folders that decide how a row of this module (below proof/) ends: the product, and of the files
 * that play it whatever one of them names, as an import, a program or a file that it reads.
 */
export function sourcesOf(module: string): string[] {
  const found = new Set<string>();
  const open = [...HARNESS, `proof/${module}`];
  for (let file = open.pop(); file !== undefined; file = open.pop()) {
    if (found.has(file)) continue;
    found.add(file);
    open.push(...namedIn(file));
  }
  return [...PRODUCT, ...[...found].toSorted()];
}

/** Files of proof/ and test/support that a file names, from the repository's top. */
function namedIn(file: string): string[] {
  const text = readFileSync(path.join(ROOT, file), 'utf8')
    .replaceAll(COMMENTS, '')
    .replaceAll(TYPES_ALONE, '');
  return [...text.matchAll(FILE_NAMES)]
    .flatMap(([name]) => [path.join(path.dirname(file), name), path.normalize(name)])
    .filter((name) => BESIDE.test(name) && existsSync(path.join(ROOT, name)));
}

function lineOf(text: string): { of: string; outcome: Outcome }[] {
  try {
    return [JSON.parse(text) as { of: string; outcome: Outcome }];
  } catch {
    return [];
  }
}
