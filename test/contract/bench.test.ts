import { expect, test } from '@jest/globals';
import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { z } from 'zod';

const ROOT = path.resolve(import.meta.dirname, '../..');
const run = promisify(execFile);
const bench = (...args: string[]): Promise<{ stdout: string; stderr: string }> =>
  run(process.execPath, [path.join(ROOT, 'bench/main.ts'), ...args]);

const Report = z.strictObject({
  machine: z.strictObject({
    os: z.string(),
    cpu: z.string(),
    cores: z.int().positive(),
    memoryGb: z.int().nonnegative(),
    node: z.string(),
  }),
  seed: z.int(),
  figures: z
    .array(
      z.strictObject({
        name: z.string().regex(/^[a-z0-9_.]+$/),
        value: z.number().positive(),
        unit: z.string().min(1),
        peer: z.number().positive().optional(),
        ratio: z.number().positive().optional(),
      }),
    )
    .min(1),
});

test('a bench prints a table and writes the same figures as JSON', async () => {
  const dir = mkdtempSync(path.join(tmpdir(), 'autodev-bench-'));
  try {
    const out = path.join(dir, 'figures.json');
    const { stdout } = await bench('--quick', '--only', 'decide', '--seed', '5', '--out', out);
    const report = Report.parse(JSON.parse(readFileSync(out, 'utf8')));
    expect(report.seed).toBe(5);
    expect(report.figures.map(({ name }) => name)).toEqual(['decide.p50', 'decide.p99']);
    for (const { name, value, unit } of report.figures) {
      expect(stdout).toMatch(new RegExp(`^${name} +${value} ${unit}$`, 'm'));
    }
  } finally {
    rmSync(dir, { recursive: true });
  }
});

test('an unknown name is answered with the ones there are', async () => {
  const failed = await bench('--only', 'everything').catch(
    (error: { code: number; stdout: string }) => error,
  );
  expect(failed).toMatchObject({ code: 2 });
  expect(failed.stdout).toContain(
    'decide, sizes, agent, prompt, map, pipeline, journey, gateway, queries, memory, intake',
  );
});
