/**
 * Purpose: the one status comment of an issue, rendered from the run as it is now (EXPERIENCE §1).
 *
 * Everything by people or models in it goes through `code` or is quoted after the neutraliser, which
 * the caller applies; everything else is ours.
 */
import type { Family } from '../domain/children.ts';
import { outageUntil } from '../domain/outages.ts';
import { spentOn, stageOf, type Run } from '../domain/runs.ts';
import type { FileClaim } from '../domain/snapshot.ts';
import { overrideLines } from './assign.ts';
import { COMMANDS } from './command-help.ts';
import { childLines, familyCost } from './epic-status.ts';
import { duration, money, utc } from './format.ts';
import { estimateText } from './estimate.ts';
import { claimLines } from './locks.ts';
import { workerLines, type Worker } from './provider-text.ts';
import { scanLines } from './scan-text.ts';
import { tallyTable, type Tally } from './tally.ts';
import { receiptLines, type UsageLine } from './receipt.ts';
import { roleName, rowText, stageRow } from './status-rows.ts';
import { hiddenIn } from './task-input.ts';
import { code, hiddenParts, pausedText } from './text.ts';

/** Longest acceptance criterion in the details. */
const ACCEPTANCE_CHARS = 300;
/** Longest account of isolation or engine in the details. */
const SETUP_CHARS = 300;

/** A run that sleeps through an outage wakes at the first reset (EXPERIENCE §7). */
const OUTAGE_NEXT = 'It continues by itself then; `/autodev cancel` stops it.';

/** Marks the comment, so that it is found again after a lost answer. Only the bot's own notes count. */
export const STATUS_MARKER = '<!-- autodev:status -->';

export interface StatusFacts {
  run: Run;
  usage: readonly UsageLine[];
  /** Which models did the work of each task. */
  workers?: readonly Worker[];
  /** For times of today; the run's last change where it is left out. */
  now?: Date;
  /** Votes of a look at people's change, which has no other place for them; else null. */
  tally: Tally | null;
  /** What the agent says about its work, already neutralised; null when there is nothing to show. */
  summary: string | null;
  /** Protected files that a maintainer may let through, already neutralised. */
  proposed: string | null;
  /** Its claims on files, and those of others that it meets. */
  files?: { held: readonly FileClaim[]; met: readonly FileClaim[] };
  /** The children of an epic, once it has a plan. */
  family?: Family | null;
}

/** The whole body, marker included. Deterministic: the same facts give the same text. */
export function statusComment(facts: StatusFacts): string {
  const { run } = facts;
  const stages = run.context.workflow.stages.filter(
    (stage) => stage.kind !== 'task' || !stage.aside,
  );
  const parts = [
    STATUS_MARKER,
    `### AutoDev · ${code(run.context.title)} · ${headline(run)}`,
    '',
    '| stage | | by | |',
    '|---|---|---|---|',
    ...stages.map((stage) => rowText(stageRow(run, stage))),
    '',
    ...childLines(run, facts.family ?? null),
    costLine(run, facts.family ?? null),
    '',
    ...verdictLines(run),
    ...reportLines(run),
    commandLine(run),
    '',
    ...voteLines(facts),
    ...scannerLines(facts),
    ...summaryLines(facts),
    ...proposedLines(facts),
    ...details(facts),
  ];
  return parts.join('\n').trimEnd();
}

function headline(run: Run): string {
  if (run.verdict) return run.verdict.kind;
  if (run.state === 'paused') {
    if (outageUntil(run) !== null) return `outage · ${run.stage}`;
    return `${run.pausedUntil === null ? 'paused' : 'deferred'} · ${run.stage}`;
  }
  return run.state === 'queued' ? 'queued' : `running · ${run.stage}`;
}

function costLine(run: Run, family: Family | null): string {
  const own = `**Cost** ${money(spentOn(run))} of ${money(run.capMicrousd)}`;
  const { estimate } = run.context;
  const expected = estimate === null ? '' : ` · ${estimateText(estimate)}`;
  const cost = `${own}${familyCost(run, family)}${expected}`;
  if (run.verdict) return cost;
  if (outageUntil(run) !== null) return `${cost} · **Next** ${OUTAGE_NEXT}`;
  if (run.state === 'paused') {
    return `${cost} · ${pausedText(run)} · **Next** \`/autodev resume\` goes on with it`;
  }
  const kind = stageOf(run)?.kind;
  if (kind === 'gate')
    return `${cost} · **Next** approve the merge request, or \`/autodev reject <why>\``;
  if (kind === 'children') return `${cost} · **Next** nothing to do here; see the children`;
  const next =
    kind === 'verify'
      ? 'nothing to do; the change is being checked'
      : kind === 'deploy'
        ? 'nothing to do; the deployment is under way'
        : 'nothing to do; the agent is at work';
  return `${cost} · **Next** ${next}`;
}

