/** The audit trail of tasks: what was asked, brought, found and answered, as threads. */
import type { Db } from './db.ts';
import { requireTransaction } from './db.ts';

export type CommentKind = 'asked' | 'result' | 'finding' | 'answer' | 'lost';

export interface NewTaskComment {
  taskId: number;
  /** The comment it answers; null for the first of a thread. */
  parentId?: number | null;
  /** A role, or `@name` of a person. */
  author: string;
  kind: CommentKind;
  body: string;
}

export interface TaskComment extends Required<NewTaskComment> {
  id: number;
  at: Date;
}

const COLUMNS = `c.id, c.task_id as "taskId", c.parent_id as "parentId", c.author, c.kind, c.body, c.at`;

/**
 * Adds an entry, in the transaction of the decision it tells of; returns its id. Throws StoreError
 * `transaction_required` outside a transaction.
 */
export async function addTaskComment(db: Db, comment: NewTaskComment): Promise<number> {
  requireTransaction(db, 'addTaskComment');
  const [row] = await db.query<{ id: number }>(
    `insert into task_comments (task_id, parent_id, author, kind, body)
     values ($1, $2, $3, $4, $5) returning id`,
    [comment.taskId, comment.parentId ?? null, comment.author, comment.kind, comment.body],
    'task_comments_insert',
  );
  return (row as { id: number }).id;
}

/** Every entry about the tasks of a run, oldest first. */
export async function taskCommentsOfRun(db: Db, runId: number): Promise<TaskComment[]> {
  return db.query<TaskComment>(
    `select ${COLUMNS} from task_comments c join tasks t on t.id = c.task_id
     where t.run_id = $1 order by c.id`,
    [runId],
    'task_comments_of_run',
  );
}

/** The newest entry of a kind about a task; null when there is none. */
export async function lastTaskComment(
  db: Db,
  taskId: number,
  kind: CommentKind,
): Promise<number | null> {
  const rows = await db.query<{ id: number }>(
    `select id from task_comments where task_id = $1 and kind = $2 order by id desc limit 1`,
    [taskId, kind],
    'task_comments_last',
  );
  return rows[0]?.id ?? null;
}

/** Tasks of a run that nothing was written about yet, oldest first. */
export async function uncommentedTasks(
  db: Db,
  runId: number,
): Promise<{ id: number; parentAgent: string | null }[]> {
  return db.query(
    `select t.id, p.agent as "parentAgent" from tasks t left join tasks p on p.id = t.parent_id
     where t.run_id = $1 and not exists (select 1 from task_comments c where c.task_id = t.id)
     order by t.id`,
    [runId],
    'task_comments_missing',
  );
}
