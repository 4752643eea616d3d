/** Branch, commit message, title and description of the change a run opens (EXPERIENCE §5). */
import { money } from '../../decide/format.ts';
import { code } from '../../decide/text.ts';
import type { Attempt, Run } from '../../domain/runs.ts';
import { neutralise, neutraliseTitle } from './neutralise.ts';

const TITLE_CHARS = 200;
const SLUG_CHARS = 40;
const SUMMARY_CHARS = 8_000;

/** The one branch of a run: chosen by the bot, never by the agent. */
export function branchName(run: Run): string {
  const slug = run.context.title
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '-')
    .slice(0, SLUG_CHARS)
    .replace(/^-/, '')
    .replace(/-$/, '');
  return `autodev/${run.target.iid}-${slug === '' ? 'change' : slug}-${run.id}`;
}

/** The trailer by which a commit is recognised after a lost answer. */
export function attemptTrailer(attempt: Attempt): string {
  return `AutoDev-Attempt: ${attempt.id}`;
}

export function commitMessage(run: Run, attempt: Attempt): string {
  const title = neutraliseTitle(run.context.title, 72);
  return `${title}\n\nIssue: #${run.target.iid}\n${attemptTrailer(attempt)}\n`;
}

/** The title; the forge marks drafts itself. */
export function changeTitle(run: Run): string {
  const title = neutraliseTitle(run.context.title, TITLE_CHARS);
  return `[AutoDev] ${title} (#${run.target.iid})`;
}

/** Hidden marker of the change's description. */
export function changeMarker(run: Run): string {
  return `<!-- autodev:run:${run.id} -->`;
}

/** The description; facts are ours, the summary is the model's and quoted as such. */
export function changeDescription(run: Run, attempt: Attempt, allowedHost: string): string {
  const result = attempt.result;
  const summary = neutralise(result?.summary ?? '', { allowedHost, maxChars: SUMMARY_CHARS });
  const quoted = summary
    .trim()
    .split('\n')
    .map((line) => `> ${line}`.trimEnd());
  const files = (result?.changes ?? []).map((change) => `- ${change.action} ${code(change.path)}`);
  const checks = (result?.checks ?? [])
    .slice(-5)
    .map((check) => `- ${code(check.command)} ended with ${check.exitCode ?? 'no exit code'}`);
  const parts = [changeMarker(run)];
  if (summary.trim() !== '') parts.push('What the agent says about it:', '', ...quoted, '');
  parts.push('**Files**', '', ...files, '');
  if (checks.length > 0) {
    parts.push(
      '**Commands the agent ran** (the proof is this change’s own pipeline)',
      '',
      ...checks,
      '',
    );
  }
  const spent = `${money(run.task.spentMicrousd)} of ${money(run.task.capMicrousd)}`;
  parts.push(
    `Asked by @${run.requester.username} in #${run.target.iid}. Cost ${spent}.`,
    '',
    `Closes #${run.target.iid}`,
  );
  return parts.join('\n');
}
