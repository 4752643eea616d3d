/**
 * A project that the bot cannot read any more must not leave its runs hanging: after a few tries a
 * refusal counts as an answer, and the run is ended on what the store knows.
 */
import type { Interest } from '../decide/interest.ts';
import type { Run } from '../domain/runs.ts';
import type { Snapshot } from '../domain/snapshot.ts';
import { ForgeError } from '../forge/errors.ts';
import { repoById, repoByProject, type RepoRow } from '../store/repos.ts';
import type { WorkerDeps } from './deps.ts';
import { loadRun } from './load-run.ts';
import { runBy } from './find-run.ts';
import { base, type Taken } from './snapshot-base.ts';
import { takeSnapshot } from './take-snapshot.ts';

/** A proxy or a deployment may answer 403 or 404 for a moment: this many answers in a row count. */
const SURE_TRIES = 3;

/**
 * True while a refusal may pass: it is asked again. A token that is not accepted at all (401) is the
 * operator's to mend, and says nothing about any run.
 */
export function mayPass(error: unknown, tries: number): boolean {
  if (!(error instanceof ForgeError)) return true;
  if (error.kind === 'invalid') return false;
  return error.status === 401 || error.kind !== 'denied' || tries < SURE_TRIES;
}

/** The snapshot, or one that says that the project is out of reach when that is sure. */
export async function takeOrEnd(
  interest: Interest,
  tries: number,
  deps: WorkerDeps,
): Promise<Taken> {
  try {
    return await takeSnapshot(interest, deps);
  } catch (error) {
    if (tries < SURE_TRIES) throw error;
    const reach = await reachOf(error, interest, deps);
    if (reach === 'ok') throw error;
    const found = await runOf(interest, deps);
    if (found === null) throw error;
    const { run, repo } = found;
    const bot = await deps.bot().catch(() => null);
    const plain = base(repo, deps);
    const snapshot: Snapshot = { ...plain, bot: bot ?? plain.bot, run, reach };
    return { snapshot, scope: { repo, target: run.target } };
  }
}

/** What a failed look says about the project as a whole, which is asked for once more. */
async function reachOf(
  error: unknown,
  interest: Interest,
  deps: WorkerDeps,
): Promise<Snapshot['reach']> {
  const first = refusalOf(error);
  const found = first === 'ok' ? null : await runOf(interest, deps);
  if (found === null) return 'ok';
  try {
    await deps.forge.read.project(found.repo.projectId);
    // The project can be read and something in it is forbidden; what is only missing is not meant.
    return first === 'denied' ? 'denied' : 'ok';
  } catch (again) {
    return refusalOf(again);
  }
}

function refusalOf(error: unknown): Snapshot['reach'] {
  if (!(error instanceof ForgeError) || error.status === 401) return 'ok';
  if (error.kind === 'not_found') return 'gone';
  return error.kind === 'denied' ? 'denied' : 'ok';
}

async function runOf(
  interest: Interest,
  deps: WorkerDeps,
): Promise<{ run: Run; repo: RepoRow } | null> {
  if (interest.kind === 'own') {
    const loaded = await loadRun(deps.db, interest.runId);
    const repo = loaded ? await repoById(deps.db, loaded.run.repoId) : null;
    return loaded && repo ? { run: loaded.run, repo } : null;
  }
  if (interest.kind !== 'run') return null;
  const repo = await repoByProject(deps.db, 'gitlab', interest.project.id);
  const run = repo ? await runBy(interest.by, repo, deps) : null;
  return run && repo ? { run, repo } : null;
}
