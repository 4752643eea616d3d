/** Branch, commit message, title and description of the change a run opens (EXPERIENCE §5). */
import type { Report } from '../../../schema/wire/report.ts';
import { money } from '../../decide/format.ts';
import { code } from '../../decide/text.ts';
import { checksSentence } from '../../decide/check-text.ts';
import { scanLines } from '../../decide/scan-text.ts';
import { tallyTable, type Tally } from '../../decide/tally.ts';
import { spentOn, type Attempt, type ChangeRole, type Run } from '../../domain/runs.ts';
import { neutralise, neutraliseTitle } from './neutralise.ts';

const TITLE_CHARS = 200;
const SLUG_CHARS = 40;
const SUMMARY_CHARS = 8_000;

/** The branch of a run's change: chosen by the bot, never by the agent. */
export function branchName(run: Run, change: ChangeRole): string {
  const slug = run.context.title
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '-')
    .slice(0, SLUG_CHARS)
    .replace(/^-/, '')
    .replace(/-$/, '');
  const kind = change === 'spec' ? 'autodev/spec-' : 'autodev/';
  return `${kind}${run.target.iid}-${slug === '' ? 'change' : slug}-${run.id}`;
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
export function changeTitle(run: Run, change: ChangeRole): string {
  const title = neutraliseTitle(run.context.title, TITLE_CHARS);
  return `[AutoDev] ${change === 'spec' ? 'Spec: ' : ''}${title} (#${run.target.iid})`;
}

/** Hidden marker of the change's description. */
export function changeMarker(run: Run): string {
  return `<!-- autodev:run:${run.id} -->`;
}

/** The description; facts are ours, the summary is the model's and quoted as such. */
export function changeDescription(
  run: Run,
  attempt: Attempt,
  allowedHost: string,
  tally: Tally | null,
): string {
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
  parts.push(...releaseText(result?.report, allowedHost), '**Files**', '', ...files, '');
  if (run.checks !== null) {
    parts.push(
      `**Tested** at \`${run.checks.sha.slice(0, 8)}\`: ${checksSentence(run.checks)}`,
      '',
    );
  } else if (checks.length > 0) {
    parts.push(
      '**Commands the agent ran** (the proof is this change’s own pipeline)',
      '',
      ...checks,
      '',
    );
  }
  if (run.changes.spec?.iid) parts.push(`Specification: !${run.changes.spec.iid}`, '');
  if (tally !== null && tally.votes.length > 0) parts.push(...tallyTable(tally), '');
  parts.push(...scanLines(run));
  parts.push(
    `Asked by @${run.requester.username} in #${run.target.iid}. Cost so far ${money(spentOn(run))}.`,
    '',
    `Closes #${run.target.iid}`,
  );
  return parts.join('\n');
}

/** The version and notes of a release, quoted: what people copy when they tag it. */
function releaseText(report: Report | undefined, allowedHost: string): string[] {
  if (report?.kind !== 'release') return [];
  const notes = neutralise(report.notes, { allowedHost, maxChars: SUMMARY_CHARS });
  const quoted = notes.trim().split('\n');
  return [
    `**Release ${code(report.version)}**: merge this, then tag it. Its notes:`,
    '',
    ...quoted.map((line) => `> ${line}`.trimEnd()),
    '',
  ];
}

/** What approving the specification means, what deserves a look, and the cost (EXPERIENCE §4). */
export function specDescription(run: Run, attempt: Attempt, allowedHost: string): string {
  const report = attempt.result?.report;
  const iid = run.target.iid;
  const decisions = report?.kind === 'spec' ? report.decisions : [];
  const lines = decisions.map(
    (decision) =>
      `1. ${neutralise(decision, { allowedHost, maxChars: 300 }).replaceAll('\n', ' ')}`,
  );
  if (report?.kind === 'epic') return planDescription(run, report.children.length);
  const confidence = report?.kind === 'spec' ? `${report.confidence}/10` : 'unknown';
  return [
    changeMarker(run),
    `Approving this merge request starts the implementation of #${iid}; the bot merges it then.`,
    'Closing it stops the work; `/autodev reject <reason>` sends it back to the architect.',
    '',
    `Confidence of the architect: ${confidence}.`,
    ...(lines.length > 0 ? ['', 'Decisions that deserve a look:', '', ...lines] : []),
    '',
    `Asked by @${run.requester.username} in #${iid}. Cost so far ${money(spentOn(run))}.`,
  ].join('\n');
}

/** What approving the plan of an epic means; what is followed is the plan as the bot made it. */
function planDescription(run: Run, children: number): string {
  const { iid } = run.target;
  return [
    changeMarker(run),
    `Approving this merge request makes an issue of each part and works on them in order: ${children} ` +
      `${children === 1 ? 'child' : 'children'} of #${iid}. The bot merges it then.`,
    'Closing it stops the work; `/autodev reject <reason>` has another plan made. Edits on this page are',
    'not read: say in the reason what should differ.',
    '',
    `Asked by @${run.requester.username} in #${iid}. Cost so far ${money(spentOn(run))}.`,
  ].join('\n');
}

/** The file the specification stands in. */
export function specPath(run: Run): string {
  const slug = branchName(run, 'code').replace(/^autodev\//, '');
  return `docs/specs/${slug}.md`;
}
