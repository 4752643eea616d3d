// `npm run schema:json`: writes schema/json/*.json from schema/wire, for editors and for whoever reads
// results with other programs. With `--check` it writes nothing and ends with 1 when a file is not as it
// has to be, which is what `npm run check` asks.
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { AgentFrontMatter } from '../schema/wire/agent.ts';
import { RepoConfig } from '../schema/wire/repo-config.ts';
import { REPORTS } from '../schema/wire/report.ts';
import { JobResult } from '../schema/wire/result.ts';
import { Settings } from '../schema/wire/settings.ts';
import { Workflow } from '../schema/wire/workflow.ts';
import { root } from './tools.mjs';

const FILES = {
  settings: ['config/settings.yaml', Settings],
  'repo-config': ['.autodev.yml of a repository', RepoConfig],
  agent: ['front matter of config/agents/*.md', AgentFrontMatter],
  workflow: ['config/workflows/*.yaml', Workflow],
  'job-result': ['what an agent job sends back', JobResult],
  ...Object.fromEntries(
    Object.entries(REPORTS).map(([kind, schema]) => [
      `report-${kind.replaceAll('_', '-')}`,
      [`report of kind ${kind}`, schema],
    ]),
  ),
};

/** Bounds that every safe integer keeps say nothing. */
function override({ jsonSchema }) {
  if (jsonSchema.minimum === Number.MIN_SAFE_INTEGER) delete jsonSchema.minimum;
  if (jsonSchema.maximum === Number.MAX_SAFE_INTEGER) delete jsonSchema.maximum;
}

/** File names and texts, as they have to be. */
function jsonSchemas() {
  return Object.entries(FILES).map(([name, [title, schema]]) => {
    const { $schema, ...rest } = z.toJSONSchema(schema, { io: 'input', override });
    return [`${name}.json`, `${JSON.stringify({ $schema, title, ...rest }, null, 2)}\n`];
  });
}

const dir = join(root, 'schema', 'json');
await mkdir(dir, { recursive: true });
const wanted = new Map(jsonSchemas());
const wrong = [];
for (const name of await readdir(dir)) if (!wanted.has(name)) wrong.push(name);
for (const [name, text] of wanted) {
  if ((await readFile(join(dir, name), 'utf8').catch(() => '')) !== text) wrong.push(name);
}
if (process.argv.includes('--check')) {
  for (const name of wrong) {
    console.log(`schema/json/${name} is not what schema/wire makes: npm run schema:json`);
  }
  process.exitCode = wrong.length === 0 ? 0 : 1;
} else {
  for (const name of wrong) {
    const text = wanted.get(name);
    await (text === undefined ? rm(join(dir, name)) : writeFile(join(dir, name), text));
  }
}
