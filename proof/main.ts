/**
 * `npm run proof`: plays attacks against the product and takes its defences away one by one. Prints a
 * table and, with `--out FILE`, one JSON object. Exit code 1 when a promise is broken or a mutant lives.
 */
import { writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { PROOFS } from './all.ts';
import { closeSharedPlace } from './faults/row.ts';
import { BACKENDS, LAYERS, type Plan } from './proof.ts';
import { runProof, type Outcome } from './run.ts';
import { machine, promisesOf, table, type Report } from './table.ts';

const ids = [...new Set(PROOFS.flatMap(({ proof }) => proof.id.split(' ')))];
const HELP = `node proof/main.ts [--ci] [--only ID,…] [--layer NAME,…] [--seed N] [--share S] [--out FILE]
  --ci         the short form
  --only ID,…  only these rows: ${ids.join(', ')}
  --layer NAME,… only attacks on functions, on a job, on the whole bot (bot), or faults around it (faults)
  --backend B  faults with pglite, postgres or redis (with PostgreSQL) below the bot; all of them by default
  --seed N     plays the same attacks again
  --share S    that part of the attacks, e.g. 0.1
  --out FILE   also write the outcome as JSON`;

const { values } = parseArgs({
  options: {
    ci: { type: 'boolean', default: false },
    only: { type: 'string' },
    layer: { type: 'string' },
    backend: { type: 'string', default: 'all' },
    seed: { type: 'string' },
    share: { type: 'string', default: '1' },
    out: { type: 'string' },
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
const wrong =
  backends.length === 0 ||
  unknown !== undefined ||
  layers?.some((layer) => !LAYERS.some((one) => one === layer)) === true ||
  !(share > 0 && share <= 1) ||
  !Number.isSafeInteger(seed) ||
  seed < 0;
if (values.help || wrong) {
  console.log(unknown === undefined ? HELP : `There is no row ${unknown}.\n${HELP}`);
  process.exit(values.help ? 0 : 2);
}

const chosen = PROOFS.filter(
  ({ proof }) =>
    (only === undefined || proof.id.split(' ').some((id) => only.includes(id))) &&
    (layers === undefined || layers.includes(proof.layer)) &&
    (proof.backend === undefined || backends.includes(proof.backend)) &&
    !(values.ci && proof.fullOnly === true && layers?.includes('bot') !== true),
);
const plan: Plan = { seed, full: !values.ci, share, say: (line) => console.error(line) };
const outcomes: Outcome[] = [];
for (const entry of chosen) {
  const { id, name, backend } = entry.proof;
  plan.say(`${id}: ${name}${backend === undefined ? '' : `, on ${backend}`}`);
  outcomes.push(await runProof(entry, plan));
}
await closeSharedPlace();
const promises = promisesOf(outcomes, only === undefined && values.layer === undefined);
const here = machine();
console.log(`${here.cores} cores, ${here.cpu}, Node ${here.node}, seed ${seed}\n`);
console.log(table(outcomes, promises));
const killed = outcomes.flatMap(({ mutants }) => mutants).filter((mutant) => mutant.killed).length;
const mutants = outcomes.flatMap((outcome) => outcome.mutants).length;
const attacks = outcomes.reduce((sum, { runs }) => sum + runs, 0);
console.log(`\n${attacks} attacks, ${killed} of ${mutants} mutants killed, seed ${seed}`);
if (values.out !== undefined) {
  const report: Report = { machine: here, seed, backend: values.backend, promises };
  await writeFile(values.out, `${JSON.stringify(report, null, 2)}\n`);
}
process.exitCode = promises.every(({ holds }) => holds) ? 0 : 1;
