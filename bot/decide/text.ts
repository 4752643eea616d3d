/**
 * Purpose: every sentence the bot says in a reply. Each says what is, why, and what to do next
 * (EXPERIENCE): no exclamation marks, no "I". Words by people are shown in code spans only.
 */
import { outageUntil } from '../domain/outages.ts';
import { spentOn, stageOf, type Run, type Target } from '../domain/runs.ts';
import { money, utc } from './format.ts';

/** `text` as an inline code span that cannot be left: no backticks, no line breaks, bounded. */
export function code(text: string, maxChars = 100): string {
  const safe = text
    .replaceAll('`', "'")
    .replaceAll(/[\r\n\u2028\u2029]+/g, ' ')
    .slice(0, maxChars)
    .trim();
  return `\`${safe === '' ? ' ' : safe}\``;
}

export function forbidden(command: string, who: string, has: string, needs: string): string {
  return (
    `${code(`/autodev ${command}`)} needs ${needs} here; @${who} is ${withArticle(has)}. ` +
    `Ask someone with ${needs}, or let a maintainer change ${code(`permissions.${command}`)} ` +
    'in `.autodev.yml` on the default branch.'
  );
}

export function labelForbidden(label: string, who: string, has: string, needs: string): string {
  return (
    `The label ${code(label)} starts work only when someone with ${needs} sets it; ` +
    `@${who} is ${withArticle(has)}. Someone with ${needs} can set it again or write ` +
    '`/autodev implement`.'
  );
}

export function unknownCommand(word: string, nearest: string | null): string {
  const hint =
    nearest === null
      ? '`/autodev help` lists the commands.'
      : `Did you mean \`/autodev ${nearest}\`?`;
  return `${code(`/autodev ${word}`)} is not a command. ${hint}`;
}

export function confusableCommand(): string {
  return (
    'This looks like a command, but it holds letters of another script that look alike. ' +
    'Nothing was started. Type it again in plain letters: `/autodev help`.'
  );
}

export function editedNote(): string {
  return (
    'Commands in edited comments are not run, because an edit does not say who made it. ' +
    'Write the command in a new comment.'
  );
}

export function onlyOnIssues(command: string): string {
  return (
    `${code(`/autodev ${command}`)} works on issues. Write it on the issue that describes the ` +
    'work; `/autodev help` lists what works here.'
  );
}

export function onlyOnChanges(command: string): string {
  return `${code(`/autodev ${command}`)} works on merge requests. Write it under the one to look at.`;
}

export function needsQuestion(): string {
  return 'There is no question. Write it behind the command: `/autodev ask why does … ?`';
}

export function confidentialIssue(): string {
  return (
    'This issue is confidential, and what an agent makes of it would be readable by everyone who ' +
    'can read the repository. Nothing was started. Describe the work in an issue that is not ' +
    'confidential.'
  );
}

export function changedText(target: Target): string {
  const what = target.type === 'issue' ? 'this issue' : 'this merge request';
  return (
    `The title or the description of ${what} was changed after you asked, before the work began. Nothing was ` +
    'started. Read it again, then ask once more.'
  );
}

export function closedIssue(): string {
  return 'This issue is closed. Reopen it, then ask again.';
}

export function alreadyRunning(run: Run): string {
  const where = whereIs(run);
  return (
    `${code(`/autodev ${run.command}`)} by @${run.requester.username} is still running (${where}). ` +
    '`/autodev cancel` stops it; the status comment shows how far it is.'
  );
}

export function nothingToCancel(): string {
  return 'Nothing is running here. `/autodev implement` starts work on this issue.';
}

export function nothingToDismiss(): string {
  return (
    'No finding is told in this thread. Write `/autodev dismiss <why>` as a reply to the finding ' +
    'that is not wanted.'
  );
}

export function dismissedAlready(by: string): string {
  return `@${by} dismissed this already. Reopen the thread to have it looked at again.`;
}

export function nothingToReject(): string {
  return 'Nothing waits for a decision here. `/autodev status` says how far the work is.';
}

export function needsReason(): string {
  return 'There is no reason. Write what should be different: `/autodev reject keep the old option`.';
}

export function nothingToRetry(last: Run | null): string {
  if (last === null) return 'Nothing ran here yet. `/autodev implement` starts work on this issue.';
  return `The last run ended well (${last.verdict?.kind ?? 'done'}). \`/autodev implement\` starts a new one.`;
}

export function tooManyRuns(limit: number): string {
  return (
    `That is more than ${limit} runs by one person within an hour in this repository, the limit. ` +
    'Wait a while, or let the operator raise `limits.runsPerUserHour` in config/settings.yaml.'
  );
}

export function cannotStart(problem: string, next: string): string {
  return `${problem} Nothing was started. ${next}`;
}

/** `paused by @dana`, or `deferred until 2026-12-01 00:00 UTC by @dana`. */
export function pausedText(run: Run): string {
  const outage = outageUntil(run);
  if (outage !== null) return `stopped by an outage until ${utc(outage)}`;
  const by = run.pausedBy === null ? '' : ` by @${run.pausedBy}`;
  return run.pausedUntil === null ? `paused${by}` : `deferred until ${utc(run.pausedUntil)}${by}`;
}

export function statusReply(run: Run | null): string {
  if (run === null) return 'Nothing ran here yet. `/autodev implement` starts work on this issue.';
  const verdict = run.verdict;
  if (verdict) {
    return `The last run ended: **${verdict.kind}**. ${verdict.cause} ${verdict.next}`.trim();
  }
  const state = run.state === 'paused' ? pausedText(run) : 'running';
  return (
    `\`/autodev ${run.command}\` is ${state}, stage ${run.stage}, ` +
    `${money(spentOn(run))} spent so far. The status comment is kept up to date.`
  );
}

export function ignoredFurther(count: number): string {
  return count === 1
    ? 'One command per comment: the second one was not run.'
    : `One command per comment: the other ${count} were not run.`;
}

export function configProblems(problems: readonly string[]): string {
  return [
    '`.autodev.yml` on the default branch has mistakes; defaults are used until they are mended:',
    '',
    ...problems.map((problem) => `- ${problem}`),
  ].join('\n');
}

export function overrideProblems(problems: readonly string[]): string {
  return [
    '`.autodev.yml` on the default branch asks for more than this installation allows; the work goes on ' +
      'without these fields:',
    '',
    ...problems.map((problem) => `- ${problem}`),
  ].join('\n');
}

function withArticle(role: string): string {
  return role === 'no member' ? 'no member of this project' : role;
}

function whereIs(run: Run): string {
  switch (stageOf(run)?.kind) {
    case 'verify':
      return 'its change is being checked';
    case 'gate':
      return 'it waits for an approval';
    case 'deploy':
      return 'a deployment is under way';
    default:
      return 'an agent is at work';
  }
}

/** What agents are not shown of a text by people, because readers do not see it either; '' for nothing. */
export function hiddenParts(count: number): string {
  if (count === 0) return '';
  return count === 1
    ? '1 hidden part of the text was left out.'
    : `${count} hidden parts of the text were left out.`;
}
