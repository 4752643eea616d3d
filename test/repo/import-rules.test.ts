/**
 * The import matrix holds, and can fail: every rule is shown a tree in which it is broken.
 */
import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join, normalize } from 'node:path';
import { expect, test } from '@jest/globals';
import { root } from './support/sources.ts';

interface Violation {
  readonly rule: { readonly name: string };
  readonly from: string;
  readonly to: string;
}

const config = createRequire(import.meta.url)('../../.dependency-cruiser.cjs') as {
  forbidden: { name: string }[];
};

/** Runs the checker over `folder` and returns what it found, whatever its exit code. */
async function cruise(folder: string, paths: readonly string[]): Promise<Violation[]> {
  const program = join(root, 'node_modules/.bin/depcruise');
  const args = [program, '--config', '.dependency-cruiser.cjs', '--output-type', 'json', ...paths];
  const output = await new Promise<string>((resolve, reject) => {
    execFile(
      process.execPath,
      args,
      { cwd: folder, maxBuffer: 64_000_000 },
      (error, stdout, stderr) => {
        if (stdout.startsWith('{')) resolve(stdout);
        else reject(new Error(`dependency-cruiser did not answer: ${stderr}`, { cause: error }));
      },
    );
  });
  return (JSON.parse(output) as { summary: { violations: Violation[] } }).summary.violations;
}

/** One broken import: the rule it breaks, the file it stands in, and the statement. */
const BROKEN: readonly (readonly [rule: string, file: string, statement: string])[] = [
  ['layer-wire', 'schema/wire/a.ts', "import type { X } from '../../bot/domain/x.ts';"],
  ['layer-domain', 'bot/domain/a.ts', "import { x } from '../decide/x.ts';"],
  ['layer-domain', 'bot/domain/b.ts', "import type { X } from '../forge/forge.ts';"],
  ['layer-decide', 'bot/decide/a.ts', "import { x } from '../store/x.ts';"],
  ['layer-decide', 'bot/decide/b.ts', "import type { X } from '../forge/forge.ts';"],
  ['layer-decide', 'bot/decide/c.ts', "export { x } from '../config/x.ts';"],
  ['layer-config', 'bot/config/a.ts', "import { x } from '../store/x.ts';"],
  ['layer-forge-port', 'bot/forge/a.ts', "import { x } from './gitlab/x.ts';"],
  ['layer-forge-gitlab', 'bot/forge/gitlab/a.ts', "import { x } from '../github/x.ts';"],
  ['layer-forge-gitlab', 'bot/forge/gitlab/b.ts', "import { x } from '../../store/x.ts';"],
  ['layer-forge-github', 'bot/forge/github/a.ts', "import { x } from '../gitlab/x.ts';"],
  ['layer-store', 'bot/store/a.ts', "import { x } from '../queue/x.ts';"],
  ['layer-queue', 'bot/queue/a.ts', "import { x } from '../worker/x.ts';"],
  ['layer-gateway', 'bot/gateway/a.ts', "import { x } from '../queue/x.ts';"],
  ['layer-worker', 'bot/worker/a.ts', "import { x } from '../forge/gitlab/x.ts';"],
  ['layer-worker', 'bot/worker/publish/a.ts', "import { x } from '../../http/x.ts';"],
  ['layer-http', 'bot/http/a.ts', "import { x } from '../worker/x.ts';"],
  ['layer-http', 'bot/http/b.ts', "import { x } from '../forge/gitlab/x.ts';"],
  ['layer-root', 'bot/main.ts', "import { x } from '../jobs/x.ts';"],
  ['layer-root', 'bot/cli/a.ts', "const x = await import('../../sandbox/x.ts');"],
  ['layer-jobs', 'jobs/a.ts', "import { x } from '../bot/domain/x.ts';"],
  ['layer-jobs', 'jobs/b.ts', "import { x } from '../sandbox/x.ts';"],
  ['layer-sandbox', 'sandbox/a.ts', "import { x } from '../bot/domain/x.ts';"],
  ['layer-sandbox', 'sandbox/b.ts', "import { x } from '../jobs/x.ts';"],
  ['layer-eval', 'eval/a.ts', "import { x } from '../sandbox/gitlab/x.ts';"],
  ['layer-eval', 'eval/b.ts', "import { x } from '../test/x.ts';"],
  ['package-pg', 'bot/http/c.ts', "import pg from 'pg';"],
  ['package-pg', 'bot/queue/c.ts', "import { PGlite } from '@electric-sql/pglite';"],
  ['package-queue', 'bot/worker/c.ts', "import type { Job } from 'bullmq';"],
  ['package-queue', 'bot/store/c.ts', "import { Redis } from 'ioredis';"],
  ['package-gitbeaker', 'bot/worker/d.ts', "import { Gitlab } from '@gitbeaker/rest';"],
  ['package-octokit', 'bot/http/d.ts', "import { verify } from '@octokit/webhooks';"],
  ['known-folder', 'bot/helpers/a.ts', "import { x } from '../domain/x.ts';"],
  ['no-cycle', 'bot/domain/loop.ts', "import { loop } from './pool.ts';"],
  ['resolvable', 'bot/domain/lost.ts', "import { x } from './nowhere.ts';"],
  ['no-test-code-shipped', 'bot/domain/test-made.ts', "import { x } from '../../test/x.ts';"],
  ['no-test-code-shipped', 'bot/cli/b.ts', "import { x } from '../../eval/x.ts';"],
];

