/** What follows a push, a commit by API or a merge: hooks, merge request versions, pipelines. */
import type { Instance, RefChange } from '../instance.ts';
import { isAncestor, log } from '../git/read.ts';
import { firePush } from '../hooks/events.ts';
import { headSha } from '../state/state.ts';
import { ZERO_SHA } from '../state/access-levels.ts';
import type { Project, User } from '../state/types.ts';
import { closeByText } from './closing.ts';
import { markMerged, scheduleMergeCheck } from './merge.ts';
import { refreshMergeRequest } from './merge-requests.ts';
import { pipelineOfPush } from './pipelines.ts';

/** A push of more refs than this fires no push hooks at all (`push_event_hooks_limit`, §1.3). */
const PUSH_HOOKS_LIMIT = 3;

/** Follows a push that has landed. */
export async function afterPush(
  gl: Instance,
  project: Project,
  user: User,
  changes: readonly RefChange[],
): Promise<void> {
  project.lastActivityAt = gl.now();
  for (const change of changes) {
    if (changes.length <= PUSH_HOOKS_LIMIT) await firePush(gl, project, user, change);
    const branch = /^refs\/heads\/(.+)$/.exec(change.ref)?.[1];
    if (!branch) continue;
    if (change.after === ZERO_SHA) {
      project.protectedBranches.delete(branch);
      continue;
    }
    gl.background.run('after push', () => followBranch(gl, project, user, branch, change));
  }
}

async function followBranch(
  gl: Instance,
  project: Project,
  user: User,
  branch: string,
  { before, after }: RefChange,
): Promise<void> {
  for (const mr of project.mergeRequests) {
    if (mr.state !== 'opened') continue;
    if (mr.sourceBranch === branch && headSha(mr) !== after) {
      await refreshMergeRequest(gl, project, mr, user, after);
    } else if (mr.targetBranch === branch) {
      if (await isAncestor(project.gitDir, headSha(mr), after)) {
        await markMerged(gl, project, mr, user, after);
      } else {
        mr.mergeCheck = 'unchecked';
        scheduleMergeCheck(gl, project, mr);
      }
    }
  }
  await pipelineOfPush(gl, project, user, branch, after);
  if (branch !== project.defaultBranch || before === ZERO_SHA) return;
  const commits = await log(project.gitDir, { range: `${before}..${after}` });
  await closeByText(gl, project, user, commits.map((commit) => commit.message).join('\n'));
}
