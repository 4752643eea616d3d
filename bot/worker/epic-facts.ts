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
export async function loadFamily(db: Db, run: Run): Promise<Family | null> {
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

type EpicFacts = Pick<Snapshot, 'epicItem' | 'children' | 'actorAccess' | 'project' | 'repoConfig'>;

/**
 * What a run in its children stage is decided on; null in every other stage. Where a child may start,
 * its issue, the rights of whoever asked and the repository's settings are read by API.
 */
export async function epicFacts(
  run: Run,
  repo: RepoRow,
  project: Snapshot['project'],
  deps: WorkerDeps,
): Promise<EpicFacts | null> {
  if (stageOf(run)?.kind !== 'children') return null;
  const family = await loadFamily(deps.db, run);
  if (family === null) return null;
  const open = family.children.filter(isOpenChild);
  const unknown = { actorAccess: 0, project, repoConfig: deps.parseRepoConfig(null) };
  if (open.length === 0) return { ...family, ...unknown };
  const { read, tracker } = deps.forge;
  const { projectId } = repo;
  const iids = open.flatMap(({ issue }) => (issue === null ? [] : [issue.iid]));
  const [issues, fresh, actorAccess, config] = await Promise.all([
    tracker.issues(projectId, iids),
    read.project(projectId),
    read.accessLevel(projectId, run.requester.id),
    read.file(projectId, deps.repoConfigPath, repo.defaultBranch),
  ]);
  const now = (child: ChildFacts): Issue | null =>
    issues.find(({ iid }) => iid === child.issue?.iid) ?? null;
  return {
    epicItem: family.epicItem,
    children: family.children.map((child) =>
      open.includes(child) ? { ...child, now: now(child) } : child,
    ),
    actorAccess,
    project: { ...project, archived: fresh.archived },
    repoConfig: deps.parseRepoConfig(config),
  };
}
