/** How a run can end. Every run ends with exactly one verdict (DESIGN §4.10). */

export type VerdictKind =
  'done' | 'needs-human' | 'refused' | 'budget' | 'outage' | 'no-runner' | 'cancelled';

export interface Verdict {
  kind: VerdictKind;
  /** Why, in one or two sentences for people. May quote nothing by a model. */
  cause: string;
  /** What a person can do next: a command or a setting. */
  next: string;
  /** Protected files that were not written; a maintainer can allow exactly these contents. */
  blocked?: BlockedWork;
}

/** A result that is refused because it touches protected files. */
export interface BlockedWork {
  attempt: number;
  change: 'spec' | 'code';
  files: BlockedFile[];
}

export interface BlockedFile {
  path: string;
  /** Git's id of the proposed content; forty zeros for a file that is deleted. */
  blob: string;
  mode: '100644' | '100755';
  /** What would change, as a bounded diff; text by a model. */
  diff: string;
}

export type RunState =
  | 'queued'
  | 'running'
  | 'paused'
  | 'completed'
  | 'failed'
  | 'stopped_budget'
  | 'stopped_user'
  | 'stopped_policy';

/** The final run state each verdict stands for. */
export const RUN_STATE_OF_VERDICT: Readonly<Record<VerdictKind, RunState>> = {
  done: 'completed',
  'needs-human': 'failed',
  refused: 'stopped_policy',
  budget: 'stopped_budget',
  outage: 'failed',
  'no-runner': 'failed',
  cancelled: 'stopped_user',
};

/** True while a run may still act. */
export function isActive(state: RunState): boolean {
  return state === 'queued' || state === 'running' || state === 'paused';
}
