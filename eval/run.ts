/** Works through the tries, so many at once, until all are done, the money is spent or a person stops it. */
import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { EvalEnv } from './env.ts';
import { notRun, totalsOf, type EvalReport, type TryFigures } from './figures.ts';
import { startHost, type Host } from './host.ts';
import { thisMachine } from './machine.ts';
import type { Options } from './options.ts';
import { contextOf, planTask, type Crew, type PlannedTry } from './plan.ts';
import { tryTask } from './try.ts';
import type { EvalTask } from './task.ts';

const BUILD = join(import.meta.dirname, '../jobs/build.mjs');

/** Hears how the evaluation goes. */
export interface Watcher {
  began(name: string): void;
  /** What a try does now. */
  doing(name: string, line: string): void;
  ended(one: TryFigures): void;
}

export interface Evaluation {
  env: EvalEnv;
  tasks: readonly EvalTask[];
  crew: Crew;
  options: Options;
  secrets: readonly string[];
  watcher: Watcher;
  stop: AbortSignal;
}

/**
 * Runs the evaluation and reports on it, in the order of the tasks.
 * @throws TaskError before anything is started, when a task cannot be planned.
 */
export async function evaluate(evaluation: Evaluation): Promise<EvalReport> {
  const { tasks, crew, options, secrets } = evaluation;
  const { settings, providers } = crew;
  const planned = tasks.flatMap((task): PlannedTry[] => {
    const plan = planTask(task, crew, options);
    return Array.from({ length: options.runs }, (_, index) => ({ task, plan, run: index + 1 }));
  });
  const startedAt = new Date().toISOString();
  const { maxUsd } = options;
  const program = await buildProgram();
  try {
    const context = contextOf(settings);
    const host = await startHost({ settings, providers, maxUsd, context, secrets });
    try {
      const done = await work(evaluation, planned, host, program.entry);
      return {
        machine: thisMachine(),
        startedAt,
        answers: options.scripted ? 'scripted' : 'live',
        runsPerTask: options.runs,
        maxUsd,
        tasks: done,
        totals: totalsOf(done),
      };
    } finally {
      await host.close();
    }
  } finally {
    await program.remove();
  }
}

/** The job program as images have it: apart from this repository, whose hidden checks it must not see. */
export async function buildProgram(): Promise<{ entry: string; remove: () => Promise<void> }> {
  const dir = await mkdtemp(join(tmpdir(), 'autodev-eval-job-'));
  await promisify(execFile)(process.execPath, [BUILD, dir]);
  const remove = (): Promise<void> => rm(dir, { recursive: true, force: true });
  return { entry: join(dir, 'autodev-job.mjs'), remove };
}

async function work(
  { env, crew, options, watcher, stop }: Evaluation,
  planned: readonly PlannedTry[],
  host: Host,
  program: string,
): Promise<TryFigures[]> {
  const figures: TryFigures[] = [];
  let next = 0;
  let over: string | null = null;
  const one = async (): Promise<void> => {
    for (let index = next++; index < planned.length; index = next++) {
      const entry = planned[index] as PlannedTry;
      const label = options.runs === 1 ? entry.task.name : `${entry.task.name} (${entry.run})`;
      const { needs } = entry.task;
      const missing = needs === undefined || env.found.has(needs) ? null : `${needs} is not here`;
      const why = stop.aborted ? 'stopped' : (over ?? missing);
      if (why !== null) {
        figures[index] = notRun(entry, why);
        continue;
      }
      watcher.began(label);
      const done = await tryTask({
        ...{ env, host, program, stop, ...entry },
        protectedPaths: crew.settings.protectedPaths,
        logs: options.logs,
        say: (line) => watcher.doing(label, line),
      });
      if (await host.isSpent()) over = `the $${options.maxUsd} of --max-usd were spent before`;
      figures[index] = done;
      watcher.ended(done);
    }
  };
  await Promise.all(Array.from({ length: options.parallel }, one));
  return figures;
}
