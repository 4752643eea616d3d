/** Claims on files as decisions and texts need them. */
import { predictedFiles } from '../decide/locks.ts';
import { isActive } from '../domain/outcomes.ts';
import { resultOf, type Run } from '../domain/runs.ts';
import type { FileClaim } from '../domain/snapshot.ts';
import type { Db } from '../store/db.ts';
import { claimsOfOthers, claimsOfRun } from '../store/file-locks.ts';

/** What others have claimed of the files a run is about to change; none once it has changed them. */
export async function claimedByOthers(run: Run | null, db: Db): Promise<FileClaim[]> {
  if (run === null || !isActive(run.state) || run.changes.code !== null) return [];
  return claimsOfOthers(db, run.repoId, run.id, predictedFiles(run));
}

/** What a run has claimed, and what it has changed although others have claimed it. */
export async function claimsAround(
  run: Run,
  db: Db,
): Promise<{ held: FileClaim[]; met: FileClaim[] }> {
  if (!isActive(run.state)) return { held: [], met: [] };
  const changed = run.tasks.flatMap((task) =>
    (resultOf(task)?.changes ?? []).map(({ path }) => path),
  );
  const [held, met] = await Promise.all([
    claimsOfRun(db, run.id),
    claimsOfOthers(db, run.repoId, run.id, [...new Set(changed)]),
  ]);
  return { held, met };
}
