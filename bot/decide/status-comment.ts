/**
 * Purpose: the one status comment of an issue, rendered from the run as it is now (EXPERIENCE §1).
 *
 * Everything by people or models in it goes through `code` or is quoted after the neutraliser, which
 * the caller applies; everything else is ours.
 */
import type { StageDefinition } from '../../schema/wire/workflow.ts';
import { latestAttempt, resultOf, spentOn, stageOf, type Run } from '../domain/runs.ts';
import { securityScore } from '../domain/votes.ts';
import { COMMANDS } from './command-help.ts';
import { money, utc } from './format.ts';
import { code } from './text.ts';

/** Marks the comment, so that it is found again after a lost answer. Only the bot's own notes count. */
export const STATUS_MARKER = '<!-- autodev:status -->';

/** A gate names everybody whose approval does not count, and why. */
const GATE_NOTE_CHARS = 250;

export interface UsageLine {
  provider: string;
  model: string;
  inputTokens: number;
  cachedInputTokens: number;
  outputTokens: number;
  costMicrousd: number;
}

export interface StatusFacts {
  run: Run;
  usage: readonly UsageLine[];
  /** What the agent says about its work, already neutralised; null when there is nothing to show. */
  summary: string | null;
}

interface Row {
  stage: string;
  state: string;
  by: string;
  facts: string;
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
    costLine(run),
    '',
    ...verdictLines(run),
    commandLine(run),
    '',
    ...summaryLines(facts),
    ...details(facts),
  ];
  return parts.join('\n').trimEnd();
}

function headline(run: Run): string {
  if (run.verdict) return run.verdict.kind;
  return run.state === 'queued' ? 'queued' : `running · ${run.stage}`;
}

function rowText(row: Row): string {
  return `| ${row.stage} | ${row.state} | ${row.by} | ${row.facts} |`;
}

function stageRow(run: Run, stage: StageDefinition): Row {
  switch (stage.kind) {
    case 'task':
      return taskRow(run, stage);
    case 'verify':
      return verifyRow(run, stage);
    case 'gate':
      return gateRow(run, stage);
  }
}

function taskRow(run: Run, stage: Extract<StageDefinition, { kind: 'task' }>): Row {
  const row = (state: string, facts = ''): Row => ({
    stage: stage.id,
    state,
    by: roleName(stage.agent),
    facts,
  });
  const task = run.tasks.findLast((candidate) => candidate.stage === stage.id);
  const attempt = task ? latestAttempt(task) : null;
  if (!task || !attempt) return row('–');
  const tries = attempt.fence > 1 ? `, attempt ${attempt.fence}` : '';
  const link = attempt.pipelineUrl ? `[pipeline](${attempt.pipelineUrl})` : '';
  switch (attempt.state) {
    case 'requested':
      return row('starting', `waits for its pipeline${tries}`);
    case 'waiting':
      return row('waiting', `${link} waits for a runner${tries}`);
    case 'running':
      return row(
        'running',
        `${link}${attempt.progress ? `, turn ${attempt.progress.turn}` : ''}${tries}`,
      );
    case 'finished': {
      const result = attempt.result;
      const state = result && result.outcome !== 'finished' ? result.outcome : 'done';
      const change = run.changes[task.type === 'write_spec' ? 'spec' : 'code'];
      const where = change?.iid ? `, !${change.iid} at \`${change.headSha.slice(0, 8)}\`` : '';
      const count = result?.changes.length ?? 0;
      const files = count === 0 ? '' : `, ${count} ${count === 1 ? 'file' : 'files'}`;
      return row(state, `${link}${files}${where}${tries}`);
    }
    case 'lost':
    case 'cancelled':
      return row(attempt.state, `${link}${tries}`);
  }
}

function verifyRow(run: Run, stage: Extract<StageDefinition, { kind: 'verify' }>): Row {
  const by = stage.tasks.length === 0 ? 'CI' : 'CI and agents';
  const row = (state: string, facts = ''): Row => ({ stage: stage.id, state, by, facts });
  const fixing = run.stage === stage.fix;
  const votes = stage.tasks.map(({ agent, task }) => {
    const newest = run.tasks.findLast(
      (candidate) => candidate.type === task && candidate.stage === stage.id,
    );
    const report = resultOf(newest ?? null)?.report;
    const score =
      report === undefined || report.kind === 'spec' || report.kind === 'build'
        ? '…'
        : report.kind === 'security'
          ? String(securityScore(report.rubric).score)
          : String(report.score);
    return newest ? `${roleName(agent)} ${score}` : null;
  });
  const shown = votes.filter((vote) => vote !== null).join(' · ');
  if (run.stage === stage.id) return row(`running${roundText(run, stage)}`, shown);
  if (fixing) return row(`fixing${roundText(run, stage)}`, shown);
  if (run.stage === 'end' && run.verdict?.kind !== 'done' && run.changes.code?.iid) {
    return row(run.verdict?.kind ?? '–', shown);
  }
  const passed = run.changes.code?.iid != null && !isBefore(run, stage.id);
  return passed ? row('done', shown) : row('–');
}

