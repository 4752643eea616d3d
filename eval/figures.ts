/** What an evaluation reports: one row per try, the totals, and both as a table for a terminal. */
import type { AttemptRow } from '../bot/store/attempts.ts';
import type { ModelUsage } from '../bot/store/usage.ts';
import type { JobOutcome } from '../schema/wire/result.ts';
import type { Judgement } from './judge.ts';
import type { Machine } from './machine.ts';
import type { PlannedTry } from './plan.ts';

/** Outcomes of a job in which the agent had no fair chance at the task. */
const NO_TRY: ReadonlySet<JobOutcome> = new Set(['cancelled', 'crashed', 'model_error']);

export interface TryFigures {
  name: string;
  type: string;
  agent: string;
  run: number;
  engine: string;
  model: string;
  /** False when something other than the agent's work ended it. */
  ran: boolean;
  solved: boolean;
  /** How the job ended, or `not run`. */
  verdict: JobOutcome | 'not run';
  /** Why it is not solved; empty when it is. */
  why: string;
  checks: Judgement['checks'];
  isolation: string;
  costUsd: number;
  calls: number;
  inputTokens: number;
  cachedInputTokens: number;
  outputTokens: number;
  /** Share of the input that the provider had in its cache; null without input. */
  cacheShare: number | null;
  turns: number;
  seconds: number;
}

export interface EvalReport {
  machine: Machine;
  startedAt: string;
  /** `scripted`: answers came from the tasks' own scripts, money is what the model's price would make. */
  answers: 'live' | 'scripted';
  runsPerTask: number;
  maxUsd: number;
  tasks: TryFigures[];
  totals: Totals;
}

export type Totals = Pick<
  TryFigures,
  'costUsd' | 'calls' | 'inputTokens' | 'cachedInputTokens' | 'outputTokens' | 'cacheShare'
> & { tries: number; ran: number; solved: number; turns: number; seconds: number };

/** What a try used and left behind. */
export interface Done {
  attempt: AttemptRow;
  usage: ModelUsage[];
  seconds: number;
  isolation: string;
}

type Verdict = { judgement: Judgement } | { broken: string };

/** The row of one try: judged, or broken before there was anything to judge. */
export function figuresOf(
  tried: PlannedTry,
  { attempt, usage, seconds, isolation }: Done,
  verdict: Verdict,
): TryFigures {
  const { result } = attempt;
  const sum = (field: 'calls' | 'inputTokens' | 'cachedInputTokens' | 'outputTokens'): number =>
    usage.reduce((total, row) => total + row[field], 0);
  const micro = usage.reduce((total, row) => total + row.costMicrousd, 0);
  const tokens = { inputTokens: sum('inputTokens'), cachedInputTokens: sum('cachedInputTokens') };
  const judged = 'judgement' in verdict ? verdict.judgement : null;
  return {
    ...rowOf(tried),
    ran: result !== null && !NO_TRY.has(result.outcome),
    solved: judged?.solved ?? false,
    verdict: result?.outcome ?? 'not run',
    why: judged?.why ?? ('broken' in verdict ? verdict.broken : ''),
    checks: judged?.checks ?? { passed: 0, of: tried.task.checks, failed: [] },
    isolation,
    costUsd: micro / 1_000_000,
    calls: sum('calls'),
    ...tokens,
    outputTokens: sum('outputTokens'),
    cacheShare: share(tokens),
    turns: result?.stats.turns ?? 0,
    seconds: round(seconds),
  };
}

/** The row of a try that was not begun. */
export function notRun(tried: PlannedTry, why: string): TryFigures {
  return {
    ...rowOf(tried),
    ran: false,
    solved: false,
    verdict: 'not run',
    why,
    checks: { passed: 0, of: tried.task.checks, failed: [] },
    isolation: 'unknown',
    ...{ costUsd: 0, calls: 0, inputTokens: 0, cachedInputTokens: 0, outputTokens: 0 },
    ...{ cacheShare: null, turns: 0, seconds: 0 },
  };
}

