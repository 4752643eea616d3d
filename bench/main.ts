/**
 * `npm run bench`: the numbers of the product, as a table and, with `--out FILE`, as one JSON object
 * {machine, seed, figures: [{name, value, unit, peer?, ratio?}]}.
 */
import { writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { thisMachine } from '../eval/machine.ts';
import { benchAgent } from './agent.ts';
import { benchDecide } from './decide.ts';
import { table, type Bench, type Effort, type Figure } from './figure.ts';
import { benchGateway } from './gateway.ts';
import { benchIntake } from './intake.ts';
import { benchJourney } from './journey.ts';
import { benchMemory } from './memory.ts';
import { benchPipeline } from './pipeline.ts';
import { benchPrompt } from './prompt.ts';
import { benchQueries } from './queries.ts';
import { benchRepoMap } from './repo-map.ts';
import { benchSizes } from './sizes.ts';

const BENCHES: Record<string, Bench> = {
  decide: benchDecide,
  sizes: benchSizes,
  agent: benchAgent,
  prompt: benchPrompt,
  map: benchRepoMap,
  pipeline: benchPipeline,
  journey: benchJourney,
  gateway: benchGateway,
  queries: benchQueries,
  memory: benchMemory,
  intake: benchIntake,
};

const HELP = `node bench/main.ts [--quick] [--only NAME] [--out FILE] [--seed N]
  --quick      less of everything: under a minute instead of about three
  --only NAME  one of ${Object.keys(BENCHES).join(', ')}
  --out FILE   also write the figures as JSON
  --seed N     number that makes the payloads differ from another run's`;

const { values } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    only: { type: 'string' },
    out: { type: 'string' },
    seed: { type: 'string' },
    help: { type: 'boolean', default: false },
  },
});
const only = values.only;
if (values.help || (only !== undefined && BENCHES[only] === undefined)) {
  console.log(HELP);
  process.exit(values.help ? 0 : 2);
}

const seed = Number(values.seed ?? Date.now() % 1_000_000);
const effort: Effort = { quick: values.quick, seed, say: (line) => console.error(line) };
const chosen = Object.entries(BENCHES).filter(([name]) => only === undefined || name === only);
const figures: Figure[] = [];
for (const [, bench] of chosen) figures.push(...(await bench(effort)));

const machine = thisMachine();
console.log(`${machine.cores} cores, ${machine.cpu}, Node ${machine.node}, seed ${seed}\n`);
console.log(table(figures));
if (values.out !== undefined) {
  await writeFile(values.out, `${JSON.stringify({ machine, seed, figures }, null, 2)}\n`);
}
