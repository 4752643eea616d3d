/** Effects on a change under review: threads for findings, and what became of them. */
import { findingsOfRound, type RaisedFinding } from '../../decide/findings.ts';
import { goneThreads, holds, threadLine } from '../../decide/threads.ts';
import type { Receipt } from '../../domain/effects.ts';
import { ForgeError } from '../../forge/errors.ts';
import type { ThreadInfo } from '../../forge/forge.ts';
import { loadRun } from '../load-run.ts';
import { neutralise } from '../publish/neutralise.ts';
import type { EffectContext } from './context.ts';

const BODY_CHARS = 4_000;
/** One thread per finding of the round that has none yet; found again by its marker. */
export async function openThreads(context: EffectContext<'open_threads'>): Promise<Receipt> {
  const { effect, repo, deps } = context;
  const { run, iid } = await load(context, effect.run);
  const own = await ownThreads(context, iid);
  const threads: { fingerprint: string; discussionId: string }[] = [];
  await context.begin();
  for (const finding of findingsOfRound(run, effect.round)) {
    const { fingerprint, path, line } = finding;
    const known = own.find((thread) => holds(thread, fingerprint));
    const id =
      known?.id ??
      (
        await deps.forge.review.openThread(
          repo.projectId,
          iid,
          { path, line },
          findingText(finding, run.changes.code?.headSha ?? '', deps.forgeHost),
        )
      ).id;
    threads.push({ fingerprint, discussionId: id });
  }
  return { kind: 'open_threads', threads };
}

/** Says in the threads of findings that are gone where they were fixed, and resolves them. */
export async function resolveThreads(context: EffectContext<'resolve_threads'>): Promise<Receipt> {
  const { effect, repo, deps } = context;
  const { run, iid } = await load(context, effect.run);
  const sha = run.changes.code?.headSha.slice(0, 8) ?? '';
  const own = await ownThreads(context, iid);
  const gone = goneThreads(run, own);
  await context.begin();
  const resolved: string[] = [];
  for (const thread of gone) {
    if (thread.resolved) continue;
    const said = thread.notes.some((note) => note.body.startsWith('Fixed in'));
    if (!said) {
      await deps.forge.review.replyInThread(repo.projectId, iid, thread.id, `Fixed in ${sha}.`);
    }
    await deps.forge.review.resolveThread(repo.projectId, iid, thread.id);
    resolved.push(thread.id);
  }
  return { kind: 'resolve_threads', resolved };
}

/** Severity and category, what goes wrong, and a suggestion that applies (EXPERIENCE §6). */
function findingText(finding: RaisedFinding, sha: string, allowedHost: string): string {
  const safe = (text: string): string => neutralise(text, { allowedHost, maxChars: BODY_CHARS });
  const { severity, category, title, body, suggestion } = finding;
  const parts = [
    `**${severity} · ${safe(category).replaceAll('\n', ' ')}** ${safe(title).replaceAll('\n', ' ')}`,
    '',
    safe(body),
  ];
  if (suggestion !== undefined) {
    const fence = '`'.repeat(Math.max(3, longestRun(suggestion) + 1));
    parts.push('', `${fence}suggestion:-0+0`, suggestion.replace(/\n$/, ''), fence);
  }
  parts.push('', threadLine(finding, sha));
  return parts.join('\n');
}

function longestRun(text: string): number {
  return Math.max(0, ...[...text.matchAll(/`+/g)].map(([run]) => run.length));
}

async function ownThreads(
  context: EffectContext<'open_threads'> | EffectContext<'resolve_threads'>,
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
  context: EffectContext<'open_threads'> | EffectContext<'resolve_threads'>,
  runId: number,
): Promise<{ run: NonNullable<Awaited<ReturnType<typeof loadRun>>>['run']; iid: number }> {
  const loaded = await loadRun(context.deps.db, runId);
  const iid = loaded?.run.changes.code?.iid;
  if (!loaded || iid == null) throw new ForgeError('invalid', 'the change is gone');
  return { run: loaded.run, iid };
}
