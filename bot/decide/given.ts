/**
 * Purpose: what a task is given besides its issue, and why it is not started where that is missing.
 */
import type { TaskType } from '../../schema/wire/agent.ts';
import type { PastDeployment } from '../domain/deploys.ts';
import type { Snapshot } from '../domain/snapshot.ts';
import { TASKS } from '../domain/task-types.ts';
import type { TaskInputFacts } from './task-input.ts';
import { code } from './text.ts';

/** Deployments that a plan is given. */
const DEPLOYMENTS = 20;

/** The facts for one task; `iid` is the issue it is told on, which is no part of its own backlog. */
export function givenTo(type: TaskType, iid: number, snapshot: Snapshot): Partial<TaskInputFacts> {
  const { backlog, build, deployments } = snapshot.given;
  switch (TASKS[type].given) {
    case 'backlog':
      return { backlog: (backlog ?? []).filter((issue) => issue.iid !== iid) };
    case 'build':
      // In a fix loop it is the change's own pipeline that counts, and the caller says so.
      return build === null ? {} : { failedJobs: build.failedJobs };
    case 'deployments':
      return { deployments: (deployments ?? []).slice(0, DEPLOYMENTS).map(deploymentLine) };
    default:
      return {};
  }
}

/** What stands in the way of work that starts with these tasks on the default branch; null: nothing. */
export function givenProblem(
  types: readonly TaskType[],
  iid: number,
  snapshot: Snapshot,
): { problem: string; next: string } | null {
  const kinds = new Set(types.map((type) => TASKS[type].given));
  const { backlog, build } = snapshot.given;
  if (kinds.has('backlog') && (backlog ?? []).every((issue) => issue.iid === iid)) {
    return {
      problem:
        'There is no other open issue that everybody may read, so there is nothing to order.',
      next: 'Open some, then ask again.',
    };
  }
  if (!kinds.has('build')) return null;
  const branch = code(snapshot.project.defaultBranch);
  if (build === null) {
    return {
      problem: `The head of ${branch} has no pipeline, so nothing says what is broken.`,
      next: 'Run one, then ask again.',
    };
  }
  if (build.status === 'failed') return null;
  const how = build.status === 'success' ? 'passed' : `is ${code(build.status)}`;
  return {
    problem: `The newest [pipeline](${build.url}) of ${branch} ${how}, so there is nothing to mend.`,
    next: 'Ask again when it has failed.',
  };
}

function deploymentLine({ environment, sha, status }: PastDeployment): string {
  return `${environment} ${sha.slice(0, 8)} ${status}`;
}
