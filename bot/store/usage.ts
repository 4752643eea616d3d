/** What model calls used and cost. */
import type { Estimate } from '../domain/budgets.ts';
import type { Db } from './db.ts';

/**
 * `cut`: the stream ended early, tokens are the best known; `refused`: upstream error or no answer, no
 * tokens. Rows may also be `unknown` (schema/sql/0006_calls.sql).
 */
export type UsageOutcome = 'ok' | 'cut' | 'refused';

/** What one call used, as its end told. */
export interface CallUsage {
  callId: string;
  attemptId: number;
  provider: string;
  model: string;
  /** All input tokens; the cached ones are part of them. */
  inputTokens: number;
  cachedInputTokens: number;
  outputTokens: number;
  costMicrousd: number;
  outcome: UsageOutcome;
}

/** Sum over the calls of one model. */
export interface ModelUsage {
  provider: string;
  model: string;
  calls: number;
  inputTokens: number;
  cachedInputTokens: number;
  outputTokens: number;
  costMicrousd: number;
}

/** What is told of each model. */
const BY_MODEL = `provider, model, count(*) as calls,
  sum(input_tokens)::int8 as "inputTokens",
  sum(cached_input_tokens)::int8 as "cachedInputTokens",
  sum(output_tokens)::int8 as "outputTokens",
  sum(cost_microusd)::int8 as "costMicrousd"`;

/** Usage of a run by model, dearest first. */
export async function usageOfRun(db: Db, runId: number): Promise<ModelUsage[]> {
  return db.query<ModelUsage>(
    `select ${BY_MODEL}
     from usage where run_id = $1 group by provider, model
     order by "costMicrousd" desc, provider, model`,
    [runId],
    'usage_of_run',
  );
}

/** Usage of one task by model, dearest first. */
export async function usageOfTask(db: Db, taskId: number): Promise<ModelUsage[]> {
  return db.query<ModelUsage>(
    `select ${BY_MODEL}
     from usage where task_id = $1 group by provider, model
     order by "costMicrousd" desc, provider, model`,
    [taskId],
    'usage_of_task',
  );
}

/** A model that answered a task, and when it first did. */
export interface Worker {
  taskId: number;
  provider: string;
  model: string;
}

/** Which models did the work of each task of a run, in the order in which they came to it. */
export async function workersOfRun(db: Db, runId: number): Promise<Worker[]> {
  return db.query<Worker>(
    `select task_id as "taskId", provider, model from usage
     where run_id = $1 and outcome in ('ok', 'cut')
     group by task_id, provider, model order by min(id)`,
    [runId],
    'usage_workers',
  );
}

/** Finished runs that an estimate looks at, and how many it needs. */
const PAST_RUNS = 50;
const FEWEST_RUNS = 3;

/**
 * The middle half of what the newest finished runs of a workflow cost: of this repository, else of the
 * installation, else null.
 */
export async function pastCost(db: Db, repoId: number, workflow: string): Promise<Estimate | null> {
  const [here] = await db.query<PastCost>(
    `select count(*) as runs, percentile_cont(0.25) within group (order by spent_microusd) as low,
       percentile_cont(0.75) within group (order by spent_microusd) as high
     from (select spent_microusd from runs
       where repo_id = $1 and context->'workflow'->>'name' = $2 and state = 'completed'
       order by id desc limit $3) as past`,
    [repoId, workflow, PAST_RUNS],
    'usage_past_here',
  );
  const own = estimateOf(here, 'repository');
  if (own !== null) return own;
  const [everywhere] = await db.query<PastCost>(
    `select count(*) as runs, percentile_cont(0.25) within group (order by spent_microusd) as low,
       percentile_cont(0.75) within group (order by spent_microusd) as high
     from (select spent_microusd from runs
       where context->'workflow'->>'name' = $1 and state = 'completed'
       order by id desc limit $2) as past`,
    [workflow, PAST_RUNS],
    'usage_past',
  );
  return estimateOf(everywhere, 'installation');
}

interface PastCost {
  runs: number;
  low: number | null;
  high: number | null;
}

function estimateOf(past: PastCost | undefined, of: Estimate['of']): Estimate | null {
  if (!past || past.runs < FEWEST_RUNS || past.low === null || past.high === null) return null;
  const { runs, low, high } = past;
  return { lowMicrousd: Math.round(low), highMicrousd: Math.round(high), runs, of };
}