function verdictLines(run: Run): string[] {
  if (outageUntil(run) !== null) return [`**outage**: ${run.gateNote ?? ''}`, ''];
  if (!run.verdict) return [];
  const next = run.verdict.next === '' ? '' : ` **Next** ${run.verdict.next}`;
  return [`**${run.verdict.kind}**: ${run.verdict.cause}${next}`, ''];
}

/** The final report in one line: what the votes, the rounds and the hours came to. */
function reportLines(run: Run): string[] {
  const { report } = run;
  if (report === null) return [];
  const { findings, fixRounds } = report;
  const rounds = fixRounds === 1 ? '1 round' : `${fixRounds} rounds`;
  const parts = [
    ...(report.consensus === null ? [] : [`consensus ${report.consensus}`]),
    ...(findings.raised === 0
      ? []
      : [`${findings.fixed} of ${findings.raised} findings fixed in ${rounds}`]),
    `${duration(report.agentSeconds * 1000)} of agents`,
    ...(report.waitedSeconds === 0
      ? []
      : [`${duration(report.waitedSeconds * 1000)} waiting for people`]),
    `${duration(report.seconds * 1000)} in all`,
    ...(report.models.length === 0 ? [] : [code(report.models.join(', '))]),
  ];
  return [`**Report** ${parts.join(' · ')}`, ''];
}

function commandLine(run: Run): string {
  const names = run.verdict
    ? run.verdict.kind === 'done'
      ? ['help']
      : run.verdict.kind === 'budget'
        ? ['budget', 'retry', 'help']
        : ['retry', 'help']
    : run.state === 'paused'
      ? ['resume', 'cancel', 'help']
      : stageOf(run)?.kind === 'gate'
        ? ['reject', 'defer', 'cancel', 'help']
        : ['cancel', 'pause', 'help'];
  return COMMANDS.filter((command) => names.includes(command.name))
    .toSorted((a, b) => names.indexOf(a.name) - names.indexOf(b.name))
    .map((command) => `\`/autodev ${command.name}\``)
    .join(' · ');
}

function voteLines({ tally }: StatusFacts): string[] {
  return tally === null || tally.votes.length === 0 ? [] : [...tallyTable(tally), ''];
}

/** Who reads the run's own comment reads there what scanners found; a change of the bot's has its page. */
function scannerLines({ run }: StatusFacts): string[] {
  return run.target.type === 'change' || run.changes.code === null ? scanLines(run) : [];
}

function summaryLines(facts: StatusFacts): string[] {
  if (facts.summary === null || facts.summary.trim() === '') return [];
  const quoted = facts.summary.split('\n').map((line) => `> ${line}`.trimEnd());
  return ['The agent says:', '', ...quoted, ''];
}

function proposedLines(facts: StatusFacts): string[] {
  if (facts.proposed === null) return [];
  const title = 'What would be let through; links in it are shown inert';
  return [`<details><summary>${title}</summary>`, '', facts.proposed, '', '</details>', ''];
}

function details(facts: StatusFacts): string[] {
  const { run } = facts;
  const lines = [
    `- asked by @${run.requester.username}: ${code(`/autodev ${run.command}`)}, ${utc(run.createdAt)}`,
  ];
  const hidden = hiddenParts(hiddenIn(run.context.title, run.context.text, run.args));
  if (hidden !== '') lines.push(`- ${hidden} Agents were not given what readers do not see.`);
  lines.push(...receiptLines(run, facts.usage));
  lines.push(...workerLines(run, facts.workers ?? [], facts.now ?? run.updatedAt));
  lines.push(...overrideLines(run), ...claimLines(facts.files ?? { held: [], met: [] }));
  for (const item of run.tasks.findLast(({ acceptance }) => acceptance.length > 0)?.acceptance ??
    []) {
    lines.push(`- done when: ${code(item, ACCEPTANCE_CHARS)}`);
  }
  for (const task of run.tasks) {
    for (const attempt of task.attempts) {
      const cause = attempt.cause === null ? '' : `: ${code(attempt.cause)}`;
      lines.push(
        `- ${task.stage}, ${roleName(task.agent)}, attempt ${attempt.fence}: ${attempt.state}${cause}`,
      );
    }
  }
  lines.push(...setupLines(run));
  for (const change of [run.changes.spec, run.changes.code]) {
    if (change !== null) lines.push(`- branch ${code(change.branch)}`);
  }
  return ['<details><summary>Details</summary>', '', ...lines, '', '</details>'];
}

/** What the work was done with: each isolation once, and every engine that stepped in for another. */
function setupLines(run: Run): string[] {
  const setups = run.tasks.flatMap((task) =>
    task.attempts.flatMap(({ result }) => (result?.setup ? [{ task, ...result.setup }] : [])),
  );
  const isolations = new Set(setups.map(({ isolation }) => isolation));
  return [
    ...[...isolations].map((says) => `- isolation: ${code(says, SETUP_CHARS)}`),
    ...setups.flatMap(({ task, engine }) =>
      engine === null ? [] : [`- ${roleName(task.agent)}: ${code(engine, SETUP_CHARS)}`],
    ),
  ];
}
