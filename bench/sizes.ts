/** How large the bundles are that images and job caches hold. */
import { execFile } from 'node:child_process';
import { mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { build } from 'esbuild';
import { figure, type Figure } from './figure.ts';
import { ROOT } from './processes.ts';

const KB = 1024;

/** Bundles the job program into a folder; the caller removes it. */
export async function buildJob(): Promise<string> {
  const dir = await mkdtemp(path.join(tmpdir(), 'autodev-bench-job-'));
  await promisify(execFile)(process.execPath, [path.join(ROOT, 'jobs/build.mjs'), dir]);
  return dir;
}

export async function benchSizes(): Promise<Figure[]> {
  const dir = await buildJob();
  try {
    const files = await readdir(dir, { recursive: true, withFileTypes: true });
    const sizes = await Promise.all(
      files
        .filter((file) => file.isFile())
        .map(async (file) => (await stat(path.join(file.parentPath, file.name))).size),
    );
    const bot = await build({
      absWorkingDir: ROOT,
      entryPoints: ['bot/cli/main.ts'],
      bundle: true,
      packages: 'external',
      platform: 'node',
      format: 'esm',
      write: false,
    });
    return [
      figure('size.job.entry', (await stat(path.join(dir, 'autodev-job.mjs'))).size / KB, 'kB'),
      figure('size.job.all', sizes.reduce((a, b) => a + b, 0) / KB, 'kB'),
      figure('size.bot', (bot.outputFiles[0]?.contents.length ?? NaN) / KB, 'kB'),
    ];
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}
