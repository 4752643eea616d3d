/**
 * Purpose: which tasks of a run build its change, and which task each one answers.
 */
import type { TaskType } from '../../schema/wire/agent.ts';
import { lastDone, resultOf, type Run, type Task } from '../domain/runs.ts';
import { answers, builds, worksOnDefault } from '../domain/task-types.ts';
import { blocking, openFindings } from './findings.ts';

/** Paths that the run's finished work touched, each once. */
export function pathsOf(run: Run): string[] {
  const changes = run.tasks
    .filter((task) => task.state === 'done' && builds(task.type))
    .flatMap((task) => resultOf(task)?.changes ?? []);
  return [...new Set(changes.map(({ path }) => path))].toSorted();
}

/** The newest work that stands for the change; documentation does where there is nothing else. */
export function lastBuild(run: Run): Task | null {
  const done = run.tasks.filter((task) => task.state === 'done' && builds(task.type));
  return done.findLast((task) => task.type !== 'write_docs') ?? done.at(-1) ?? null;
}

/**
 * The task that a new one builds on, looks at or answers; null where the issue or a person alone asks
 * for it.
 */
export function parentOf(type: TaskType, run: Run, byPerson: boolean): number | null {
  if (answers(type)) {
    if (byPerson) return null;
    const [worst] = blocking(openFindings(run));
    const raised = run.tasks.findLast(
      ({ agent, stage }) => worst?.by === agent && stage === run.stage,
    );
    return (raised ?? lastBuild(run))?.id ?? null;
  }
  if (worksOnDefault(type)) return null;
  const onWhat = lastBuild(run) ?? lastDone(run, 'write_spec');
  return onWhat?.id ?? null;
}
