/** The pure core alone: one decision, over the recorded cases. */
import { decide } from '../bot/decide/decide.ts';
import { CASES } from '../test/unit/decide/cases.ts';
import { figure, median, percentile, type Effort, type Figure } from './figure.ts';

export function benchDecide(effort: Effort): Promise<Figure[]> {
  const cases = Object.values(CASES);
  const rounds = effort.quick ? 100 : 1_000;
  const times: number[] = [];
  for (let round = -20; round < rounds; round += 1) {
    for (const { event, snapshot } of cases) {
      const at = performance.now();
      decide(event, snapshot);
      if (round >= 0) times.push((performance.now() - at) * 1000);
    }
  }
  return Promise.resolve([
    figure('decide.p50', median(times), 'µs'),
    figure('decide.p99', percentile(times, 0.99), 'µs'),
  ]);
}