function rowOf({ task, plan, run }: PlannedTry) {
  const [route] = plan.spec.models;
  return {
    name: task.name,
    type: task.type,
    agent: task.agent,
    run,
    engine: plan.spec.engine,
    model: route === undefined ? 'none' : `${route.provider}/${route.model}`,
  };
}

/** Sums over all tries; `seconds` is the time of all of them added up, not of the wall. */
export function totalsOf(tries: readonly TryFigures[]): Totals {
  const sum = (pick: (one: TryFigures) => number): number =>
    tries.reduce((total, one) => total + pick(one), 0);
  const inputTokens = sum((one) => one.inputTokens);
  const cachedInputTokens = sum((one) => one.cachedInputTokens);
  return {
    tries: tries.length,
    ran: sum((one) => Number(one.ran)),
    solved: sum((one) => Number(one.solved)),
    costUsd: Math.round(sum((one) => one.costUsd) * 1e6) / 1e6,
    calls: sum((one) => one.calls),
    inputTokens,
    cachedInputTokens,
    outputTokens: sum((one) => one.outputTokens),
    cacheShare: share({ inputTokens, cachedInputTokens }),
    turns: sum((one) => one.turns),
    seconds: round(sum((one) => one.seconds)),
  };
}

function share(tokens: { inputTokens: number; cachedInputTokens: number }): number | null {
  const { inputTokens, cachedInputTokens } = tokens;
  return inputTokens === 0 ? null : round(cachedInputTokens / inputTokens);
}

const round = (value: number): number => Math.round(value * 1000) / 1000;

/** The report as a table, with a line below it for every try that was not solved. */
export function table(report: EvalReport): string {
  const { tasks, totals } = report;
  const rows = tasks.map((one) => [
    report.runsPerTask === 1 ? one.name : `${one.name} (${one.run})`,
    one.solved ? 'solved' : one.ran ? 'not solved' : 'not run',
    `${one.checks.passed}/${one.checks.of}`,
    ...cells(one),
  ]);
  const sum = ['all', `${totals.solved} of ${totals.tries}`, '', ...cells(totals)];
  const lines = columns([HEAD, ...rows, sum]);
  const whys = tasks.filter((one) => !one.solved).map((one) => `${one.name}: ${one.why}`);
  return [...lines, ...(whys.length > 0 ? ['', ...whys] : []), '', ...closing(report)].join('\n');
}

const HEAD = ['task', 'result', 'checks', 'cost', 'tokens in', 'cached', 'out', 'turns', 's'];

function cells(of: Omit<Totals, 'tries' | 'ran' | 'solved'>): string[] {
  return [
    `$${of.costUsd.toFixed(4)}`,
    String(of.inputTokens),
    of.cacheShare === null ? '–' : `${Math.round(of.cacheShare * 100)} %`,
    String(of.outputTokens),
    String(of.turns),
    of.seconds.toFixed(1),
  ];
}

/** What the figures hold for: models, isolation, and who answered. */
function closing({ tasks, answers }: EvalReport): string[] {
  const all = (pick: (one: TryFigures) => string): string =>
    [...new Set(tasks.map(pick))].filter((text) => text !== 'unknown').join('; ');
  const models = all(({ engine, model }) => `${model} on ${engine}`);
  const money = answers === 'live' ? '' : '; answers are scripted, nothing was paid';
  const isolation = all((one) => one.isolation);
  return [`models: ${models}${money}`, ...(isolation === '' ? [] : [`isolation: ${isolation}`])];
}

function columns(rows: readonly string[][]): string[] {
  const widths = HEAD.map((_, i) => Math.max(...rows.map((row) => row[i]?.length ?? 0)));
  const pad = (cell: string, i: number): string =>
    i < 2 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0);
  return rows.map((row) => row.map(pad).join('  ').trimEnd());
}
