/** Effects on a change under review: threads for findings, and what became of them. */
import { openFindings } from '../../decide/findings.ts';
import { holds, STANDING, tellOf, type Told } from '../../decide/threads.ts';
import type { Receipt } from '../../domain/effects.ts';
import type { KnownFinding } from '../../domain/findings.ts';
import type { Run } from '../../domain/runs.ts';
import { ForgeError } from '../../forge/errors.ts';
import type { ThreadInfo } from '../../forge/review.ts';
import { loadRun } from '../load-run.ts';
import { findingText, whyText } from '../publish/finding-text.ts';
import type { EffectContext } from './context.ts';

type ThreadContext = EffectContext<'open_threads'> | EffectContext<'resolve_threads'>;

/** One thread per open finding that has none yet; found again by its marker. */
export async function openThreads(context: EffectContext<'open_threads'>): Promise<Receipt> {
  const { effect, repo, deps } = context;
  const { run, iid, head } = await load(context, effect.run);
  const own = await ownThreads(context, iid);
  const files = new Map<string, string | null>();
  const threads: { fingerprint: string; discussionId: string }[] = [];
  await context.begin();
  for (const finding of openFindings(run).filter(({ threadId }) => threadId === null)) {
    const { fingerprint, path, line, endLine } = finding;
    let id = own.find((thread) => holds(thread.body, fingerprint))?.id;
    if (id === undefined) {
      const text = files.get(path) ?? (await deps.forge.read.file(repo.projectId, path, head));
      files.set(path, text);
      const on = { path, line, ...(endLine === undefined ? {} : { endLine }), sha: head };
      const { review } = deps.forge;
      const opened = await review.openThread(repo.projectId, iid, on, (place) =>
        findingText(finding, place, text, deps.forgeHost),
      );
      id = opened.id;
    }
    threads.push({ fingerprint, discussionId: id });
  }
  return { kind: 'open_threads', threads };
}

/** Tells the threads of known findings how they stand, and resolves those that are settled. */
export async function resolveThreads(context: EffectContext<'resolve_threads'>): Promise<Receipt> {
  const { effect, deps } = context;
  const { run, iid, head } = await load(context, effect.run);
  const bot = await deps.bot();
  const own = await ownThreads(context, iid);
  await context.begin();
  const threads: { fingerprint: string; discussionId: string; resolved: boolean }[] = [];
  for (const finding of run.findings) {
    const thread = own.find(({ id }) => id === finding.threadId);
    if (thread === undefined) continue;
    const standing = { resolved: thread.resolved, byBot: thread.resolvedBy?.id === bot.id };
    const why =
      finding.why === ''
        ? 'its lines did not change, and the look did not name it.'
        : whyText(finding.why, deps.forgeHost);
    const told = tellOf(finding, standing, head, why);
    await tell(context, iid, thread, told, bot.id);
    if (told.resolve || told.reopen) {
      const { fingerprint } = finding;
      threads.push({ fingerprint, discussionId: thread.id, resolved: told.resolve });
    }
  }
  return { kind: 'resolve_threads', threads };
}

/** Says a line once, or brings the one note that says how it stands up to date. */
async function tell(
  context: ThreadContext,
  iid: number,
  thread: ThreadInfo,
  told: Told,
  botId: number,
): Promise<void> {
  const { repo, deps } = context;
  const { review, write } = deps.forge;
  const { projectId } = repo;
  const own = thread.notes.filter(({ authorId }) => authorId === botId).slice(1);
  const { line } = told;
  if (line !== null && !own.some(({ body }) => body === line)) {
    const standing = own.find(({ body }) => body.startsWith(STANDING));
    if (told.standing && standing) {
      await write.updateNote(projectId, { type: 'change', iid }, standing.id, line);
    } else {
      await review.replyInThread(projectId, iid, thread.id, line);
    }
  }
  if (told.resolve || told.reopen) {
    await review.resolveThread(projectId, iid, thread.id, told.resolve);
  }
}

/** Threads that the bot began, with the text of their first note. */
async function ownThreads(
  context: ThreadContext,
  iid: number,
): Promise<(ThreadInfo & { body: string })[]> {
  const { repo, deps } = context;
  const bot = await deps.bot();
  const threads = await deps.forge.review.threads(repo.projectId, iid);
  return threads
    .filter((thread) => thread.notes[0]?.authorId === bot.id)
    .map((thread) => ({ ...thread, body: thread.notes[0]?.body ?? '' }));
}

async function load(
  context: ThreadContext,
  runId: number,
): Promise<{ run: Run & { findings: KnownFinding[] }; iid: number; head: string }> {
  const loaded = await loadRun(context.deps.db, runId);
  const code = loaded?.run.changes.code;
  if (!loaded || code?.iid == null) throw new ForgeError('invalid', 'the change is gone');
  return { run: loaded.run, iid: code.iid, head: code.headSha };
}
