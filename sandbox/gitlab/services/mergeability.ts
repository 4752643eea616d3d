/** `merge_status` and `detailed_merge_status` of merge requests (gitlab-facts §3.2). */
import type { Instance } from '../instance.ts';
import { mergesCleanly } from '../git/write.ts';
import { branchHead } from '../git/read.ts';
import { headSha, isDraft } from '../state/state.ts';
import type { MergeRequest, Project } from '../state/types.ts';
import { effectiveStatus, findPipeline } from './pipeline-list.ts';

/** The old, coarse field. */
export function mergeStatus(mr: MergeRequest): string {
  return mr.mergeCheck === 'preparing' ? 'preparing' : mr.mergeCheck;
}

/** The first reason against merging, or `mergeable`. */
export function detailedMergeStatus(gl: Instance, project: Project, mr: MergeRequest): string {
  if (mr.state !== 'opened') return 'not_open';
  if (mr.mergeCheck === 'preparing') return 'preparing';
  if (mr.mergeCheck === 'unchecked' || mr.mergeCheck === 'checking') return mr.mergeCheck;
  if (isDraft(mr)) return 'draft_status';
  if (mr.mergeCheck === 'cannot_be_merged') return 'conflict';
  const open = mr.notes.some((note) => note.resolvable && note.resolvedAt === null);
  if (project.settings.onlyAllowMergeIfAllDiscussionsAreResolved && open) {
    return 'discussions_not_resolved';
  }
  if (approvalsLeft(gl, project, mr) > 0) return 'not_approved';
  return ciStatus(gl, project, mr) ?? 'mergeable';
}

/** What "pipelines must succeed" says: null when it is content or not switched on. */
function ciStatus(gl: Instance, project: Project, mr: MergeRequest): string | null {
  if (!project.settings.onlyAllowMergeIfPipelineSucceeds) return null;
  const pipeline = mr.headPipelineId ? findPipeline(gl, project, mr.headPipelineId) : undefined;
  if (!pipeline || pipeline.spec.sha !== headSha(mr)) return 'ci_must_pass';
  const status = effectiveStatus(project, pipeline);
  if (status === 'success') return null;
  if (status === 'skipped' && project.settings.allowMergeOnSkippedPipeline) return null;
  return ['created', 'pending', 'running'].includes(status) ? 'ci_still_running' : 'ci_must_pass';
}

/** Approvals still missing; only EE can require any. */
export function approvalsLeft(gl: Instance, project: Project, mr: MergeRequest): number {
  if (gl.edition === 'ce') return 0;
  return Math.max(0, project.settings.approvalsRequired - mr.approvals.length);
}

/** Tries the merge; leaves `can_be_merged` or `cannot_be_merged`. */
export async function checkMergeability(project: Project, mr: MergeRequest): Promise<void> {
  const head = headSha(mr);
  const [target, source] = await Promise.all([
    branchHead(project.gitDir, mr.targetBranch),
    branchHead(project.gitDir, mr.sourceBranch),
  ]);
  const clean =
    target !== null && source !== null && (await mergesCleanly(project.gitDir, target, head));
  // A push meanwhile asks for its own check.
  if (headSha(mr) === head) mr.mergeCheck = clean ? 'can_be_merged' : 'cannot_be_merged';
}
