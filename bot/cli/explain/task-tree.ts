/** The tasks of a run as a tree, each with the threads of its audit trail. */
import type { RunView } from '../../store/run-view.ts';
import type { TaskComment } from '../../store/task-comments.ts';
import type { TaskRow } from '../../store/tasks.ts';
import { cut, dollars } from './format.ts';

/** Deepest level that is still moved to the right. */
const MAX_DEPTH = 6;

/** Lines for a terminal: a task stands below the one it answers or looks at. */
export function taskTree({ tasks, comments }: Pick<RunView, 'tasks' | 'comments'>): string[] {
  const known = new Set(tasks.map(({ id }) => id));
  const below = (parent: TaskRow | null): TaskRow[] =>
    tasks.filter(({ parentId }) =>
      parent === null ? parentId === null || !known.has(parentId) : parentId === parent.id,
    );
  const tell = (task: TaskRow, depth: number): string[] => {
    const indent = '  '.repeat(Math.min(depth, MAX_DEPTH) + 1);
    return [
      `${indent}${taskLine(task)}`,
      ...task.acceptance.map((item) => `${indent}  done when: ${cut(item)}`),
      ...threads(comments.filter(({ taskId }) => taskId === task.id)).map(
        (line) => `${indent}  ${line}`,
      ),
      ...below(task).flatMap((child) => tell(child, depth + 1)),
    ];
  };
  return below(null).flatMap((task) => tell(task, 0));
}

function taskLine(task: TaskRow): string {
  const money = `${dollars(task.spentMicrousd)} of ${dollars(task.capMicrousd)}`;
  const after = task.dependsOn.length === 0 ? '' : `, after task ${task.dependsOn.join(', ')}`;
  return `task ${task.id}: ${task.type} by ${task.agent}, ${task.state}, ${money}, priority ${task.priority}${after}`;
}

/** Entries below what they answer, oldest first. */
function threads(comments: readonly TaskComment[]): string[] {
  const known = new Set(comments.map(({ id }) => id));
  const tell = (comment: TaskComment, depth: number): string[] => [
    `${'  '.repeat(Math.min(depth, MAX_DEPTH))}${comment.kind} (${comment.author}): ${cut(comment.body)}`,
    ...comments
      .filter(({ parentId }) => parentId === comment.id)
      .flatMap((reply) => tell(reply, depth + 1)),
  ];
  return comments
    .filter(({ parentId }) => parentId === null || !known.has(parentId))
    .flatMap((comment) => tell(comment, 0));
}
