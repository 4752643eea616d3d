// Bundles jobs/main.ts: dist/autodev-job.mjs and, beside it, one chunk per part that is loaded on
// demand, so that a job evaluates only the provider SDK it uses. `node jobs/build.mjs [folder]`.
import { chmod, rm } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const root = resolve(dirname(fileURLToPath(import.meta.url)), '..');
const out = resolve(process.argv[2] ?? join(root, 'dist'));

await rm(join(out, 'autodev-job-chunks'), { recursive: true, force: true });
await build({
  absWorkingDir: root,
  entryPoints: { 'autodev-job': 'jobs/main.ts' },
  outdir: out,
  bundle: true,
  platform: 'node',
  target: 'node24',
  format: 'esm',
  splitting: true,
  minify: true,
  legalComments: 'none',
  outExtension: { '.js': '.mjs' },
  chunkNames: 'autodev-job-chunks/[name]-[hash]',
  // Bundled CommonJS packages call require() for node's own modules.
  banner: {
    js: "import{createRequire as _cr}from'node:module';const require=_cr(import.meta.url);",
  },
  logLevel: 'warning',
});
await chmod(join(out, 'autodev-job.mjs'), 0o755);
