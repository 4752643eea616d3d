/** What every snapshot is made of, whatever the event. */
import { NO_SPENDING } from '../domain/budgets.ts';
import { NO_ITEM } from '../domain/children.ts';
import { NOTHING_GIVEN } from '../domain/given.ts';
import type { Target } from '../domain/runs.ts';
import type { Snapshot } from '../domain/snapshot.ts';
import { SAME_LABEL_SECONDS, type Wish } from '../domain/wishes.ts';
import { ForgeError } from '../forge/errors.ts';
import type { RepoRow } from '../store/repos.ts';
import type { WishKeys } from '../store/wishes.ts';
import type { WorkerDeps } from './deps.ts';

export interface Scope {
  repo: RepoRow;
  /** What the decision is about; its lock serialises decisions. */
  target: Target;
  /** What is acted on once: remembered with the decision. */
  wish?: WishKeys & { keys: readonly string[] };
}

export type Taken = { snapshot: Snapshot; scope: Scope } | { ignore: string };

/** The parts that are the same for every event, and neutral values for the rest. */
export function base(repo: RepoRow, deps: WorkerDeps): Snapshot {
  return {
    now: deps.now(),
    bot: { id: 0, username: '' },
    project: {
      forge: repo.forge,
      id: repo.projectId,
      path: repo.path,
      defaultBranch: repo.defaultBranch,
      webUrl: repo.webUrl,
      repoId: repo.id,
      archived: false,
    },
    reach: 'ok',
    requesterAccess: null,
    settings: deps.settings,
    agents: deps.agents,
    workflows: deps.workflows,
    providers: deps.providers,
    repoConfig: deps.parseRepoConfig(null),
    actorAccess: 0,
    issue: null,
    targetChange: null,
    targetFindings: [],
    run: null,
    lastRun: null,
    headSha: null,
    handled: false,
    runsLastHour: 0,
    spending: NO_SPENDING,
    messages: 0,
    change: null,
    children: [],
    epicItem: NO_ITEM,
    claimed: [],
    attemptPipeline: null,
    coolDowns: [],
    deploy: null,
    given: NOTHING_GIVEN,
    effect: null,
  };
}

/** A label without a time counts as of now: what follows it within seconds is the same. */
export function wishKeys(wish: Wish, deps: WorkerDeps): WishKeys & { keys: readonly string[] } {
  const { keys, known, made } = wish;
  const at = made === null ? null : made.at === null ? deps.now() : new Date(made.at);
  return { keys, known, at, withinSeconds: SAME_LABEL_SECONDS };
}

/** A thing that does not exist is null; every other failure is thrown. */
export async function orNull<T>(read: Promise<T>): Promise<T | null> {
  try {
    return await read;
  } catch (error) {
    if (error instanceof ForgeError && error.kind === 'not_found') return null;
    throw error;
  }
}
