/** Plays proofs: the attacks first, then each mutant until an attack finds that its defence is gone. */
import type { Entry } from './all.ts';
import { flagFor, install, know } from './mutants/install.ts';
import type { Backend, Figure, Mutant, Plan, Proof } from './proof.ts';
import { randomOf } from './random.ts';

export interface Outcome {
  id: string;
  name: string;
  layer: Proof['layer'];
  lane: string;
  /** What the bot stood on; null: it does not matter. */
  backend: Backend | null;
  runs: number;
  failures: { attack: number; about: string; what: string; late: boolean }[];
  mutants: { name: string; killed: boolean; by: string }[];
  /** Mutants that the form does not play. */
  spared: number;
  seconds: number;
  /** Why it was not played; null: it was. */
  missing: string | null;
  /** Not being played fails nothing. */
  optional: boolean;
  /** What else there is to tell. */
  told: string;
  /** What was measured; null: nothing. */
  figure: Figure | null;
}

/** Failures of one proof that are told; more say nothing new. */
const TOLD = 5;
/** Characters of what gave a mutant away. */
const TOLD_CHARS = 200;

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
    lane: entry.lane,
    backend: proof.backend ?? null,
    runs: 0,
    failures: [],
    mutants: [],
    spared: 0,
    seconds: 0,
    missing,
    optional: proof.optional ?? false,
    told: '',
    figure: null,
  };
  if (missing !== null) return none;
  proof.begin?.(plan);
  const runs = Math.max(1, Math.ceil((plan.full ? proof.runs.full : proof.runs.ci) * plan.share));
  const failures = await playAll(proof, { seed: plan.seed, from: 0, runs, most: TOLD });
  for (const { attack, about, what } of failures) {
    plan.say(`  ${id}, attack ${attack} of seed ${plan.seed}: ${about}: ${what}`);
  }
  const mutants: Outcome['mutants'] = [];
  // Mutants that are processes of their own keep both cores busy.
  const width = proof.playMutant === undefined ? 1 : 2;
  const taken = proof.mutants.filter(plan.takes);
  for (let at = 0; at < taken.length; at += width) {
    const some = taken.slice(at, at + width);
    const killers = await Promise.all(some.map((mutant) => kills(entry, mutant, plan)));
    for (const [n, { name }] of some.entries()) {
      const by = killers[n] ?? null;
      mutants.push({ name, killed: by !== null, by: by ?? '' });
      const told = by === null ? 'nobody noticed' : `noticed by ${by.slice(0, TOLD_CHARS)}`;
      plan.say(`  ${id}, without "${name}": ${told}`);
    }
  }
  await proof.close?.();
  const seconds = (performance.now() - started) / 1000;
  const [told, figure] = [proof.told?.() ?? '', proof.figure?.() ?? null];
  const spared = proof.mutants.length - taken.length;
  return { ...none, runs, failures, mutants, spared, seconds, told, figure };
}

interface Range {
  seed: number;
  from: number;
  runs: number;
  /** It is enough when so many have failed. */
  most: number;
}

/** The failures of attacks `from` to `from + runs` - 1, at most `most` of them. */
async function playAll(
  proof: Proof,
  { seed, from, runs, most }: Range,
): Promise<Outcome['failures']> {
  const failures: Outcome['failures'] = [];
  for (let attack = from; attack < from + runs && failures.length < most; attack += 1) {
    const random = randomOf(`${seed}/${proof.id}/${attack}`);
    let failure: string | null;
    let about = `attack ${attack}`;
    let late = false;
    try {
      ({ failure, about, late = false } = await proof.play(attack, random));
    } catch (error) {
      failure = `it threw ${error instanceof Error ? error.message : String(error)}`;
    }
    if (failure !== null) failures.push({ attack, about, what: failure, late });
  }
  const { failure = null, late = false } =
    (failures.length < most ? await proof.finish?.() : null) ?? {};
  if (failure !== null) {
    failures.push({ attack: from + runs, about: 'all attacks', what: failure, late });
  }
  return failures;
}

let installed = false;

/** What gave the mutant away, in a line; null: nothing did. */
async function kills(entry: Entry, mutant: Mutant, plan: Plan): Promise<string | null> {
  const { begin: _begin, finish: _finish, close: _close, ...bare } = entry.proof;
  const proof: Proof = entry.proof.playMutant
    ? { ...bare, ...entry.proof.playMutant(mutant, flagFor(mutant)) }
    : await loadedAnew(entry, mutant);
  const runs = proof.mutantRuns ?? proof.runs.ci;
  try {
    for (let from = 0; from < runs; from += STEP) {
      const step = Math.min(STEP, runs - from);
      const [first] = await playAll(proof, { seed: plan.seed, from, runs: step, most: 1 });
      if (first !== undefined) return `${first.about}: ${first.what}`;
    }
    return null;
  } finally {
    await proof.close?.();
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
