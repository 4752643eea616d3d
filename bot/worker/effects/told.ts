/** The effect that tells a task's report in one comment, and edits that comment from then on. */
import type { Report } from '../../../schema/wire/report.ts';
import type { Receipt } from '../../domain/effects.ts';
import {
  latestAttempt,
  taskOfAttempt,
  type Attempt,
  type Run,
  type Task,
} from '../../domain/runs.ts';
import { ForgeError } from '../../forge/errors.ts';
import { loadRun } from '../load-run.ts';
import { pictureLines } from '../publish/pictures.ts';
import { reportNote } from '../publish/report/note.ts';
import type { OpenIssue } from '../publish/report/plans.ts';
import { secretInText } from '../publish/secret-scan.ts';
import type { EffectContext } from './context.ts';

/** Issues whose titles are read for one comment. */
const MAX_NAMED = 100;

/** Posts or edits the comment of the task's type in the run; found again by its marker. */
export async function tellReport(context: EffectContext<'report_note'>): Promise<Receipt> {
  const { effect, repo, deps } = context;
  const { run, task, attempt } = await loadAttempt(context, effect.run, effect.attempt);
  const report = attempt.result?.report;
  const text = reportNote({
    type: task.type,
    agent: task.agent,
    report,
    sha: attempt.workSha ?? attempt.sha,
    threads: run.changes.code !== null,
    raised: effect.raised ?? [],
    open: await openAmong(report, context),
    allowedHost: deps.forgeHost,
  });
  const marker = `<!-- autodev:report:${run.id}:${task.type} -->`;
  const attachments = attempt.result?.attachments ?? [];
  const words = [text, ...attachments.map(({ title }) => title)].join('\n');
  const secret = await secretInText(words, deps.ownSecrets);
  const bot = await deps.bot();
  const notes = await deps.forge.read.notes(repo.projectId, run.target);
  const known = notes.find((note) => note.authorId === bot.id && note.body.includes(marker));
  await context.begin();
  const pictures = await pictureLines(secret === null ? attachments : [], (name, png) =>
    deps.forge.review.attach(repo.projectId, name, png),
  );
  const body = [secret === null ? text : withheld(secret), ...pictures, '', marker].join('\n');
  if (known !== undefined) {
    await deps.forge.write.updateNote(repo.projectId, run.target, known.id, body);
    return { kind: 'report_note', noteId: known.id };
  }
  const { id } = await deps.forge.write.createNote(repo.projectId, run.target, body);
  return { kind: 'report_note', noteId: id };
}

function withheld(what: string): string {
  return (
    `### AutoDev\n\nThe report seems to hold a secret (${what}), so it is not shown here. ` +
    'The log of the agent’s job says what it did; `/autodev retry <hint>` has it made anew.'
  );
}

/** Issues that a backlog names, as they are now: closed and confidential ones are left out. */
async function openAmong(
  report: Report | undefined,
  { repo, deps }: EffectContext<'report_note'>,
): Promise<OpenIssue[]> {
  if (report?.kind !== 'backlog') return [];
  const iids = [...new Set(report.order.map(({ iid }) => iid))].slice(0, MAX_NAMED);
  const issues = await deps.forge.tracker.issues(repo.projectId, iids);
  return issues.filter(({ state, confidential }) => state === 'opened' && !confidential);
}

/** The run with the attempt that counts, for effects that publish its result. */
export async function loadAttempt(
  context: Pick<EffectContext, 'deps'>,
  runId: number,
  attemptId: number,
): Promise<{ run: Run; task: Task; attempt: Attempt }> {
  const loaded = await loadRun(context.deps.db, runId);
  const task = loaded ? taskOfAttempt(loaded.run, attemptId) : null;
  const attempt = task ? latestAttempt(task) : null;
  if (!loaded || !task || !attempt || attempt.id !== attemptId) {
    throw new ForgeError('invalid', 'a newer attempt has taken over');
  }
  return { run: loaded.run, task, attempt };
}
