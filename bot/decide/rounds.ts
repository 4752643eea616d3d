/** Purpose: how many rounds of fixes the agents have had since a person last sent the change back. */
import type { Run, Task } from '../domain/runs.ts';

/**
 * Tasks of the fix stage since a person last sent the change back there, without the one that answers
 * the person: it has no task it answers. A person's word is a new beginning, so that it does not use up
 * the agents' rounds; nothing goes round for ever by that, since every new beginning takes a person.
 */
export function fixTasks(run: Run, fixStage: string | undefined): Task[] {
  const fixes = run.tasks.filter((task) => task.stage === fixStage);
  return fixes.slice(fixes.findLastIndex((task) => task.parentId === null) + 1);
}
