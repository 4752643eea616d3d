/**
 * What findings are judged by, read from the forge when a look begins and when it is over: their threads,
 * what people with rights said in them, and the files they are about as they were and are.
 */
import { ACCESS_LEVELS } from '../domain/access.ts';
import type { Actor } from '../domain/events.ts';
import type { FileText, FindingThread, KnownFinding, ReviewFacts } from '../domain/findings.ts';
import type { ThreadInfo } from '../forge/review.ts';
import { dismissedElsewhere } from '../store/findings.ts';
import type { RepoRow } from '../store/repos.ts';
import type { WorkerDeps } from './deps.ts';

/** Most files that are read for one look; findings in others are judged by what the agents say. */
const MAX_FILES = 100;
/** Who can dismiss findings; the emoji they do it with, by GitLab's name and its alias. */
const MAY_DISMISS = ACCESS_LEVELS.developer;
const THUMBS_DOWN = new Set(['thumbsdown', '-1']);

export interface LookedAt {
  iid: number;
  /** The commit that is looked at. */
  head: string;
  known: readonly KnownFinding[];
  /** Files in which something was raised now. */
  raisedIn: readonly string[];
}

/** @throws ForgeError when something could not be read: nobody is taken to have said anything. */
export async function reviewFacts(
  look: LookedAt,
  repo: RepoRow,
  deps: WorkerDeps,
): Promise<ReviewFacts> {
  const paths = [...new Set([...look.raisedIn, ...look.known.map(({ path }) => path)])];
  const [threads, files, elsewhere] = await Promise.all([
    findingThreads(look, repo, deps),
    filesOf(look, paths, repo, deps),
    dismissedElsewhere(deps.db, repo.id, look.iid, look.raisedIn),
  ]);
  return { threads, files, elsewhere };
}

async function filesOf(
  { head, known }: LookedAt,
  paths: readonly string[],
  repo: RepoRow,
  deps: WorkerDeps,
): Promise<FileText[]> {
  const wanted = new Map(paths.map((path) => [`${head}:${path}`, { sha: head, path }]));
  for (const { lastSha: sha, path, state } of known) {
    if (state === 'open' || state === 'dismissed') wanted.set(`${sha}:${path}`, { sha, path });
  }
  return Promise.all(
    [...wanted.values()].slice(0, MAX_FILES).map(async ({ sha, path }) => ({
      sha,
      path,
      text: await deps.forge.read.file(repo.projectId, path, sha),
    })),
  );
}

/** Threads of known findings, each with what people with rights said in it. */
async function findingThreads(
  { iid, known }: LookedAt,
  repo: RepoRow,
  deps: WorkerDeps,
): Promise<FindingThread[]> {
  const told = new Set(known.flatMap(({ threadId }) => threadId ?? []));
  if (told.size === 0) return [];
  const { review, read } = deps.forge;
  const bot = await deps.bot();
  const levels = new Map<number, Promise<number>>();
  const mayDismiss = async (user: Actor): Promise<boolean> => {
    if (user.id === bot.id) return false;
    const level = levels.get(user.id) ?? read.accessLevel(repo.projectId, user.id);
    levels.set(user.id, level);
    return (await level) >= MAY_DISMISS;
  };
  const all = await review.threads(repo.projectId, iid);
  // The first note has to be the bot's own: only its reactions are about the finding.
  const own = all.filter(({ id, notes }) => told.has(id) && notes[0]?.authorId === bot.id);
  return Promise.all(
    own.map(async (thread): Promise<FindingThread> => {
      const { id, resolved, resolvedBy } = thread;
      const by = resolvedBy !== null && (await mayDismiss(resolvedBy)) ? resolvedBy : null;
      return { id, resolved, resolvedBy: by, thumbsDown: await firstDown(thread) };
    }),
  );

  async function firstDown({ notes }: ThreadInfo): Promise<FindingThread['thumbsDown']> {
    const given = await review.reactions(repo.projectId, iid, notes[0]?.id ?? 0);
    const down = given.filter(({ name }) => THUMBS_DOWN.has(name));
    for (const { user, at } of down.toSorted((a, b) => b.at.getTime() - a.at.getTime())) {
      if (await mayDismiss(user)) return { by: user, at };
    }
    return null;
  }
}
