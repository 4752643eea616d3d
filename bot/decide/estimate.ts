/** Purpose: what work will cost, told only from what the same work did cost. */
import type { Estimate } from '../domain/budgets.ts';
import { money } from './format.ts';

/** A cent: the least that is shown. */
const CENT = 10_000;

/** `estimate $0.60–1.10`, or `estimate $0.60` where both ends look the same. */
export function estimateText(estimate: Estimate): string {
  const low = Math.max(CENT, estimate.lowMicrousd);
  const high = Math.max(CENT, estimate.highMicrousd);
  const [from, to] = [money(low), money(high)];
  return from === to ? `estimate ${from}` : `estimate ${from}–${to.slice(1)}`;
}

/** Where an estimate comes from, for the details. */
export function estimateBasis(estimate: Estimate): string {
  const whose = estimate.of === 'repository' ? 'in this repository' : 'of this installation';
  return `the middle half of ${estimate.runs} finished runs of the same workflow ${whose}`;
}
