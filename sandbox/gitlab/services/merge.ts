/** Merging: rights, mergeability, the merge commit, and what follows (gitlab-facts §3.2). */
import type { Instance } from '../instance.ts';
import { mergeBranch, updateRef } from '../git/write.ts';
import { fireMergeRequest } from '../hooks/events.ts';
import { headSha, userOf } from '../state/state.ts';
import { ZERO_SHA } from '../state/access-levels.ts';
import type { MergeRequest, Project, User } from '../state/types.ts';
import { canChangeBranch } from './access.ts';
import { closeByText } from './closing.ts';
import { checkMergeability, detailedMergeStatus } from './mergeability.ts';
import { addSystemNote } from './note-records.ts';
import { effectiveStatus, headPipelineOf } from './pipeline-list.ts';

export interface MergeRequestOptions {
  /** Merge when the pipeline succeeds, when one is running. */
  auto?: boolean | undefined;
  message?: string | undefined;
  squash?: boolean | undefined;
  removeSourceBranch?: boolean | undefined;
}

/** Statuses: 401 no right, 405 not mergeable (now), 422 the merge failed. */
export type MergeResult = { ok: true; waiting: boolean } | { ok: false; status: 401 | 405 | 422 };

/** Merges, or sets auto-merge while a pipeline is under way. */
export async function merge(
  gl: Instance,
  project: Project,
  mr: MergeRequest,
  user: User,
  options: MergeRequestOptions,
): Promise<MergeResult> {
  if (!canChangeBranch(project, user, mr.targetBranch, 'merge')) return { ok: false, status: 401 };
  mr.squash = options.squash ?? mr.squash;
  mr.removeSourceBranch = options.removeSourceBranch ?? mr.removeSourceBranch;
  const status = detailedMergeStatus(gl, project, mr);
  const pipeline = headPipelineOf(gl, project, mr);
  const running =
    pipeline !== undefined &&
    ['created', 'pending', 'running'].includes(effectiveStatus(project, pipeline));
  if (
    options.auto &&
    running &&
    ['mergeable', 'ci_still_running', 'not_approved'].includes(status)
  ) {
    mr.autoMergeById = user.id;
    addSystemNote(gl, mr, user, 'enabled an automatic merge when all merge checks pass');
    return { ok: true, waiting: true };
  }
  if (status !== 'mergeable') return { ok: false, status: 405 };
  return mergeNow(gl, project, mr, user, options.message);
}

async function mergeNow(
  gl: Instance,
  project: Project,
  mr: MergeRequest,
  user: User,
  message: string | undefined,
): Promise<MergeResult> {
  // `locked` while git works: a second call at the same time is 405, not a second merge.
  mr.state = 'locked';
  const outcome = await mergeBranch(
    project.gitDir,
    mr.targetBranch,
    headSha(mr),
    {
      message:
        message ??
        `Merge branch '${mr.sourceBranch}' into '${mr.targetBranch}'\n\n${mr.title}\n\n` +
          `See merge request ${project.path}!${mr.iid}`,
      committer: { name: user.name, email: user.email },
      when: gl.clock(),
    },
    mr.squash,
  );
  if (!outcome.ok) {
    mr.state = 'opened';
    mr.mergeError = outcome.reason;
    if (outcome.reason === 'conflict') mr.mergeCheck = 'cannot_be_merged';
    else {
      // Another merge came first: like every request for that branch, this one is looked at anew.
      mr.mergeCheck = 'unchecked';
      scheduleMergeCheck(gl, project, mr);
    }
    return { ok: false, status: 422 };
  }
  await markMerged(gl, project, mr, user, outcome.sha);
  const ref = `refs/heads/${mr.targetBranch}`;
  await gl.workers.afterPush(project, user, [{ ref, before: outcome.before, after: outcome.sha }]);
  if (mr.removeSourceBranch) {
    const source = `refs/heads/${mr.sourceBranch}`;
    const before = headSha(mr);
    if (await updateRef(project.gitDir, source, ZERO_SHA, before)) {
      await gl.workers.afterPush(project, user, [{ ref: source, before, after: ZERO_SHA }]);
    }
  }
  return { ok: true, waiting: false };
}

/** State, hook and closed issues of a merged one; also used when a push brought the commits in. */
export async function markMerged(
  gl: Instance,
  project: Project,
  mr: MergeRequest,
  user: User,
  mergeCommitSha: string | null,
): Promise<void> {
  mr.state = 'merged';
  mr.mergedAt = gl.now();
  mr.mergedById = user.id;
  mr.mergeCommitSha = mergeCommitSha;
  mr.autoMergeById = null;
  mr.updatedAt = mr.mergedAt;
  addSystemNote(gl, mr, user, 'merged');
  await fireMergeRequest(gl, mr, user, 'merge', { state_id: { previous: 1, current: 3 } });
  if (mr.targetBranch === project.defaultBranch) {
    await closeByText(gl, project, user, `${mr.title}\n${mr.description ?? ''}`);
  }
}

/** Merges every request that waited for its pipeline and is ready now; a failed pipeline ends the wait. */
export async function tryAutoMerge(gl: Instance, project: Project): Promise<void> {
  for (const mr of project.mergeRequests) {
    if (mr.autoMergeById === null || mr.state !== 'opened') continue;
    const pipeline = headPipelineOf(gl, project, mr);
    const status = pipeline ? effectiveStatus(project, pipeline) : 'success';
    if (status === 'failed' || status === 'canceled') mr.autoMergeById = null;
    else if (status === 'success' && detailedMergeStatus(gl, project, mr) === 'mergeable') {
      await mergeNow(gl, project, mr, userOf(gl.state, mr.autoMergeById), undefined);
    }
  }
}

/** Mergeability is computed later; until then merging answers 405 (gitlab-facts §8.1). */
export function scheduleMergeCheck(gl: Instance, project: Project, mr: MergeRequest): void {
  gl.background.run(
    'check mergeability',
    async () => {
      await checkMergeability(project, mr);
      await tryAutoMerge(gl, project);
    },
    gl.mergeCheckMs,
  );
}