function gateRow(run: Run, stage: Extract<StageDefinition, { kind: 'gate' }>): Row {
  const row = (state: string, facts = ''): Row => ({ stage: stage.id, state, by: 'you', facts });
  const change = run.changes[stage.gate === 'spec' ? 'spec' : 'code'];
  if (run.stage === stage.id)
    return row(
      'waits for you',
      `!${change?.iid ?? '?'}: ${code(run.gateNote ?? 'needs 1 approval', GATE_NOTE_CHARS)}`,
    );
  if (!isBefore(run, stage.id) && run.stage !== 'end')
    return row('approved', change?.iid ? `!${change.iid}` : '');
  if (run.stage === 'end' && run.verdict?.kind === 'done')
    return row('approved', change?.iid ? `!${change.iid}` : '');
  return row('–');
}

/** True when the run has not come to that stage yet; the fix stage counts as its verify stage. */
function isBefore(run: Run, id: string): boolean {
  const { stages } = run.context.workflow;
  const at = (name: string): number => stages.findIndex((stage) => stage.id === name);
  const here = run.stage === 'end' ? stages.length : at(run.stage);
  const fixed = stages.find((stage) => stage.kind === 'verify' && stage.fix === run.stage);
  return (fixed ? at(fixed.id) : here) < at(id);
}

function roundText(run: Run, stage: Extract<StageDefinition, { kind: 'verify' }>): string {
  if (stage.rounds === 0) return '';
  const rounds = run.tasks.filter((task) => task.stage === stage.fix).length;
  return ` (round ${rounds + 1} of ${stage.rounds + 1})`;
}

function roleName(role: string): string {
  return role.charAt(0).toUpperCase() + role.slice(1).replaceAll('_', ' ');
}

function costLine(run: Run): string {
  const cap = run.tasks.reduce((sum, task) => sum + task.capMicrousd, 0);
  const cost = `**Cost** ${money(spentOn(run))} of ${money(cap)}`;
  if (run.verdict) return cost;
  const kind = stageOf(run)?.kind;
  if (kind === 'gate')
    return `${cost} · **Next** approve the merge request, or \`/autodev reject <why>\``;
  const next =
    kind === 'verify'
      ? 'nothing to do; the change is being checked'
      : 'nothing to do; the agent is at work';
  return `${cost} · **Next** ${next}`;
}

function verdictLines(run: Run): string[] {
  if (!run.verdict) return [];
  const next = run.verdict.next === '' ? '' : ` **Next** ${run.verdict.next}`;
  return [`**${run.verdict.kind}**: ${run.verdict.cause}${next}`, ''];
}

function commandLine(run: Run): string {
  const names = run.verdict
    ? run.verdict.kind === 'done'
      ? ['help']
      : ['retry', 'help']
    : stageOf(run)?.kind === 'gate'
      ? ['reject', 'cancel', 'help']
      : ['cancel', 'status', 'help'];
  return COMMANDS.filter((command) => names.includes(command.name))
    .toSorted((a, b) => names.indexOf(a.name) - names.indexOf(b.name))
    .map((command) => `\`/autodev ${command.name}\``)
    .join(' · ');
}

function summaryLines(facts: StatusFacts): string[] {
  if (facts.summary === null || facts.summary.trim() === '') return [];
  const quoted = facts.summary.split('\n').map((line) => `> ${line}`.trimEnd());
  return ['The agent says:', '', ...quoted, ''];
}

function details(facts: StatusFacts): string[] {
  const { run } = facts;
  const lines = [
    `- asked by @${run.requester.username}: ${code(`/autodev ${run.command}`)}, ${utc(run.createdAt)}`,
  ];
  for (const use of facts.usage) {
    const share = use.inputTokens === 0 ? 0 : (100 * use.cachedInputTokens) / use.inputTokens;
    lines.push(
      `- ${use.provider}/${use.model}: ${use.inputTokens} tokens in (${share.toFixed(0)} % from cache), ` +
        `${use.outputTokens} out, ${money(use.costMicrousd)}`,
    );
  }
  for (const task of run.tasks) {
    for (const attempt of task.attempts) {
      const cause = attempt.cause === null ? '' : `: ${code(attempt.cause)}`;
      lines.push(
        `- ${task.stage}, ${roleName(task.agent)}, attempt ${attempt.fence}: ${attempt.state}${cause}`,
      );
    }
  }
  for (const change of [run.changes.spec, run.changes.code]) {
    if (change !== null) lines.push(`- branch ${code(change.branch)}`);
  }
  return ['<details><summary>Details</summary>', '', ...lines, '', '</details>'];
}
