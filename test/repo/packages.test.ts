/** What is installed is exactly what was chosen, and each choice has a reason. */
import { expect, test } from '@jest/globals';
import { read } from './support/sources.ts';

interface Manifest {
  readonly dependencies: Record<string, string>;
  readonly devDependencies: Record<string, string>;
  readonly allowScripts: Record<string, boolean>;
  readonly engines: Record<string, string>;
}
interface Locked {
  readonly version?: string;
  readonly resolved?: string;
  readonly integrity?: string;
  readonly hasInstallScript?: boolean;
  readonly optional?: boolean;
  readonly dependencies?: Record<string, string>;
  readonly devDependencies?: Record<string, string>;
  readonly engines?: Record<string, string>;
}

const manifest = JSON.parse(read('package.json')) as Manifest;
const lock = JSON.parse(read('package-lock.json')) as { packages: Record<string, Locked> };
const chosen = { ...manifest.dependencies, ...manifest.devDependencies };

/** What the product runs on, and why each is worth depending on. */
const RUN_TIME: Readonly<Record<string, string>> = {
  '@anthropic-ai/sdk': 'the messages client of the builtin engine, kept up to date by its vendor',
  '@electric-sql/pglite': 'PostgreSQL without a server, so that the bot starts with no set-up',
  '@gitbeaker/requester-utils': 'replaces the retrying requester of @gitbeaker/rest with ours',
  '@gitbeaker/rest': 'typed GitLab REST client',
  '@octokit/webhooks': 'verifies signatures of GitHub and types its payloads',
  '@secretlint/core': 'the secret scan of the publisher, rules maintained by others',
  '@secretlint/secretlint-rule-preset-recommend': 'the rules of that scan',
  bullmq: 'the queue on Redis or PostgreSQL',
  commander: 'arguments and help of the command line',
  express: 'HTTP server',
  ioredis: 'the Redis client BullMQ asks for',
  jose: 'verifies id tokens against a key set',
  openai: 'the Responses client of the builtin engine, kept up to date by its vendor',
  pg: 'PostgreSQL client',
  pino: 'structured log lines at low cost',
  saxes: 'reads coverage files that strangers shaped, as XML and nothing more',
  yaml: 'reads settings and front matter with line numbers for errors',
  zod: 'one description for types and checks of everything that crosses a border',
};

test('every version is exact', () => {
  const loose = Object.entries(chosen).filter(([, version]) => !/^\d+\.\d+\.\d+$/.test(version));
  expect(loose).toEqual([]);
});

test('the lock file is in step with package.json', () => {
  const own = lock.packages[''];
  expect(own?.dependencies).toEqual(manifest.dependencies);
  expect(own?.devDependencies).toEqual(manifest.devDependencies);
  expect(own?.engines).toEqual(manifest.engines);
  const locked = Object.keys(chosen).map((name) => [
    name,
    lock.packages[`node_modules/${name}`]?.version,
  ]);
  expect(Object.fromEntries(locked)).toEqual(chosen);
});

test('the lock file names no private registry and no unchecked archive', () => {
  const strange = Object.entries(lock.packages).filter(
    ([, { resolved, integrity }]) =>
      resolved !== undefined &&
      (!resolved.startsWith('https://registry.npmjs.org/') || integrity === undefined),
  );
  expect(strange.map(([path, { resolved }]) => `${path} ${resolved}`)).toEqual([]);
});

test('every install script was decided on', () => {
  const withScript = Object.entries(lock.packages)
    .filter(([, { hasInstallScript }]) => hasInstallScript === true)
    .map(([path]) => path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length));
  expect([...new Set(withScript)].toSorted()).toEqual(
    Object.keys(manifest.allowScripts).toSorted(),
  );
});

test('run-time dependencies are the ones with a reason', () => {
  expect(Object.keys(manifest.dependencies).toSorted()).toEqual(Object.keys(RUN_TIME).toSorted());
});

test('the pinned Node satisfies engines', () => {
  const least = Number(/>=(\d+)/.exec(manifest.engines.node ?? '')?.[1]);
  expect(Number(manifest.devDependencies.node?.split('.')[0])).toBeGreaterThanOrEqual(least);
});
