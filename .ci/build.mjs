// `npm run build`: bundles what is started often or copied into images.
//
//   dist/autodev-job/  what a CI job runs: complete in itself, made by jobs/build.mjs
//   dist/autodev.mjs   the bot and its commands; packages stay outside, because PGlite's wasm, BullMQ's
//                      scripts and pino's worker are files they look for beside themselves. It expects
//                      schema/, config/ and ci-templates/ where the repository has them: beside dist/.
import { chmod, readdir, readFile, rm, stat } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { build } from 'esbuild';
import { root, run } from './tools.mjs';

/**
 * Keeps `import.meta.url` of our own sources meaning their place in the repository, although the
 * bundle stands in dist/: files are found by `new URL('../../schema/sql', import.meta.url)`.
 */
const ownPlaces = {
  banner: [
    "import { dirname as __dirname } from 'node:path';",
    "import { fileURLToPath as __path } from 'node:url';",
    "const __root = new URL('../', import.meta.url);",
  ].join('\n'),
  plugin: {
    name: 'own-places',
    setup(setup) {
      setup.onLoad({ filter: /[/](bot|schema)[/].*[.]ts$/ }, async ({ path }) => {
        const contents = await readFile(path, 'utf8');
        const place = JSON.stringify(relative(root, path));
        return {
          contents: contents
            .replaceAll('import.meta.url', `new URL(${place}, __root).href`)
            .replaceAll('import.meta.dirname', `__dirname(__path(new URL(${place}, __root)))`),
          loader: 'ts',
        };
      });
    },
  },
};

const out = join(root, 'dist');
const job = join(out, 'autodev-job');
await rm(out, { recursive: true, force: true });

const { code } = await run('node', ['jobs/build.mjs', job]);
if (code !== 0) process.exit(code);

await build({
  absWorkingDir: root,
  entryPoints: ['bot/cli/main.ts'],
  outfile: 'dist/autodev.mjs',
  bundle: true,
  packages: 'external',
  platform: 'node',
  target: 'node24',
  format: 'esm',
  sourcemap: 'linked',
  logLevel: 'warning',
  banner: { js: ownPlaces.banner },
  plugins: [ownPlaces.plugin],
});
await chmod(join(out, 'autodev.mjs'), 0o755);

for (const file of await readdir(out, { recursive: true })) {
  const { size } = await stat(join(out, file));
  if (file.endsWith('.mjs')) console.log(`dist/${file}  ${(size / 1024).toFixed(0)} kB`);
}
