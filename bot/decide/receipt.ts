/** Purpose: where the money of a run went, for the details of its status comment. */
import type { Run } from '../domain/runs.ts';
import { estimateBasis } from './estimate.ts';
import { money } from './format.ts';
import { roleName } from './status-rows.ts';

export interface UsageLine {
  provider: string;
  model: string;
  inputTokens: number;
  cachedInputTokens: number;
  outputTokens: number;
  costMicrousd: number;
}

/** Cost by stage and agent, then by model; and what the estimate rested on. */
export function receiptLines(run: Run, usage: readonly UsageLine[]): string[] {
  const { estimate } = run.context;
  return [
    ...byStage(run),
    ...usage.map(modelLine),
    ...(estimate === null ? [] : [`- estimate: ${estimateBasis(estimate)}`]),
  ];
}

/** Rounds of one stage and tries of one task are added up. */
function byStage(run: Run): string[] {
  const sums = new Map<string, number>();
  for (const task of run.tasks) {
    const name = `${task.stage}, ${roleName(task.agent)}`;
    sums.set(name, (sums.get(name) ?? 0) + task.spentMicrousd);
  }
  return [...sums].flatMap(([name, spent]) => (spent === 0 ? [] : [`- ${name}: ${money(spent)}`]));
}

function modelLine(use: UsageLine): string {
  const share = use.inputTokens === 0 ? 0 : (100 * use.cachedInputTokens) / use.inputTokens;
  return (
    `- ${use.provider}/${use.model}: ${use.inputTokens} tokens in (${share.toFixed(0)} % from cache), ` +
    `${use.outputTokens} out, ${money(use.costMicrousd)}`
  );
}
