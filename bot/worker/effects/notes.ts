/** Effects that people read: reactions, replies, the status comment. */
import { createHash } from 'node:crypto';
import type { JobResult } from '../../../schema/wire/result.ts';
import { oneLine } from '../../decide/attempts.ts';
import type { Receipt } from '../../domain/effects.ts';
import { resultOf, type Run } from '../../domain/runs.ts';
import { statusComment as render, STATUS_MARKER } from '../../decide/status-comment.ts';
import { ForgeError } from '../../forge/errors.ts';
import { latestRun } from '../../store/run-queries.ts';
import { workersOfRun } from '../../store/usage.ts';
import { lookedAt } from '../../decide/review.ts';
import { tallyOf, weightsOf } from '../../decide/tally.ts';
import type { EffectContext } from './context.ts';
import type { WorkerDeps } from '../deps.ts';
import { readFamily } from '../epic-facts.ts';
import { claimsAround } from '../claimed-files.ts';
import { loadRun } from '../load-run.ts';
import { neutralise } from '../publish/neutralise.ts';
import { proposedText } from '../publish/proposed.ts';

const SUMMARY_CHARS = 4_000;

/** Awards an emoji; one that is there already counts as done. */
export async function react(context: EffectContext<'react'>): Promise<Receipt> {
  const { effect, repo, deps } = context;
  await context.begin();
  try {
    await deps.forge.write.react(repo.projectId, effect.target, effect.noteId, effect.emoji);
  } catch (error) {
    // The comment was deleted: there is nothing left to acknowledge.
    if (!(error instanceof ForgeError) || error.kind !== 'not_found') throw error;
  }
  return { kind: 'react' };
}

/** Posts an answer once; found again by its marker after a lost reply. */
export async function reply(context: EffectContext<'reply'>): Promise<Receipt> {
  const { effect, row, deps } = context;
  const marker = `<!-- autodev:reply:${row.id} -->`;
  if (context.again) {
    const found = await ownNote(context, effect.target, marker);
    if (found) return { kind: 'reply', noteId: found.id };
  }
  // Answers of agents pass the neutraliser; our own sentences hold nothing it would change.
  const safe = effect.about.endsWith('-answer')
    ? neutralise(effect.body, { allowedHost: deps.forgeHost })
    : effect.body;
  const body = `${safe}\n\n${marker}`;
  await context.begin();
  const { id } = await createReply(context, body);
  return { kind: 'reply', noteId: id };
}

async function createReply(context: EffectContext<'reply'>, body: string): Promise<{ id: number }> {
  const { effect, repo, deps } = context;
  const { write } = deps.forge;
  const plain = { internal: effect.internal };
  if (effect.discussionId === null) {
    return write.createNote(repo.projectId, effect.target, body, plain);
  }
  try {
    const inThread = { ...plain, discussionId: effect.discussionId };
    return await write.createNote(repo.projectId, effect.target, body, inThread);
  } catch (error) {
    // The thread is gone with its first comment; the answer still has a reader.
    if (!(error instanceof ForgeError) || error.kind !== 'not_found') throw error;
    return write.createNote(repo.projectId, effect.target, body, plain);
  }
}

/** Brings the one status comment of a target up to date; creates it when there is none. */
export async function statusComment(context: EffectContext<'status_comment'>): Promise<Receipt> {
  const { effect, row, repo, deps } = context;
  const runId = effect.run;
  if (runId === 'new') throw new Error('a stored effect names its run');
  const loaded = await loadRun(deps.db, runId);
  if (!loaded) throw new Error(`run ${runId} does not exist`);
  const { run } = loaded;
  const previous = row.receipt as Extract<Receipt, { kind: 'status_comment' }> | null;
  const latest = await latestRun(deps.db, repo.id, run.target.type, run.target.iid);
  // The comment belongs to the newest run; an older one has nothing to say any more.
  if (latest && latest.id > run.id && previous) return previous;
  const blocked = run.verdict?.blocked;
  const family = await readFamily(run, repo, deps);
  const files = await claimsAround(run, deps.db);
  const body = render({
    run,
    files,
    usage: loaded.usage,
    workers: await workersOfRun(deps.db, run.id),
    now: deps.now(),
    tally: lookedAt(run) !== null && run.verdict ? tallyOf(run, weightsOf(deps)) : null,
    summary: summaryOf(run, deps),
    family,
    proposed: blocked === undefined ? null : proposedText(blocked.files, deps.forgeHost),
  });
  const bodyHash = createHash('sha256').update(body).digest('hex');
  const known = run.statusNoteId ?? previous?.noteId ?? null;
  if (known !== null && previous?.bodyHash === bodyHash && previous.noteId === known) {
    return previous;
  }
  await context.begin();
  const noteId = await upsert(context, run, known, body);
  return { kind: 'status_comment', noteId, bodyHash };
}

async function upsert(
  context: EffectContext<'status_comment'>,
  run: Run,
  known: number | null,
  body: string,
): Promise<number> {
  const { repo, deps } = context;
  const { write } = deps.forge;
  const existing = known ?? (await ownNote(context, run.target, STATUS_MARKER))?.id ?? null;
  if (existing !== null) {
    try {
      await write.updateNote(repo.projectId, run.target, existing, body);
      return existing;
    } catch (error) {
      // Somebody deleted it: a new one takes its place.
      if (!(error instanceof ForgeError) || error.kind !== 'not_found') throw error;
    }
  }
  return (await write.createNote(repo.projectId, run.target, body)).id;
}

/** The bot's own note that carries a marker; other people's copies of the marker do not count. */
async function ownNote(
  context: EffectContext<'reply'> | EffectContext<'status_comment'>,
  target: Run['target'],
  marker: string,
): Promise<{ id: number } | null> {
  const { repo, deps } = context;
  const bot = await deps.bot();
  const notes = await deps.forge.read.notes(repo.projectId, target);
  return notes.find((note) => note.authorId === bot.id && note.body.includes(marker)) ?? null;
}

/** What the product manager wants to know, one question a line, before everything else it says. */
function questionsOf({ report }: JobResult): string {
  if (report?.kind !== 'triage' || report.missing.length === 0) return '';
  const lines = report.missing.map((question, at) => `${at + 1}. ${oneLine(question)}`);
  return `${lines.join('\n')}\n\n`;
}

function summaryOf(run: Run, deps: WorkerDeps): string | null {
  const last = run.tasks.findLast((task) => resultOf(task) !== null);
  const result = resultOf(last ?? null);
  if (!result || !run.verdict || run.verdict.kind === 'done') return null;
  const text = `${questionsOf(result)}${result.comment ?? result.summary}`;
  return neutralise(text, { allowedHost: deps.forgeHost, maxChars: SUMMARY_CHARS });
}
