/**
 * Purpose: `/autodev budget +N`: a maintainer gives a run more to spend. One at work goes on with it at
 * once; one that stopped at a cap is opened again in the stage it stood in.
 */
import type { Effect } from '../domain/effects.ts';
import { isActive } from '../domain/outcomes.ts';
import { stageOf, type Run } from '../domain/runs.ts';
import type { Decision, NewTask, Snapshot, Write } from '../domain/snapshot.ts';
import { acted } from './decision.ts';
import { refuse, type Ask } from './ask.ts';
import { dayIsOver } from './budget.ts';
import { money } from './format.ts';
import { cannotReopen, reopenRun } from './reopen.ts';
import { enterStage } from './stages.ts';
import { statusOf } from './status-effects.ts';
import { cannotStart, code } from './text.ts';

const MICROUSD = 1_000_000;
const AMOUNT = /^\+?\$?(\d{1,6})(?:\.(\d{1,2}))?$/;

/** Raises the caps, or says why not. */
export function raiseBudget(ask: Ask, snapshot: Snapshot): Decision {
  const most = snapshot.settings.limits.budgetStepUsd * MICROUSD;
  const by = parseAmount(ask.args);
  if (by === null) return refuse(ask, notAnAmount(ask.args), 'no amount');
  if (by > most) return refuse(ask, tooMuch(by, most), `${money(by)} is above the limit`);
  const { run } = snapshot;
  if (run && isActive(run.state)) return raiseActive(ask, run, by);
  return reopen(ask, by, snapshot);
}

/** `+5`, `5`, `$5` or `2.50` as micro-dollars; null for anything else, and for nothing. */
export function parseAmount(args: string): number | null {
  const [, whole = '', cents = ''] = AMOUNT.exec(args.trim()) ?? [];
  const microusd = Number(whole) * MICROUSD + Number(cents.padEnd(2, '0')) * 10_000;
  return microusd > 0 ? microusd : null;
}

function raiseActive(ask: Ask, run: Run, by: number): Decision {
  const capMicrousd = run.capMicrousd + by;
  const open = run.tasks.filter(({ state }) => state === 'queued' || state === 'running');
  const writes: Write[] = [
    { op: 'update_run', runId: run.id, version: run.version, patch: { capMicrousd } },
  ];
  if (open.length > 0) {
    const taskIds = open.map(({ id }) => id);
    writes.push({ op: 'raise_caps', runId: run.id, taskIds, byMicrousd: by });
  }
  return acted([raised(ask, run, by)], writes, [...statusOf(run, true), ...done(ask)]);
}

function reopen(ask: Ask, by: number, snapshot: Snapshot): Decision {
  const last = snapshot.lastRun;
  const stage = last?.stoppedAt ? stageOf(last, last.stoppedAt) : null;
  if (!last || last.state !== 'stopped_budget' || stage === null) {
    return refuse(ask, nothingStopped(), 'nothing stopped at a budget');
  }
  const hindered = cannotReopen(ask, snapshot);
  if (hindered !== null) return hindered;
  const over = dayIsOver(snapshot);
  if (over !== null) return refuse(ask, over, 'the budget of the day is used up');
  const back = reopenRun(last);
  // The fix stage answers a broken build by another task than the template's.
  const task = last.tasks.findLast((one) => one.stage === stage.id)?.type;
  const feedback = { resumed: true, ...(task === undefined ? {} : { task }) };
  const moved = enterStage(back.run, stage, snapshot, feedback);
  const ended = moved.writes.find((write) => write.op === 'update_run' && write.patch.verdict);
  if (ended?.op === 'update_run' && ended.patch.verdict) {
    const { cause, next } = ended.patch.verdict;
    return refuse(ask, cannotStart(cause, next), cause);
  }
  const [opened] = back.writes;
  const capMicrousd = last.capMicrousd + by;
  const writes = moved.writes.map((write): Write => {
    if (write.op === 'update_run' && opened?.op === 'update_run') {
      return { ...write, patch: { ...opened.patch, ...write.patch, capMicrousd } };
    }
    if (write.op !== 'launch') return write;
    const tasks = write.launch.tasks.map((task) => withRest(task, stage.id, last, by));
    return { ...write, launch: { ...write.launch, tasks } };
  });
  const reasons = [raised(ask, last, by), `run ${last.id} goes on in ${stage.id}`];
  return acted([...reasons, ...moved.reasons], writes, [...moved.effects, ...done(ask)]);
}

/** A task that takes up another's work has what that one left, and what was added. */
function withRest(task: NewTask, stage: string, run: Run, by: number): NewTask {
  const before = run.tasks.findLast((one) => one.stage === stage && one.type === task.type);
  if (before === undefined) return task;
  const left = Math.max(0, before.capMicrousd - before.spentMicrousd);
  return { ...task, capMicrousd: left + by };
}

function raised(ask: Ask, run: Run, by: number): string {
  const { username, id } = ask.actor;
  return `${username} (id ${id}) gave run ${run.id} ${money(by)} more`;
}

function done(ask: Ask): Effect[] {
  if (ask.noteId === null) return [];
  return [{ kind: 'react', target: ask.target, noteId: ask.noteId, emoji: 'white_check_mark' }];
}

function notAnAmount(args: string): string {
  const said = args.trim() === '' ? 'There is no amount.' : `${code(args)} is not an amount.`;
  return `${said} Write how many dollars the work may spend on top: \`/autodev budget +5\`.`;
}

function tooMuch(by: number, most: number): string {
  return (
    `${money(by)} at once is more than ${money(most)}, the limit. Nothing was changed. Add less, or ` +
    'let the operator raise `limits.budgetStepUsd` in config/settings.yaml.'
  );
}

function nothingStopped(): string {
  return (
    'Nothing is running here and nothing stopped at its budget, so there is nothing to add to. ' +
    '`/autodev status` says how the last work ended.'
  );
}
