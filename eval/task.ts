/** The tasks of the evaluation: folders below eval/tasks, each described by its task.yaml. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { z } from 'zod';
import { AgentRole, TaskType } from '../schema/wire/agent.ts';

export const TASKS_DIR = join(import.meta.dirname, 'tasks');
/** What a task is described in, and how a proposal ends that is no ordinary one. */
export const TASK_FILE = 'task.yaml';
/** Most dollars and minutes that one try may be given. */
const MOST_USD = 20;
const MOST_MINUTES = 60;

const Description = z.strictObject({
  type: TaskType,
  agent: AgentRole,
  title: z.string().min(1).max(200),
  /** What the task finds out, for people who read the list. */
  asks: z.string().min(1).max(120),
  /** The text of the issue, as the agent reads it. */
  issue: z.string().min(1).max(20_000),
  /** Jobs of the change's pipeline that failed, for `fix_build`. */
  failedJobs: z.array(z.string()).max(5).default([]),
  limits: z.strictObject({
    turns: z.int().min(1).max(200),
    minutes: z.number().positive().max(MOST_MINUTES),
    usd: z.number().positive().max(MOST_USD),
  }),
  /** How a good try ends: with changes, or with a question to a person. */
  expect: z.enum(['finished', 'needs_human']).default('finished'),
  /** How many hidden checks there are; fewer that passed are not all of them. */
  checks: z.int().positive(),
  /** What it takes beside Node and bash. */
  needs: z.enum(['python3']).optional(),
  /** How the repository's own tests are run. */
  test: z.string().min(1).max(100),
  /** Which of the kept solutions the scripted model takes. */
  scripted: z
    .string()
    .regex(/^(solution|wrong\/[a-z-]+)$/, 'must be solution or wrong/<name>')
    .default('solution'),
});

export interface EvalTask extends z.infer<typeof Description> {
  /** The folder's name. */
  name: string;
  dir: string;
}

/** A task.yaml that cannot be used, or a name that no task has. */
export class TaskError extends Error {
  override readonly name = 'TaskError';
}

/**
 * Reads every task, in the order of their names.
 * @throws TaskError naming the file and the field that is wrong.
 */
export function loadTasks(dir: string = TASKS_DIR): EvalTask[] {
  return readdirSync(dir, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => entry.name)
    .toSorted()
    .map((name) => ({ name, dir: join(dir, name), ...readTask(join(dir, name, TASK_FILE)) }));
}

function readTask(file: string): z.infer<typeof Description> {
  const parsed = Description.safeParse(parse(readFileSync(file, 'utf8')));
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new TaskError(`${file}: ${issue?.path.join('.') || 'the file'}: ${issue?.message}`);
}

/** The tasks with these names, or all of them. @throws TaskError listing the names there are. */
export function chooseTasks(tasks: readonly EvalTask[], only: readonly string[]): EvalTask[] {
  const unknown = only.filter((name) => !tasks.some((task) => task.name === name));
  if (unknown.length > 0) {
    const names = tasks.map(({ name }) => name).join(', ');
    throw new TaskError(`no such task: ${unknown.join(', ')}; there are ${names}`);
  }
  return tasks.filter(({ name }) => only.length === 0 || only.includes(name));
}
