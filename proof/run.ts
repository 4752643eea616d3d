/** Plays proofs: the attacks first, then each mutant until an attack finds that its defence is gone. */
import type { Entry } from './all.ts';
import { flagFor, install, know } from './mutants/install.ts';
import type { Mutant, Proof } from './proof.ts';
import { randomOf } from './random.ts';

export interface Outcome {
  id: string;
  name: string;
  layer: Proof['layer'];
  runs: number;
  failures: { attack: number; about: string; what: string }[];
  mutants: { name: string; killed: boolean; by: string }[];
  seconds: number;
  /** Why it was not played; null: it was. */
  missing: string | null;
  /** What else there is to tell. */
  told: string;
}

export interface Plan {
  seed: number;
  full: boolean;
  /** Share of the attacks that is played, from above 0 to 1. */
  share: number;
  say: (line: string) => void;
}

/** Failures of one proof that are told; more say nothing new. */
const TOLD = 5;

/** Plays one proof and its mutants. */
export async function runProof(entry: Entry, plan: Plan): Promise<Outcome> {
  const { proof } = entry;
  const started = performance.now();
  const { id, name, layer } = proof;
  const missing = proof.missing?.() ?? null;
  const none = {
    id,
    name,
    layer,
    runs: 0,
    failures: [],
    mutants: [],
    seconds: 0,
    missing,
    told: '',
  };
  if (missing !== null) return none;
  const runs = Math.max(1, Math.ceil((plan.full ? proof.runs.full : proof.runs.ci) * plan.share));
  const failures = await playAll(proof, { ...plan, from: 0, runs });
  for (const { attack, about, what } of failures) {
    plan.say(`  ${id}, attack ${attack} of seed ${plan.seed}: ${about}: ${what}`);
  }
  const mutants: Outcome['mutants'] = [];
  // Mutants that are processes of their own keep both cores busy.
  const width = proof.playMutant === undefined ? 1 : 2;
  for (let at = 0; at < proof.mutants.length; at += width) {
    const some = proof.mutants.slice(at, at + width);
    const killers = await Promise.all(some.map((mutant) => kills(entry, mutant, plan)));
    for (const [n, { name }] of some.entries()) {
      const by = killers[n] ?? null;
      mutants.push({ name, killed: by !== null, by: by ?? '' });
      if (by === null) plan.say(`  ${id}: nobody noticed that "${name}" was gone`);
    }
  }
  await proof.close?.();
  const seconds = (performance.now() - started) / 1000;
  return { ...none, runs, failures, mutants, seconds, told: proof.told?.() ?? '' };
}

interface Range {
  seed: number;
  from: number;
  runs: number;
}

/** The failures of attacks `from` to `from + runs` - 1, at most TOLD of them. */
async function playAll(proof: Proof, { seed, from, runs }: Range): Promise<Outcome['failures']> {
  const failures: Outcome['failures'] = [];
  for (let attack = from; attack < from + runs && failures.length < TOLD; attack += 1) {
    const random = randomOf(`${seed}/${proof.id}/${attack}`);
    let failure: string | null;
    let about = `attack ${attack}`;
    try {
      ({ failure, about } = await proof.play(attack, random));
    } catch (error) {
      failure = `it threw ${error instanceof Error ? error.message : String(error)}`;
    }
    if (failure !== null) failures.push({ attack, about, what: failure });
  }
  const after = await proof.finish?.();
  if (after != null) failures.push({ attack: from + runs, about: 'all attacks', what: after });
  return failures;
}

let installed = false;

/** What gave the mutant away, in a line; null: nothing did. */
async function kills(entry: Entry, mutant: Mutant, plan: Plan): Promise<string | null> {
  const proof = entry.proof.playMutant
    ? { ...entry.proof, play: entry.proof.playMutant(mutant, flagFor(mutant)) }
    : await loadedAnew(entry, mutant);
  const runs = proof.mutantRuns ?? proof.runs.ci;
  try {
    for (let from = 0; from < runs; from += STEP) {
      const step = Math.min(STEP, runs - from);
      const [first] = await playAll(proof, { seed: plan.seed, from, runs: step });
      if (first !== undefined) return `${first.about}: ${first.what}`;
    }
    return null;
  } finally {
    if (proof.playMutant === undefined) await proof.close?.();
  }
}

/** The proof with all modules that it imports, one of them changed. */
async function loadedAnew(entry: Entry, mutant: Mutant): Promise<Proof> {
  if (!installed) install();
  installed = true;
  const url = new URL(entry.module, import.meta.url);
  url.search = `?mutant=${know(mutant)}`;
  const changed = (await import(url.href)) as Record<string, Proof | undefined>;
  const proof = changed[entry.name];
  if (proof === undefined) throw new Error(`${entry.module} has no proof ${entry.name}`);
  return proof;
}

/** Attacks between two looks at what a mutant left behind. */
const STEP = 500;
