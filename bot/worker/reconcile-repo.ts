/**
 * One look at one project for what its webhooks missed (threats R24, R25).
 *
 * First two cheap questions: which issues and changes moved since the last look. A quiet project costs
 * no more than these. Only what moved is looked at closely, and only what may matter: notes where
 * somebody commented, label events where a label of the bot is on the issue, pipelines of agents that
 * nobody claimed, and the ground that working agents stand on. What is found goes into the inbox as the event that the webhook would have been.
 */
import type { Change, Issue, NoteSubject, Project } from '../domain/events.ts';
import { labelKey, SAME_LABEL_SECONDS } from '../domain/wishes.ts';
import { ForgeError } from '../forge/errors.ts';
import type { NoteTarget } from '../forge/forge.ts';
import type { LabelEvent, Moved, MovedList } from '../forge/poll.ts';
import { ring } from '../queue/ring.ts';
import { recordLooks, recordOwnEvent } from '../store/own-events.ts';
import {
  activeTargets,
  unclaimedPipelines,
  type ActiveTarget,
  type DuePoll,
} from '../store/reconcile.ts';
import type { RepoRow } from '../store/repos.ts';
import { wishKnown } from '../store/wishes.ts';
import type { WorkerDeps } from './deps.ts';
import {
  botLabels,
  closedFound,
  labelFound,
  noteFound,
  sinceOf,
  wantedLabels,
  wantedNotes,
  windowOf,
  type Found,
  type Window,
} from './reconcile-find.ts';

/** A pipeline is left to its webhook for so long. */
const UNCLAIMED_SECONDS = 30;
/** Agents' pipelines looked at in one poll; the rest has its turn in the next one. */
const PIPELINES = 20;
const BROKEN = new Set(['failed', 'canceled']);

interface Poll {
  repo: RepoRow;
  project: Project;
  window: Window;
  active: readonly ActiveTarget[];
  botId: number;
  deps: WorkerDeps;
}

/**
 * Looks once; returns up to when everything was looked at, by the forge's clock.
 * @throws ForgeError when the forge does not answer: what was found by then stays in the inbox
 */
export async function pollRepo(repo: RepoRow, due: DuePoll, deps: WorkerDeps): Promise<Date> {
  const now = deps.now();
  const since = sinceOf(due, now);
  const { poll: forge } = deps.forge;
  const active = await activeTargets(deps.db, repo.id);
  await wakeWorking(active, now, deps);
  const [bot, issues, changes] = await Promise.all([
    deps.bot(),
    forge.issues(repo.projectId, since),
    forge.changes(repo.projectId, since),
  ]);
  const at = new Date(Math.min(...[issues.at, changes.at].map((time) => (time ?? now).getTime())));
  const poll: Poll = {
    ...{ repo, active, deps, botId: bot.id, project: projectOf(repo) },
    window: windowOf(since, at, deps.settings.limits.reconcileSeconds),
  };
  await pollPipelines(poll);
  for (const moved of issues.items) await stillThere(() => pollIssue(moved, poll));
  for (const moved of changes.items) await stillThere(() => pollChange(moved, poll));
  return completeUntil([issues, changes], at);
}

/**
 * Runs with an agent at work are looked at on a fresh snapshot: their change may be merged or closed, its
 * branch deleted, the project archived, rights lost. Runs that wait are looked at by the sweeper. Comes
 * before the first question, because a project that is gone answers none.
 */
async function wakeWorking(
  active: readonly ActiveTarget[],
  now: Date,
  deps: WorkerDeps,
): Promise<void> {
  const turn = Math.floor(now.getTime() / 1000 / deps.settings.limits.reconcileSeconds);
  const looks = active
    .filter(({ working }) => working)
    .map(({ runId }) => ({ runId, dedupeKey: `poll:wake:${runId}:${turn}` }));
  for (const id of await recordLooks(deps.db, looks)) ring(deps, { name: 'delivery', id });
}

/** Everything is complete until the earlier of what the lists say. */
function completeUntil(lists: readonly MovedList<unknown>[], at: Date): Date {
  return new Date(Math.min(...lists.map((list) => (list.completeUntil ?? at).getTime())));
}

