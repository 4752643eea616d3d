// `npm run check`: everything that can be said about the code without running the product.
//
// Runs every step also after one has failed, and ends with one line per step. Names of steps as
// arguments run only those: `npm run check -- lint types`.
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { root, run } from './tools.mjs';

/** Seconds one step may take; the whole is meant to stay under 90. */
const STEP_SECONDS = 120;

const quiet = { quiet: true, seconds: STEP_SECONDS };
const ours = ['bot', 'jobs', 'sandbox', 'schema', 'eval', 'test', 'bench', 'proof'];

/** Both generated schemas: of the database and of what programs send each other. */
async function schemas() {
  const [sql, json] = [
    await schemaDrift(),
    await run('node', ['.ci/dump-json-schemas.mjs', '--check'], quiet),
  ];
  return {
    code: sql.code || json.code,
    output: `${sql.output}${json.output}`,
    seconds: sql.seconds + json.seconds,
  };
}

/** Dumps the schema anew and compares; the file on disk is left as it was found. */
async function schemaDrift() {
  const file = join(root, 'schema', 'sql', 'schema.dump.sql');
  const before = await readFile(file, 'utf8').catch(() => '');
  const result = await run('node', ['.ci/dump-schema.mjs'], quiet);
  const after = await readFile(file, 'utf8').catch(() => '');
  if (result.code !== 0 || after === before) return result;
  await writeFile(file, before);
  return {
    ...result,
    code: 1,
    output: `schema/sql/schema.dump.sql is not what the migrations make: npm run schema:dump\n`,
  };
}

const steps = {
  format: () => run('prettier', ['--check', '--cache', '--log-level', 'warn', '.'], quiet),
  lint: () => run('oxlint', ['--deny-warnings', '--format', 'unix'], quiet),
  types: () => run('tsc', ['-p', '.'], quiet),
  imports: () => run('depcruise', ['--config', '.dependency-cruiser.cjs', ...ours], quiet),
  unused: () => run('knip', ['--no-progress'], quiet),
  schema: schemas,
  rules: () => run('node', ['.ci/jest.mjs', 'test/repo', '--silent'], quiet),
};

const asked = process.argv.slice(2);
const unknown = asked.filter((name) => !(name in steps));
if (unknown.length > 0) {
  console.error(`no such step: ${unknown.join(', ')}; there are ${Object.keys(steps).join(', ')}`);
  process.exit(2);
}

const lines = [];
let failed = 0;
let total = 0;
for (const name of asked.length > 0 ? asked : Object.keys(steps)) {
  const { code, output, seconds } = await steps[name]();
  const line = `${code === 0 ? 'ok  ' : 'FAIL'}  ${name.padEnd(8)} ${seconds.toFixed(1).padStart(5)} s`;
  console.log(line);
  if (code !== 0) console.log(`${output.trimEnd()}\n`);
  lines.push(line);
  failed += code === 0 ? 0 : 1;
  total += seconds;
}
if (failed > 0) console.log(`\n${lines.join('\n')}`);
console.log(`\ncheck: ${failed === 0 ? 'passed' : `${failed} failed`} in ${total.toFixed(1)} s`);
process.exitCode = failed === 0 ? 0 : 1;
