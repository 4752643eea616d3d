/** How far the children of an epic are: from effects and runs, and what only the forge can say. */
import { familyOf, withRuns } from '../decide/epic-family.ts';
import { planOf } from '../decide/epic.ts';
import { isOpenChild, type ChildFacts, type Family } from '../domain/children.ts';
import type { Issue } from '../domain/events.ts';
import { stageOf, type Run } from '../domain/runs.ts';
import type { Snapshot } from '../domain/snapshot.ts';
import type { Db } from '../store/db.ts';
import { effectsOfRun } from '../store/effects.ts';
import type { RepoRow } from '../store/repos.ts';
import { newestRunsOf } from '../store/run-queries.ts';
import type { WorkerDeps } from './deps.ts';

/** The children of a run with their newest runs; null without a plan. The forge is not asked. */
async function loadFamily(db: Db, run: Run): Promise<Family | null> {
  const plan = planOf(run);
  if (plan === null) return null;
  const made = familyOf(plan, await effectsOfRun(db, run.id));
  const iids = made.children.flatMap(({ issue }) => (issue === null ? [] : [issue.iid]));
  if (iids.length === 0) return made;
  const runs = await newestRunsOf(db, run.repoId, iids);
  return withRuns(
    made,
    runs.map(({ targetIid, verdict, ...rest }) => [
      targetIid,
      { ...rest, verdict: verdict?.kind ?? null },
    ]),
  );
}

/** The family of a run with the issues of those children that may start, be closed or be gone, re-read. */
export async function readFamily(
  run: Run,
  repo: RepoRow,
  deps: WorkerDeps,
): Promise<Family | null> {
  const family = await loadFamily(deps.db, run);
  const open = family?.children.filter(isOpenChild) ?? [];
  if (family === null || open.length === 0) return family;
  const iids = open.flatMap(({ issue }) => (issue === null ? [] : [issue.iid]));
  const issues = await deps.forge.tracker.issues(repo.projectId, iids);
  const now = (child: ChildFacts): Issue | null =>
    issues.find(({ iid }) => iid === child.issue?.iid) ?? null;
  return {
    epicItem: family.epicItem,
    children: family.children.map((child) =>
      open.includes(child) ? { ...child, now: now(child) } : child,
    ),
  };
}

/**
 * What a run in its children stage is decided on besides the rights of whoever asked; null in every other
 * stage. The repository's settings are read where a child may start.
 */
export async function epicFacts(
  run: Run,
  repo: RepoRow,
  deps: WorkerDeps,
): Promise<Pick<Snapshot, 'epicItem' | 'children' | 'repoConfig'> | null> {
  if (stageOf(run)?.kind !== 'children') return null;
  const family = await readFamily(run, repo, deps);
  if (family === null) return null;
  const read = family.children.some(({ now }) => now != null)
    ? await deps.forge.read.file(repo.projectId, deps.repoConfigPath, repo.defaultBranch)
    : null;
  return { ...family, repoConfig: deps.parseRepoConfig(read) };
}
