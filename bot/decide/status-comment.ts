/**
 * Purpose: the one status comment of an issue, rendered from the run as it is now (EXPERIENCE §1).
 *
 * Everything by people or models in it goes through `code` or is quoted after the neutraliser, which
 * the caller applies; everything else is ours.
 */
import type { Run } from '../domain/runs.ts';
import { latestAttempt } from '../domain/runs.ts';
import { COMMANDS } from './command-help.ts';
import { money, utc } from './format.ts';
import { code } from './text.ts';

/** Marks the comment, so that it is found again after a lost answer. Only the bot's own notes count. */
export const STATUS_MARKER = '<!-- autodev:status -->';

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
  const rows = [implementRow(run), changeRow(run), verifyRow(run)];
  const parts = [
    STATUS_MARKER,
    `### AutoDev · ${code(run.context.title)} · ${headline(run)}`,
    '',
    '| stage | | by | |',
    '|---|---|---|---|',
    ...rows.map((row) => `| ${row.stage} | ${row.state} | ${row.by} | ${row.facts} |`),
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

function implementRow(run: Run): Row {
  const attempt = latestAttempt(run);
  const link = attempt?.pipelineUrl ? `[pipeline](${attempt.pipelineUrl})` : '';
  const by = 'Builder';
  if (!attempt) return { stage: 'implement', state: 'queued', by, facts: '' };
  const tries = attempt.fence > 1 ? `, attempt ${attempt.fence}` : '';
  switch (attempt.state) {
    case 'requested':
      return { stage: 'implement', state: 'starting', by, facts: `waits for its pipeline${tries}` };
    case 'waiting':
      return {
        stage: 'implement',
        state: 'waiting',
        by,
        facts: `${link} waits for a runner${tries}`,
      };
    case 'running': {
      const turn = attempt.progress ? `, turn ${attempt.progress.turn}` : '';
      return { stage: 'implement', state: 'running', by, facts: `${link}${turn}${tries}` };
    }
    case 'finished': {
      const result = attempt.result;
      const state = result && result.outcome !== 'finished' ? result.outcome : 'done';
      const count = result?.changes.length ?? 0;
      const files = `${count} ${count === 1 ? 'file' : 'files'}`;
      return { stage: 'implement', state, by, facts: `${link}, ${files}${tries}` };
    }
    case 'lost':
    case 'cancelled':
      return { stage: 'implement', state: attempt.state, by, facts: `${link}${tries}` };
  }
}

function changeRow(run: Run): Row {
  const row = (state: string, facts: string): Row => ({ stage: 'change', state, by: '', facts });
  if (run.change)
    return row('open', `!${run.change.iid} at \`${(run.headSha ?? '').slice(0, 8)}\``);
  if (run.stage === 'publish') return row('publishing', '');
  return row('–', '');
}

function verifyRow(run: Run): Row {
  const row = (state: string): Row => ({ stage: 'verify', state, by: 'CI', facts: '' });
  if (run.stage === 'verify') return row('running');
  if (run.stage !== 'end' || !run.change) return row('–');
  return row(run.verdict?.kind === 'done' ? 'done' : (run.verdict?.kind ?? '–'));
}

function costLine(run: Run): string {
  const cost = `**Cost** ${money(run.task.spentMicrousd)} of ${money(run.task.capMicrousd)}`;
  if (run.verdict) return cost;
  const next =
    run.stage === 'verify'
      ? 'nothing to do; the change’s own pipeline is running'
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
  for (const attempt of run.attempts) {
    const cause = attempt.cause === null ? '' : `: ${code(attempt.cause)}`;
    lines.push(`- attempt ${attempt.fence}: ${attempt.state}${cause}`);
  }
  if (run.branch !== null) lines.push(`- branch ${code(run.branch)}`);
  return ['<details><summary>Details</summary>', '', ...lines, '', '</details>'];
}
