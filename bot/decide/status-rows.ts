/**
 * Purpose: one row of the status comment per stage of the run (EXPERIENCE §1).
 */
import type { TriageReport } from '../../schema/wire/report.ts';
import type { StageDefinition } from '../../schema/wire/workflow.ts';
import { currentTasks, latestAttempt, resultOf, type Run } from '../domain/runs.ts';
import { writesPage } from '../domain/task-types.ts';
import { securityScore } from '../domain/votes.ts';
import { fixTasks } from './rounds.ts';
import { code, pausedText } from './text.ts';

/** A gate names everybody whose approval does not count, and why. */
const GATE_NOTE_CHARS = 250;

interface Row {
  stage: string;
  state: string;
  by: string;
  facts: string;
}

/** A row as Markdown. */
export function rowText(row: Row): string {
  return `| ${row.stage} | ${row.state} | ${row.by} | ${row.facts} |`;
}

/** The row of a stage, as the run stands now. */
export function stageRow(run: Run, stage: StageDefinition): Row {
  switch (stage.kind) {
    case 'task':
      return taskRow(run, stage);
    case 'verify':
      return verifyRow(run, stage);
    case 'gate':
      return gateRow(run, stage);
    case 'deploy':
      return deployRow(run, stage);
    case 'children':
      return childrenRow(run, stage);
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
  // The stage is entered, its agent waits for files.
  const inLine = run.stage === stage.id && currentTasks(run).length === 0;
  if (inLine && run.gateNote !== null) {
    return row('waiting', `waits for ${run.gateNote} · \`/autodev unlock\``);
  }
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
      if (result?.report?.kind === 'triage') return row(state, triageFacts(result.report));
      const change = run.changes[writesPage(task.type) ? 'spec' : 'code'];
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
      report?.kind === 'security'
        ? String(securityScore(report.rubric).score)
        : report === undefined
          ? '…'
          : 'score' in report
            ? String(report.score)
            : 'done';
    return newest ? `${roleName(agent)} ${score}` : null;
  });
  const shown = votes.filter((vote) => vote !== null).join(' · ');
  if (run.stage === stage.id) return row(`running${roundText(run, stage)}`, shown);
  if (fixing) return row(`fixing${roundText(run, stage)}`, shown);
  const stopped = run.stoppedAt === stage.id || run.stoppedAt === stage.fix;
  if (stopped && run.verdict && run.verdict.kind !== 'done') return row(run.verdict.kind, shown);
  const passed = run.changes.code?.iid != null && !isBefore(run, stage.id);
  return passed ? row('done', shown) : row('–');
}

function gateRow(run: Run, stage: Extract<StageDefinition, { kind: 'gate' }>): Row {
  const row = (state: string, facts = ''): Row => ({ stage: stage.id, state, by: 'you', facts });
  const change = run.changes[stage.gate === 'spec' ? 'spec' : 'code'];
  if (run.stage === stage.id && run.state === 'paused') {
    return row(pausedText(run), change?.iid ? `!${change.iid}` : '');
  }
  if (run.stage === stage.id)
    return row(
      'waits for you',
      `!${change?.iid ?? '?'}: ${code(run.gateNote ?? 'needs 1 approval', GATE_NOTE_CHARS)}`,
    );
  const stopped = run.stoppedAt === stage.id && run.verdict?.kind !== 'done';
  if (isBefore(run, stage.id) || stopped) return row(stopped ? 'not approved' : '–');
  return row('approved', change?.iid ? `!${change.iid}` : '');
}

function deployRow(run: Run, stage: Extract<StageDefinition, { kind: 'deploy' }>): Row {
  const row = (state: string, facts = ''): Row => ({ stage: stage.id, state, by: 'CI', facts });
  const { deployment } = run;
  if (deployment === null) {
    if (run.stage === stage.id) return row('starting', 'waits for its pipeline');
    if (isBefore(run, stage.id)) return row('–');
    const stopped = run.stoppedAt === stage.id ? run.verdict?.kind : 'done';
    return stopped === 'done' || stopped === undefined
      ? row('–', 'no deploy job found')
      : row(stopped);
  }
  const where = `[${deployment.environment}](${deployment.url}) at \`${deployment.sha.slice(0, 8)}\``;
  const state = deployment.state === 'asked' ? 'starting' : deployment.state;
  return row(state === 'success' ? 'done' : state, where);
}

function childrenRow(run: Run, stage: Extract<StageDefinition, { kind: 'children' }>): Row {
  const here = run.stage === stage.id || run.stoppedAt === stage.id;
  const state = run.verdict?.kind ?? 'running';
  return {
    stage: stage.id,
    state: here ? state : '–',
    by: '',
    facts: here ? (run.gateNote ?? '') : '',
  };
}

function triageFacts(report: TriageReport): string {
  const { type, size, priority, missing, duplicates, severity, labels = [] } = report;
  const facts = [type, size, `priority ${priority}`];
  if (severity !== undefined) facts.push(`severity ${severity}`);
  if (missing.length > 0) {
    facts.push(missing.length === 1 ? '1 question' : `${missing.length} questions`);
  }
  // Suggested: setting a label is for people.
  if (labels.length > 0) {
    facts.push(
      `labels that fit: ${labels.map((label) => code(label).replaceAll('|', '¦')).join(', ')}`,
    );
  }
  // In code, so that naming an issue here does not leave a mention there.
  if (duplicates.length > 0)
    facts.push(`like ${duplicates.map((iid) => code(`#${iid}`)).join(', ')}`);
  return facts.join(', ');
}

/** True when the run has not come to that stage yet; the fix stage counts as its verify stage. */
function isBefore(run: Run, id: string): boolean {
  const { stages } = run.context.workflow;
  const at = (name: string): number => stages.findIndex((stage) => stage.id === name);
  const stopped = run.verdict?.kind === 'done' ? 'end' : (run.stoppedAt ?? 'end');
  const reached = run.stage === 'end' ? stopped : run.stage;
  const here = reached === 'end' ? stages.length : at(reached);
  const fixed = stages.find((stage) => stage.kind === 'verify' && stage.fix === reached);
  return (fixed ? at(fixed.id) : here) < at(id);
}

function roundText(run: Run, stage: Extract<StageDefinition, { kind: 'verify' }>): string {
  if (stage.rounds === 0) return '';
  const rounds = fixTasks(run, stage.fix).length;
  return ` (round ${rounds + 1} of ${stage.rounds + 1})`;
}

/** A role as people call it. */
export function roleName(role: string): string {
  if (role === 'pm') return 'PM';
  if (role === 'devops') return 'DevOps';
  return role.charAt(0).toUpperCase() + role.slice(1).replaceAll('_', ' ');
}
