/** What tasks of some types are given besides the issue or change they are about; all of it is data. */
import type { Workflow } from '../../schema/wire/workflow.ts';
import type { PastDeployment } from './deploys.ts';
import type { Issue } from './events.ts';
import { TASKS, type GivenKind } from './task-types.ts';

/** The newest pipeline of the default branch's head. */
export interface BuildFacts {
  sha: string;
  status: string;
  url: string;
  /** Names of its jobs that failed. */
  failedJobs: string[];
}

export interface Given {
  /** Open issues that everybody may read; null where nobody had to ask. */
  backlog: readonly Pick<Issue, 'iid' | 'title' | 'labels' | 'description'>[] | null;
  /** Null where nobody had to ask or there is no pipeline. */
  build: BuildFacts | null;
  /** What was deployed, newest first; null where nobody had to ask. */
  deployments: readonly PastDeployment[] | null;
}

export const NOTHING_GIVEN: Given = { backlog: null, build: null, deployments: null };

/** What the tasks of a workflow are given, from one of its stages on. */
export function givenKinds(workflow: Workflow, from = 0): Set<GivenKind> {
  const types = workflow.stages.slice(from).flatMap((stage) => {
    if (stage.kind === 'task') return [stage.task];
    return stage.kind === 'verify' ? stage.tasks.map(({ task }) => task) : [];
  });
  return new Set(types.flatMap((type) => TASKS[type].given ?? []));
}
