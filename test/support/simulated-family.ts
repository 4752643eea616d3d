/** The children of an epic in the simulation: their issues are open until a test says otherwise. */
import { familyOf, withRuns } from '../../bot/decide/epic-family.ts';
import { planOf } from '../../bot/decide/epic.ts';
import { isOpenChild, type ChildRun } from '../../bot/domain/children.ts';
import { spentOn, stageOf, type Run } from '../../bot/domain/runs.ts';
import type { Snapshot } from '../../bot/domain/snapshot.ts';
import { issue } from '../unit/decide/builders.ts';
import type { World } from './simulated-store.ts';

/** What bot/worker/epic-facts.ts reads for a run among its children. */
export function familyIn(run: Run, world: World): Partial<Snapshot> {
  const plan = planOf(run);
  if (plan === null || stageOf(run)?.kind !== 'children') return {};
  const rows = world.effects
    .filter(({ runId }) => runId === run.id)
    .map(({ effect, receipt, state }) => ({ payload: effect, receipt, state }));
  const runs = world.runs.map((one): [number, ChildRun] => [
    one.target.iid,
    {
      id: one.id,
      state: one.state,
      stage: one.stage,
      verdict: one.verdict?.kind ?? null,
      finishedAt: one.finishedAt,
      spentMicrousd: spentOn(one),
    },
  ]);
  const { epicItem, children } = withRuns(familyOf(plan, rows), runs);
  return {
    epicItem,
    children: children.map((child) => {
      const { iid } = child.issue ?? {};
      if (iid === undefined || !isOpenChild(child)) return child;
      const state = world.closedIssues.has(iid) ? 'closed' : 'opened';
      return { ...child, now: { ...issue, iid, title: `child #${iid}`, state } };
    }),
  };
}
