/** The short form of the proofs that need no processes, with their mutants, and what the command says. */
import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { expect, jest, test } from '@jest/globals';
import { z } from 'zod';

jest.setTimeout(240_000);

const ROOT = path.resolve(import.meta.dirname, '../..');
const proof = (...args: string[]): Promise<{ stdout: string; stderr: string }> =>
  promisify(execFile)(process.execPath, [path.join(ROOT, 'proof/main.ts'), ...args]);

const Report = z.strictObject({
  machine: z.strictObject({
    ...{ os: z.string(), cpu: z.string(), node: z.string() },
    ...{ cores: z.int().positive(), memoryGb: z.int().nonnegative() },
  }),
  seed: z.int(),
  backend: z.string(),
  promises: z
    .array(
      z.strictObject({
        ...{ id: z.string(), name: z.string(), unit: z.string(), holds: z.boolean() },
        ...{ runs: z.int(), failures: z.int(), figure: z.number(), note: z.string().optional() },
        mutants: z.strictObject({ killed: z.int(), of: z.int() }),
        backend: z.string().optional(),
        broken: z.array(z.string()).optional(),
      }),
    )
    .min(1),
});

test('every promise about functions holds, and none without its defences', async () => {
  const dir = mkdtempSync(path.join(tmpdir(), 'autodev-proof-'));
  try {
    const out = path.join(dir, 'proof.json');
    const { stdout } = await proof(
      ...['--ci', '--layer', 'functions', '--share', '0.3', '--seed', '5', '--out', out],
    ).catch((error: { stdout: string; stderr: string }) => {
      throw new Error(`${error.stderr}\n${error.stdout}`);
    });
    const report = Report.parse(JSON.parse(readFileSync(out, 'utf8')));
    expect(report.seed).toBe(5);
    for (const { id, runs, failures, figure, unit, holds } of report.promises) {
      expect({ id, failures, holds }).toEqual({ id, failures: 0, holds: true });
      expect(runs).toBeGreaterThan(0);
      expect(unit).toBe(`of ${figure} mutants killed`);
    }
    expect(stdout).toContain('seed 5');
  } finally {
    rmSync(dir, { recursive: true });
  }
});

test('an unknown row is answered with the ones there are', async () => {
  const failed = await proof('--only', 'Z9').catch(
    (error: { code: number; stdout: string }) => error,
  );
  expect(failed).toMatchObject({ code: 2 });
  expect(failed.stdout).toContain('There is no row Z9');
  expect(failed.stdout).toContain('D1');
});
