/** Which of a run's allowances still hold when its result is published. */
import { MAINTAINER } from '../../domain/access.ts';
import type { Allowance, Run } from '../../domain/runs.ts';

/**
 * The allowances of those who are maintainers at this moment: who lost the right since then let nothing
 * through any more (DESIGN §4.8).
 * @param levelOf access level of a user now; an error refuses everything.
 */
export async function standingAllowances(
  run: Run,
  levelOf: (userId: number) => Promise<number>,
): Promise<Allowance[]> {
  const standing: Allowance[] = [];
  for (const userId of new Set(run.allowed.map(({ by }) => by.id))) {
    if ((await levelOf(userId)) < MAINTAINER) continue;
    standing.push(...run.allowed.filter(({ by }) => by.id === userId));
  }
  return standing;
}