/** What is deleted or hidden while it is looked at holds nothing to find. */
async function stillThere(look: () => Promise<void>): Promise<void> {
  try {
    await look();
  } catch (error) {
    if (!(error instanceof ForgeError) || error.kind !== 'not_found') throw error;
  }
}

async function pollIssue(moved: Moved<Issue>, poll: Poll): Promise<void> {
  const { item: issue } = moved;
  for (const found of closedFound(poll.project, moved, poll.active)) await record(found, poll);
  const working = poll.active.some((one) => one.working && one.issueIid === issue.iid);
  await pollNotes({ type: 'issue', issue }, issue.iid, moved.hasNotes, working, poll);
  if (botLabels(issue).length > 0) await pollLabels(issue, poll);
}

async function pollChange(moved: Moved<Change>, poll: Poll): Promise<void> {
  const { item: change } = moved;
  const working = poll.active.some((one) => one.working && one.changeIids.includes(change.iid));
  await pollNotes({ type: 'change', change }, change.iid, moved.hasNotes, working, poll);
}

async function pollNotes(
  subject: Extract<NoteSubject, { type: 'issue' | 'change' }>,
  iid: number,
  hasNotes: boolean,
  agentWorks: boolean,
  poll: Poll,
): Promise<void> {
  if (!hasNotes) return;
  const { deps, repo, window, project, botId } = poll;
  const on: NoteTarget = { type: subject.type, iid };
  const notes = await deps.forge.poll.notes(repo.projectId, on, window.since);
  // Asked for once, however many notes were missed: a long thread is a large answer.
  let threads: ReadonlyMap<number, string> | null = null;
  for (const note of wantedNotes(notes, window, botId, agentWorks)) {
    const known = [`note/${note.id}`];
    if (await wishKnown(deps.db, repo.id, { known, at: null, withinSeconds: 0 })) continue;
    threads ??= await deps.forge.poll.threads(repo.projectId, on);
    await record(noteFound(project, subject, note, threads.get(note.id) ?? null), poll);
  }
}

async function pollLabels(issue: Issue, poll: Poll): Promise<void> {
  const { deps, repo, window, project } = poll;
  const events = await deps.forge.poll.labelEvents(repo.projectId, issue.iid);
  for (const added of wantedLabels(events, issue, window)) {
    if (!(await labelKnown(issue, added, poll))) {
      await record(labelFound(project, issue, added), poll);
    }
  }
}

function labelKnown(issue: Issue, added: LabelEvent, { deps, repo }: Poll): Promise<boolean> {
  return wishKnown(deps.db, repo.id, {
    known: [labelKey(issue.iid, added.label, added.by.id)],
    at: added.at,
    withinSeconds: SAME_LABEL_SECONDS,
  });
}

/** Agents' pipelines that broke before a job claimed its attempt: nobody else would tell for minutes. */
async function pollPipelines({ repo, project, deps, ...poll }: Poll): Promise<void> {
  const seconds = Math.min(UNCLAIMED_SECONDS, deps.settings.limits.reconcileSeconds);
  const ids = await unclaimedPipelines(deps.db, repo.id, seconds, PIPELINES);
  for (const id of ids) {
    await stillThere(async () => {
      const pipeline = await deps.forge.ci.pipeline(repo.projectId, id);
      if (!BROKEN.has(pipeline.status)) return;
      await record(
        {
          key: `poll:${project.id}:pipeline:${id}:${pipeline.status}`,
          event: { kind: 'pipeline', project, actor: null, pipeline },
        },
        { repo, project, deps, ...poll },
      );
    });
  }
}

/** Puts what was found into the inbox, once. */
async function record({ event, key }: Found, { deps, repo }: Poll): Promise<void> {
  const { id, inserted } = await recordOwnEvent(deps.db, { kind: 'polled', event }, key);
  if (!inserted) return;
  deps.log.info({ repo: repo.path, event: event.kind, key }, 'found what no webhook told');
  ring(deps, { name: 'delivery', id });
}

function projectOf(repo: RepoRow): Project {
  return {
    forge: repo.forge,
    id: repo.projectId,
    path: repo.path,
    defaultBranch: repo.defaultBranch,
    webUrl: repo.webUrl,
  };
}
