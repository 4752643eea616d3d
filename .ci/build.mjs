// `npm run build`: bundles what is started often or copied into images.
//
//   dist/autodev-job/main.mjs  what a CI job runs: everything inside, no node_modules beside it
//   dist/autodev.mjs           the bot and its commands; packages stay outside, because PGlite's wasm,
//                              BullMQ's scripts and pino's worker are files they look for beside them
//
// Both expect to find schema/, config/ and ci-templates/ where the repository has them; see ownPlaces.
import { chmod, readFile, rm, stat } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { build } from 'esbuild';
import { root } from './tools.mjs';

/** Lets CommonJS packages inside an ES module bundle ask for Node's own modules. */
const REQUIRE_BANNER =
  "import { createRequire as __createRequire } from 'node:module';\n" +
  'const require = __createRequire(import.meta.url);';

/**
 * Keeps `import.meta.url` of our own sources meaning their place in the repository, although the
 * bundle stands in dist/: files are found by `new URL('../../schema/sql', import.meta.url)`.
 *
 * @param {string} up path from the bundle to the repository, ending in a slash
 */
function ownPlaces(up) {
  return {
    name: 'own-places',
    setup(setup) {
      setup.onLoad({ filter: /[/](bot|jobs|schema)[/].*[.]ts$/ }, async ({ path }) => {
        const contents = await readFile(path, 'utf8');
        const place = JSON.stringify(relative(root, path));
        return {
          contents: contents
            .replaceAll('import.meta.url', `new URL(${place}, __root).href`)
            .replaceAll('import.meta.dirname', `__path(new URL('.', new URL(${place}, __root)))`),
          loader: 'ts',
        };
      });
      setup.initialOptions.banner = {
        js: [
          '#!/usr/bin/env node',
          "import { fileURLToPath as __path } from 'node:url';",
          `const __root = new URL(${JSON.stringify(up)}, import.meta.url);`,
          REQUIRE_BANNER,
        ].join('\n'),
      };
    },
  };
}

const shared = {
  absWorkingDir: root,
  bundle: true,
  platform: 'node',
  target: 'node24',
  format: 'esm',
  legalComments: 'none',
  logLevel: 'warning',
};

const bundles = [
  {
    ...shared,
    entryPoints: ['jobs/main.ts'],
    outfile: 'dist/autodev-job/main.mjs',
    minifySyntax: true,
    plugins: [ownPlaces('../../')],
  },
  {
    ...shared,
    entryPoints: ['bot/cli/main.ts'],
    outfile: 'dist/autodev.mjs',
    packages: 'external',
    sourcemap: 'linked',
    plugins: [ownPlaces('../')],
  },
];

await rm(join(root, 'dist'), { recursive: true, force: true });
for (const bundle of bundles) {
  await build(bundle);
  const file = join(root, bundle.outfile);
  await chmod(file, 0o755);
  const { size } = await stat(file);
  console.log(`${bundle.outfile}  ${(size / 1024).toFixed(0)} kB`);
}
