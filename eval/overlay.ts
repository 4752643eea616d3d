/**
 * A right or wrong solution kept beside a task: files that replace those of its repository, and in
 * `result.yaml` how it ends when it does not end with changes. Agents never see them.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { z } from 'zod';
import type { FileChange } from '../schema/wire/result.ts';
import { changesOf } from './files.ts';
import type { EvalTask } from './task.ts';

const RESULT_FILE = 'result.yaml';

const Words = z.strictObject({
  outcome: z.enum(['finished', 'needs_human']).default('finished'),
  /** The question to a person. */
  comment: z.string().optional(),
});

export interface Overlay extends z.infer<typeof Words> {
  changes: FileChange[];
}

/** Reads `solution` or `wrong/<name>` of a task. */
export async function readOverlay(task: EvalTask, which: string): Promise<Overlay> {
  const dir = join(task.dir, which);
  const changes = await changesOf(join(task.dir, 'repo'), dir, [RESULT_FILE]);
  return { ...Words.parse(wordsOf(join(dir, RESULT_FILE))), changes };
}

function wordsOf(file: string): unknown {
  try {
    return parse(readFileSync(file, 'utf8'));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return {};
    throw error;
  }
}
