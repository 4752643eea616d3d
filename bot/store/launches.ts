/** Launches: tasks that start together share one parent pipeline. */
import type { Db } from './db.ts';
import { isUniqueViolation } from './errors.ts';

export async function insertLaunch(
  db: Db,
  launch: { runId: number; repoId: number },
): Promise<number> {
  const [row] = await db.query<{ id: number }>(
    'insert into launches (run_id, repo_id) values ($1, $2) returning id',
    [launch.runId, launch.repoId],
  );
  return (row as { id: number }).id;
}

/** The pipeline that a launch has taken; null before it has one. */
export async function pipelineOf(db: Db, launchId: number): Promise<number | null> {
  const [row] = await db.query<{ id: number | null }>(
    'select pipeline_id as id from launches where id = $1',
    [launchId],
  );
  return row?.id ?? null;
}

/**
 * Takes a pipeline for a launch before anything else is made of it, so that of several launches
 * which look for a lost one each takes another. False when it is taken, or the launch has another one. Call it
 * outside a transaction: a race that is lost ends the statement with an error.
 */
export async function takePipeline(db: Db, launchId: number, pipelineId: number): Promise<boolean> {
  try {
    const taken = await db.query(
      `update launches set pipeline_id = $2
       where id = $1 and (pipeline_id is null or pipeline_id = $2) returning id`,
      [launchId, pipelineId],
    );
    return taken.length > 0;
  } catch (error) {
    if (!isUniqueViolation(error)) throw error;
    return false;
  }
}

/**
 * Takes a pipeline that is one too many for its launch, so that no launch takes it for the one it had lost: it
 * becomes that of a further launch, which nobody works in. False when another launch has taken it.
 */
export async function takeSurplus(db: Db, launchId: number, pipelineId: number): Promise<boolean> {
  const taken = await db.query(
    `insert into launches (run_id, repo_id, pipeline_id)
     select run_id, repo_id, $2 from launches where id = $1
     on conflict (repo_id, pipeline_id) do nothing returning id`,
    [launchId, pipelineId],
  );
  return taken.length > 0;
}

/** Those of a project's pipelines that launches have taken. */
export async function takenPipelines(
  db: Db,
  repoId: number,
  pipelineIds: readonly number[],
): Promise<number[]> {
  const rows = await db.query<{ id: number }>(
    `select pipeline_id as id from launches
     where repo_id = $1 and pipeline_id = any($2::bigint[]) order by pipeline_id`,
    [repoId, pipelineIds],
    'launches_taken',
  );
  return rows.map((row) => row.id);
}

/**
 * Binds the parent pipeline that was created for a launch to it and to its open attempts, with the
 * commit it really runs on; a job has to claim them within `claimSeconds` by the database's clock.
 * True also when the same pipeline was bound before; false when the launch has another one. Throws the
 * driver's unique violation when the pipeline belongs to another launch.
 */
export async function setPipeline(
  db: Db,
  launchId: number,
  pipeline: {
    pipelineId: number;
    pipelineUrl: string | null;
    sha: string;
    claimSeconds: number | null;
  },
): Promise<boolean> {
  return db.tx(async (tx) => {
    const bound = await tx.query(
      `update launches set pipeline_id = $2
       where id = $1 and (pipeline_id is null or pipeline_id = $2) returning id`,
      [launchId, pipeline.pipelineId],
    );
    if (bound.length === 0) return false;
    await tx.query(
      `update attempts set pipeline_id = $2, pipeline_url = $3, sha = $5,
         claim_by = coalesce(now() + make_interval(secs => $4::float8), claim_by),
         state = case when state = 'requested' then 'waiting' else state end
       where launch_id = $1 and state in ('requested', 'waiting', 'running')`,
      [launchId, pipeline.pipelineId, pipeline.pipelineUrl, pipeline.claimSeconds, pipeline.sha],
    );
    return true;
  });
}
