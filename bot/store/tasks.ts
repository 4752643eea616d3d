/** Tasks of a run. What they spend is booked in budgets.ts. Money is whole micro-dollars. */
import type { AgentRole, TaskType } from '../../schema/wire/agent.ts';
import type { Task } from '../domain/runs.ts';
import type { Db } from './db.ts';
import { jsonb } from './json.ts';

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
      jsonb(task.dependsOn ?? []),
      jsonb(task.acceptance ?? []),
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
