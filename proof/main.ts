/**
 * `npm run proof`: plays attacks against the product and takes its defences away one by one. Prints a
 * table and, with `--out FILE`, one JSON object. Exit code 1 when a promise is broken or a mutant lives.
 */
import { writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { PROOFS, type Entry } from './all.ts';
import { closeSharedPlace } from './faults/row.ts';
import { BACKENDS, LAYERS, type Plan } from './proof.ts';
import { playLanes, playShortAgain, rowPlayer, sampled } from './lanes.ts';
import { runProof, type Outcome } from './run.ts';
import { ONE_SITTING, sittingIn } from './sitting.ts';
import { brokenOnes, machine, promisesOf, table, type Report } from './table.ts';

const lanesOf = (entries: readonly Entry[]): string[] => [
  ...new Set(entries.map(({ lane }) => lane)),
];
const ids = [...new Set(PROOFS.flatMap(({ proof }) => proof.id.split(' ')))];
const HELP = `node proof/main.ts [--ci] [--only ID,…] [--layer NAME,…] [--backend B] [--seed N] [--share S]
                    [--at-once N] [--out FILE] [--continue FILE]
  --ci         the short form; it takes away a tenth of the defences whose mutants are processes
  --only ID,…  only these rows: ${ids.join(', ')}
  --layer NAME,… only attacks on functions, on a job, on the whole bot (bot), or faults around it (faults)
  --backend B  faults with pglite, postgres or redis (with PostgreSQL) below the bot; all of them by default
  --seed N     plays the same attacks again
  --share S    that part of the attacks, e.g. 0.1
  --at-once N  lanes that are played beside each other: ${lanesOf(PROOFS).join(', ')}; 5 in the
               short form, else 1
  --out FILE   also write the outcome as JSON
  --continue FILE  a run in several sittings: keep each row's outcome in FILE as soon as it is there, and
               play no row again that FILE has of the same code, seed and form`;

const { values } = parseArgs({
  options: {
    ci: { type: 'boolean', default: false },
    only: { type: 'string' },
    layer: { type: 'string' },
    backend: { type: 'string', default: 'all' },
    seed: { type: 'string' },
    share: { type: 'string', default: '1' },
    'at-once': { type: 'string' },
    // How a lane is asked for, or one row of it, and where it leaves what it found.
    lane: { type: 'string' },
    row: { type: 'string' },
    outcomes: { type: 'string' },
    out: { type: 'string' },
    continue: { type: 'string' },
    help: { type: 'boolean', default: false },
  },
});
const only = values.only?.split(',').map((id) => id.trim());
const unknown = only?.find((id) => !ids.includes(id));
const layers = values.layer?.split(',').map((layer) => layer.trim());
const backends =
  values.backend === 'all' ? BACKENDS : BACKENDS.filter((one) => one === values.backend);
const share = Number(values.share);
const seed = Number(values.seed ?? Date.now() % 1_000_000);
const atOnce = Number(values['at-once'] ?? (values.ci ? 5 : 1));
const wrong =
  backends.length === 0 ||
  unknown !== undefined ||
  layers?.some((layer) => !LAYERS.some((one) => one === layer)) === true ||
  !(share > 0 && share <= 1) ||
  !(Number.isSafeInteger(atOnce) && atOnce > 0) ||
  !Number.isSafeInteger(seed) ||
  seed < 0;
if (values.help || wrong) {
  console.log(unknown === undefined ? HELP : `There is no row ${unknown}.\n${HELP}`);
  process.exit(values.help ? 0 : 2);
}

const chosen = PROOFS.filter(
  ({ proof, lane }) =>
    (only === undefined || proof.id.split(' ').some((id) => only.includes(id))) &&
    (layers === undefined || layers.includes(proof.layer)) &&
    (proof.backend === undefined || backends.includes(proof.backend)) &&
    (values.lane === undefined || values.lane === lane) &&
    (values.row === undefined || values.row === proof.name) &&
    !(values.ci && proof.fullOnly === true && layers?.includes('bot') !== true),
);
const way = { seed, full: !values.ci, share, samples: values.ci && only === undefined };
const plan: Plan = {
  ...way,
  takes: way.samples ? sampled(PROOFS, seed) : () => true,
  say: (line) => console.error(line),
};
const { continue: sittings } = values;
const sitting = sittings === undefined ? ONE_SITTING : sittingIn(sittings, way);
const lanes = lanesOf(chosen);
const args = [...process.argv.slice(2), '--seed', String(seed)];
const outcomes =
  lanes.length > 1
    ? await playShortAgain(await playLanes(lanes, args, atOnce), rowPlayer(args), plan.say)
    : await playHere(chosen);
if (values.outcomes !== undefined) {
  await writeFile(values.outcomes, JSON.stringify(outcomes));
  process.exit(0);
}
const promises = promisesOf(outcomes, only === undefined && values.layer === undefined);
const here = machine();
console.log(`${here.cores} cores, ${here.cpu}, Node ${here.node}, seed ${seed}\n`);
console.log(table(outcomes, promises));
const killed = outcomes.flatMap(({ mutants }) => mutants).filter((mutant) => mutant.killed).length;
const mutants = outcomes.flatMap((outcome) => outcome.mutants).length;
const spared = outcomes.reduce((sum, outcome) => sum + outcome.spared, 0);
const attacks = outcomes.reduce((sum, { runs }) => sum + runs, 0);
const more = spared === 0 ? '' : ` (the short form leaves out ${spared})`;
console.log(`\n${attacks} attacks, ${killed} of ${mutants} mutants killed${more}, seed ${seed}`);
const broken = brokenOnes(promises);
if (broken !== '') console.log(`\n${broken}`);
if (values.out !== undefined) {
  const report: Report = { machine: here, seed, backend: values.backend, promises };
  await writeFile(values.out, `${JSON.stringify(report, null, 2)}\n`);
}
const leftOut = outcomes.map(({ missing, optional }) => missing !== null && optional);
process.exitCode = promises.every(({ holds }, at) => holds || leftOut[at] === true) ? 0 : 1;

async function playHere(entries: readonly Entry[]): Promise<Outcome[]> {
  const played: Outcome[] = [];
  for (const entry of entries) {
    const { id, name, backend } = entry.proof;
    plan.say(`${id}: ${name}${backend === undefined ? '' : `, on ${backend}`}`);
    // A row that is asked for by itself is wanted anew.
    const before = await sitting.open(entry);
    const known = values.row === undefined ? before.known : undefined;
    if (known !== undefined) plan.say(`  ${id} was played before`);
    const outcome = known ?? (await runProof(entry, plan));
    if (known === undefined) before.keep(outcome);
    played.push(outcome);
  }
  await closeSharedPlace();
  return played;
}
