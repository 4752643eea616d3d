/** Pipelines of a project: those the engine runs, and the external ones of commit statuses. */
import type { CiStatus, PipelineRecord } from '../../ci/contract.ts';
import type { Instance } from '../instance.ts';
import { headSha } from '../state/state.ts';
import type { CommitStatus, MergeRequest, Project } from '../state/types.ts';

/** Newest first, children included. */
export function pipelinesOf(gl: Instance, project: Project): PipelineRecord[] {
  const run = gl.ci?.list(project.id) ?? [];
  return [...run, ...project.externalPipelines].toSorted((a, b) => b.id - a.id);
}

export function findPipeline(
  gl: Instance,
  project: Project,
  id: number,
): PipelineRecord | undefined {
  return pipelinesOf(gl, project).find((pipeline) => pipeline.id === id);
}

/** Number of a pipeline within its project, given at first sight. */
export function pipelineIid(project: Project, id: number): number {
  const known = project.pipelineIids.get(id);
  if (known) return known;
  const iid = project.pipelineIids.size + 1;
  project.pipelineIids.set(id, iid);
  return iid;
}

/** The ref as the API shows it: MR pipelines run on `refs/merge-requests/<iid>/head`. */
export function shownRef(pipeline: PipelineRecord): string {
  const mr = pipeline.spec.mergeRequest;
  return mr ? `refs/merge-requests/${mr.iid}/head` : pipeline.spec.ref;
}

/** Newest commit status per name on one pipeline. */
export function statusesOn(project: Project, pipelineId: number): CommitStatus[] {
  const latest = new Map<string, CommitStatus>();
  for (const status of project.statuses) {
    if (status.pipelineId === pipelineId) latest.set(status.name, status);
  }
  return [...latest.values()];
}

/** Jobs and commit statuses together, as GitLab computes a pipeline's status. */
export function effectiveStatus(project: Project, pipeline: PipelineRecord): CiStatus {
  const statuses = statusesOn(project, pipeline.id).map((status) => status.status as CiStatus);
  if (statuses.length === 0) return pipeline.status;
  const all = pipeline.spec.source === 'external' ? statuses : [...statuses, pipeline.status];
  const has = (...wanted: CiStatus[]): boolean => all.some((status) => wanted.includes(status));
  if (has('running')) return 'running';
  if (has('pending', 'created')) return has('success', 'failed') ? 'running' : 'pending';
  if (has('failed')) return 'failed';
  if (has('canceled')) return 'canceled';
  return has('success') ? 'success' : 'skipped';
}

/** Whether a pipeline belongs to a merge request's list: its own MR pipelines and its branch's. */
export function belongsTo(mr: MergeRequest, pipeline: PipelineRecord): boolean {
  if (pipeline.spec.source === 'parent_pipeline') return false;
  const own = pipeline.spec.mergeRequest;
  if (own) return own.id === mr.id;
  return (
    pipeline.spec.ref === mr.sourceBranch &&
    mr.versions.some((version) => version.headSha === pipeline.spec.sha)
  );
}

/** The head pipeline: newest of the head commit, MR pipelines before branch pipelines. */
export function headPipelineOf(
  gl: Instance,
  project: Project,
  mr: MergeRequest,
): PipelineRecord | undefined {
  const head = headSha(mr);
  const candidates = pipelinesOf(gl, project).filter(
    (pipeline) => belongsTo(mr, pipeline) && pipeline.spec.sha === head,
  );
  return candidates.find((pipeline) => pipeline.spec.mergeRequest) ?? candidates[0];
}