/** Imports the matrix allows; none of them may be reported. */
const FINE: readonly (readonly [file: string, statement: string])[] = [
  ['bot/decide/fine.ts', "import { x } from '../domain/x.ts';"],
  ['bot/forge/gitlab/fine.ts', "import { Gitlab } from '@gitbeaker/rest';"],
  ['bot/store/fine.ts', "import pg from 'pg';"],
  ['bot/queue/fine.ts', "import { Queue } from 'bullmq';"],
  ['bot/worker/fine.ts', "import { x } from '../forge/forge.ts';"],
  ['bot/http/fine.ts', "import { x } from '../forge/gitlab/webhooks.ts';"],
  ['bot/cli/fine.ts', "import { x } from '../forge/gitlab/x.ts';"],
  ['jobs/fine.ts', "import { x } from '../schema/wire/x.ts';"],
  ['eval/fine.ts', "import { x } from '../jobs/x.ts';"],
];

/** The other half of the planted cycle, which is reported once. */
const CYCLE = ['bot/domain/pool.ts', "import { pool } from './loop.ts';"] as const;

async function write(file: string, text: string): Promise<void> {
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, text, { flag: 'wx' });
}

async function plant(folder: string): Promise<void> {
  const all = [...BROKEN.map(([, file, statement]) => [file, statement] as const), ...FINE, CYCLE];
  for (const [file, statement] of all) await write(join(folder, file), `${statement}\n`);
  for (const [file, statement] of all) {
    const target = /'(\.[^']+)'/.exec(statement)?.[1];
    if (target === undefined || target.includes('nowhere')) continue;
    const path = join(folder, normalize(join(dirname(file), target)));
    await write(path, 'export const x = 1;\n').catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'EEXIST') throw error;
    });
  }
  await cp(join(root, '.dependency-cruiser.cjs'), join(folder, '.dependency-cruiser.cjs'));
}

test('nothing imports what it may not', async () => {
  const found = await cruise(root, ['bot', 'jobs', 'sandbox', 'schema', 'eval']);
  expect(found.map(({ rule, from, to }) => `${rule.name}: ${from} imports ${to}`)).toEqual([]);
});

test('every folder of bot/ has a row in the matrix', async () => {
  const names = config.forbidden.map(({ name }) => name);
  const folders = (await readdir(join(root, 'bot'), { withFileTypes: true }))
    .filter((entry) => entry.isDirectory() && entry.name !== 'cli' && entry.name !== 'forge')
    .map((entry) => `layer-${entry.name}`);
  expect(names).toEqual(expect.arrayContaining(folders));
});

test('each rule reports its own violation and no rule reports what is allowed', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'import-rules-'));
  try {
    await plant(folder);
    const found = await cruise(folder, ['bot', 'jobs', 'sandbox', 'schema', 'eval']);
    for (const [rule, file] of BROKEN) {
      expect(found.map((one) => `${one.rule.name} ${one.from}`)).toContain(`${rule} ${file}`);
    }
    const fine = new Set(FINE.map(([file]) => file));
    expect(found.filter(({ from }) => fine.has(from))).toEqual([]);
    const shown = new Set(BROKEN.map(([rule]) => rule));
    expect(config.forbidden.map(({ name }) => name).filter((name) => !shown.has(name))).toEqual([]);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});
