/** The children of an epic, as the store and the forge know them. */
import type { Issue } from './events.ts';
import type { RunState, VerdictKind } from './outcomes.ts';

/** The newest run of a child's issue, whoever started it. */
export interface ChildRun {
  id: number;
  state: RunState;
  stage: string;
  verdict: VerdictKind | null;
  finishedAt: Date | null;
  spentMicrousd: number;
}

export interface ChildFacts {
  /** Its place in the plan, from 0. */
  place: number;
  /** The issue was asked for and is being made. */
  pending: boolean;
  /** Null until it is made. */
  issue: { iid: number; url: string } | null;
  /** The issue as the API has it now; null when it is gone, undefined when nobody had to ask. */
  now?: Issue | null;
  run: ChildRun | null;
}

/** The forge's own item for an epic, where its tier has one: children hang below it. */
export interface EpicItem {
  /** It was asked for and is being made. */
  pending: boolean;
  /** Nothing is left to be done: it is made, or the forge has none. */
  settled: boolean;
  /** Null where the forge has no epics: then the issue is the parent. */
  id: string | null;
  url: string;
}

export interface Family {
  epicItem: EpicItem;
  /** By their place in the plan. */
  children: ChildFacts[];
}

/** An epic nobody asked for yet. */
export const NO_ITEM: EpicItem = { pending: false, settled: false, id: null, url: '' };

/** True when no decision about the child is possible without its issue, its rights and settings. */
export function isOpenChild(child: ChildFacts): boolean {
  const { run } = child;
  if (child.issue === null) return false;
  return run === null || (run.finishedAt !== null && run.verdict !== 'done');
}
