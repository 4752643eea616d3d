/** The run that an event is about. */
import type { Interest } from '../decide/interest.ts';
import type { Run, RunRole, Target } from '../domain/runs.ts';
import { attemptsByPipeline } from '../store/attempts.ts';
import type { RepoRow } from '../store/repos.ts';
import { activeRun, deployingRun, latestRun, runByChange } from '../store/run-queries.ts';
import { runById } from '../store/runs.ts';
import type { WorkerDeps } from './deps.ts';
import { loadRun } from './load-run.ts';

/** The active and the newest run of a target; `direct` does not lead from a change to its issue. */
export async function runsOf(
  repo: RepoRow,
  target: Target,
  role: RunRole,
  direct: boolean,
  deps: WorkerDeps,
): Promise<{ run: Run | null; lastRun: Run | null }> {
  const { db } = deps;
  const ofChange =
    target.type === 'change' && !direct ? await runByChange(db, repo.id, target.iid) : null;
  const on: Target = ofChange ? { type: ofChange.targetType, iid: ofChange.targetIid } : target;
  const [active, last] = await Promise.all([
    activeRun(db, repo.id, on.type, on.iid, role),
    latestRun(db, repo.id, on.type, on.iid, role),
  ]);
  const [run, lastRun] = await Promise.all(
    [active, last].map((row) => (row === null ? null : loadRun(db, row.id))),
  );
  return { run: run?.run ?? null, lastRun: lastRun?.run ?? null };
}

/** The newest run of a target, a change or a pipeline. */
export async function runBy(
  by: Extract<Interest, { kind: 'run' }>['by'],
  repo: RepoRow,
  deps: WorkerDeps,
): Promise<Run | null> {
  const { db } = deps;
  if ('target' in by) {
    const row = await activeRun(db, repo.id, by.target.type, by.target.iid);
    return row ? ((await loadRun(db, row.id))?.run ?? null) : null;
  }
  if ('change' in by) {
    const row = await runByChange(db, repo.id, by.change);
    return row ? ((await loadRun(db, row.id))?.run ?? null) : null;
  }
  const [attempt] = await attemptsByPipeline(db, repo.id, by.pipeline);
  // A pipeline of the default branch may be the one whose deploy job a run waits for.
  const row = attempt
    ? await runById(db, attempt.runId)
    : await deployingRun(db, repo.id, by.pipeline, by.sha);
  return row ? ((await loadRun(db, row.id))?.run ?? null) : null;
}
