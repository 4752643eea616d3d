/** Tasks of a run, and the budget each of them spends from. Money is whole micro-dollars. */
import type { AgentRole, TaskType } from '../../schema/wire/agent.ts';
import type { Task } from '../domain/runs.ts';
import type { Db } from './db.ts';

export type TaskState = Task['state'];

export interface TaskRow {
  id: number;
  runId: number;
  /** The stage of the run it belongs to, and in which round. */
  stage: string;
  round: number;
  type: TaskType;
  agent: AgentRole;
  state: TaskState;
  priority: number;
  parentId: number | null;
  dependsOn: number[];
  acceptance: string[];
  capMicrousd: number;
  spentMicrousd: number;
  /** Held for calls that are under way. */
  reservedMicrousd: number;
  createdAt: Date;
  updatedAt: Date;
}

export interface NewTask {
  runId: number;
  stage: string;
  round: number;
  type: TaskType;
  agent: AgentRole;
  state?: TaskState;
  priority?: number;
  parentId?: number | null;
  dependsOn?: readonly number[];
  acceptance?: readonly string[];
  capMicrousd: number;
}

const COLUMNS = `id, run_id as "runId", stage, round, type, agent, state, priority,
  parent_id as "parentId", depends_on as "dependsOn", acceptance, cap_microusd as "capMicrousd",
  spent_microusd as "spentMicrousd", reserved_microusd as "reservedMicrousd",
  created_at as "createdAt", updated_at as "updatedAt"`;

export async function insertTask(db: Db, task: NewTask): Promise<TaskRow> {
  const [row] = await db.query<TaskRow>(
    `insert into tasks (run_id, type, agent, state, priority, cap_microusd, stage, round, parent_id,
       depends_on, acceptance)
     values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) returning ${COLUMNS}`,
    [
      task.runId,
      task.type,
      task.agent,
      task.state ?? 'queued',
      task.priority ?? 5,
      task.capMicrousd,
      task.stage,
      task.round,
      task.parentId ?? null,
      JSON.stringify(task.dependsOn ?? []),
      JSON.stringify(task.acceptance ?? []),
    ],
    'tasks_insert',
  );
  return row as TaskRow;
}

export async function taskById(db: Db, id: number): Promise<TaskRow | null> {
  const rows = await db.query<TaskRow>(
    `select ${COLUMNS} from tasks where id = $1`,
    [id],
    'tasks_by_id',
  );
  return rows[0] ?? null;
}

/** Tasks of a run, oldest first. */
export async function tasksOfRun(db: Db, runId: number): Promise<TaskRow[]> {
  return db.query<TaskRow>(
    `select ${COLUMNS} from tasks where run_id = $1 order by id`,
    [runId],
    'tasks_of_run',
  );
}

export async function setTaskState(db: Db, id: number, state: TaskState): Promise<void> {
  await db.query('update tasks set state = $2, updated_at = now() where id = $1', [id, state]);
}

export type Reservation =
  | { ok: true }
  /** The cap does not allow it; `spentMicrousd` leaves out what is only reserved. */
  | { ok: false; capMicrousd: number; spentMicrousd: number };

/**
 * Holds money for a call before it is made. One conditional update, so any number of callers
 * together never hold more than the cap. A task that does not exist has a cap of 0.
 */
export async function reserve(db: Db, taskId: number, microusd: number): Promise<Reservation> {
  const held = await db.query(
    `update tasks set reserved_microusd = reserved_microusd + $2
     where id = $1 and spent_microusd + reserved_microusd + $2 <= cap_microusd returning id`,
    [taskId, amount(microusd)],
    'tasks_reserve',
  );
  if (held.length > 0) return { ok: true };
  const task = await taskById(db, taskId);
  return {
    ok: false,
    capMicrousd: task?.capMicrousd ?? 0,
    spentMicrousd: task?.spentMicrousd ?? 0,
  };
}

/** Replaces a reservation by what the call really cost (0 when it cost nothing). */
export async function settle(
  db: Db,
  taskId: number,
  call: { reserved: number; spent: number },
): Promise<void> {
  // A reservation may be gone already: it is released with the attempt that made it.
  await db.query(
    `update tasks set reserved_microusd = greatest(0, reserved_microusd - $2),
       spent_microusd = spent_microusd + $3 where id = $1`,
    [taskId, amount(call.reserved), amount(call.spent)],
    'tasks_settle',
  );
}

/** Raises or lowers what a task may spend in all. */
export async function setCap(db: Db, taskId: number, capMicrousd: number): Promise<void> {
  await db.query('update tasks set cap_microusd = $2, updated_at = now() where id = $1', [
    taskId,
    amount(capMicrousd),
  ]);
}

/** Fractions are rounded up: the budget errs on the safe side. */
function amount(microusd: number): number {
  if (!(microusd >= 0) || !Number.isFinite(microusd)) {
    throw new RangeError(`An amount of ${microusd} micro-dollars is not possible.`);
  }
  return Math.ceil(microusd);
}
