/** Purpose: what is there of an epic's children, told from what was asked for and what was done. */
import type { EpicReport } from '../../schema/wire/report.ts';
import { NO_ITEM, type ChildFacts, type ChildRun, type Family } from '../domain/children.ts';
import type { Effect, Receipt } from '../domain/effects.ts';

/** An effect of the epic's run as it is stored. */
interface Asked {
  payload: Effect;
  receipt: Receipt | null;
  state: 'pending' | 'done' | 'failed' | 'dropped';
}

/**
 * The epic and its issues from the run's effects, oldest first: what was asked for last counts, and what
 * was made once stays made.
 */
export function familyOf(plan: EpicReport, effects: readonly Asked[]): Family {
  const epicItem = { ...NO_ITEM };
  const children = plan.children.map((_child, place): ChildFacts => ({
    place,
    pending: false,
    issue: null,
    run: null,
  }));
  for (const { payload, receipt, state } of effects) {
    if (payload.kind === 'create_epic') {
      epicItem.pending = state === 'pending';
      if (receipt?.kind !== 'create_epic') continue;
      Object.assign(epicItem, { settled: true, id: receipt.id, url: receipt.url });
    }
    const child = payload.kind === 'create_issue' ? children[payload.child] : undefined;
    if (!child) continue;
    child.pending = state === 'pending';
    if (receipt?.kind === 'create_issue') child.issue = { iid: receipt.iid, url: receipt.url };
  }
  return { epicItem, children };
}

/** The family with the newest run of each issue, by its number. */
export function withRuns(family: Family, runs: readonly (readonly [number, ChildRun])[]): Family {
  const newest = new Map(runs);
  return {
    epicItem: family.epicItem,
    children: family.children.map((child) => ({
      ...child,
      run: child.issue === null ? null : (newest.get(child.issue.iid) ?? null),
    })),
  };
}
