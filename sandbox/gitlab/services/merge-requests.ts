/** Creating merge requests and following their source branch. */
import type { Instance } from '../instance.ts';
import { branchHead, log, mergeBase } from '../git/read.ts';
import { fireMergeRequest } from '../hooks/events.ts';
import type { MergeRequest, MrVersion, Project, User } from '../state/types.ts';
import { headSha } from '../state/state.ts';
import { badRequest, conflict, ApiFailure } from '../rest/reply.ts';
import { resetApprovalsOnPush } from './approvals.ts';
import { touch } from './issuables.ts';
import { labelIds, recordLabelEvents } from './labels.ts';
import { scheduleMergeCheck } from './merge.ts';
import { checkMergeability } from './mergeability.ts';
import { pipelineOfMergeRequest } from './pipelines.ts';
import { addSystemNote } from './note-records.ts';
import { followPush } from './suggestions.ts';
import { extractQuickActions, runQuickActions } from './quick-actions.ts';

export interface NewMergeRequest {
  title: string;
  sourceBranch: string;
  targetBranch: string;
  description?: string | null;
  labels?: string[];
  assigneeIds?: number[];
  reviewerIds?: number[];
  removeSourceBranch?: boolean;
  squash?: boolean;
}

/**
 * Opens a merge request. Its `open` hook, pipeline and mergeability come later, as in GitLab.
 * Throws 409 for a second open one of the same branches, 400 for an unknown branch.
 */
export async function createMergeRequest(
  gl: Instance,
  project: Project,
  author: User,
  input: NewMergeRequest,
): Promise<MergeRequest> {
  const { text, commands } = extractQuickActions(input.description ?? '');
  const description = input.description == null ? null : text;
  const version = await firstVersion(gl, project, input);
  const twin = project.mergeRequests.find(
    (mr) =>
      mr.state === 'opened' &&
      mr.sourceBranch === input.sourceBranch &&
      mr.targetBranch === input.targetBranch,
  );
  if (twin) {
    const why = `Another open merge request already exists for this source branch: !${twin.iid}`;
    throw conflict([why]);
  }
  const mr = newRecord(gl, project, author, { ...input, description }, version);
  project.mergeRequests.push(mr);
  project.lastActivityAt = mr.createdAt;
  recordLabelEvents(gl, mr, author, mr.labelIds, 'add');
  await runQuickActions(gl, project, mr, author, commands, { headSha: undefined });
  gl.background.run(
    'prepare merge request',
    async () => {
      mr.preparedAt = gl.now();
      await checkMergeability(project, mr);
      await fireMergeRequest(gl, mr, author, 'open');
      await pipelineOfMergeRequest(gl, project, author, mr);
    },
    gl.mergeCheckMs,
  );
  return mr;
}

function newRecord(
  gl: Instance,
  project: Project,
  author: User,
  input: NewMergeRequest,
  version: MrVersion,
): MergeRequest {
  const now = gl.now();
  return {
    kind: 'merge_request',
    id: gl.state.nextId('mergeRequest'),
    iid: project.mergeRequests.length + 1,
    projectId: project.id,
    title: input.title,
    description: input.description ?? null,
    state: 'opened',
    authorId: author.id,
    assigneeIds: input.assigneeIds ?? [],
    reviewerIds: input.reviewerIds ?? [],
    labelIds: labelIds(gl, project, input.labels ?? []),
    labelEvents: [],
    notes: [],
    awards: [],
    createdAt: now,
    updatedAt: now,
    updatedById: null,
    lastEditedAt: null,
    lastEditedById: null,
    closedAt: null,
    closedById: null,
    discussionLocked: null,
    sourceBranch: input.sourceBranch,
    targetBranch: input.targetBranch,
    sourceProjectId: project.id,
    targetProjectId: project.id,
    versions: [version],
    approvals: [],
    mergeCheck: 'preparing',
    preparedAt: null,
    headPipelineId: null,
    removeSourceBranch: input.removeSourceBranch ?? project.settings.removeSourceBranchAfterMerge,
    squash: input.squash ?? false,
    autoMergeById: null,
    mergedById: null,
    mergedAt: null,
    mergeCommitSha: null,
    mergeError: null,
  };
}

async function firstVersion(
  gl: Instance,
  project: Project,
  input: NewMergeRequest,
): Promise<MrVersion> {
  if (input.sourceBranch === input.targetBranch) {
    throw new ApiFailure(422, {
      message: ["You can't use same project/branch for source and target"],
    });
  }
  const [source, target] = await Promise.all([
    branchHead(project.gitDir, input.sourceBranch),
    branchHead(project.gitDir, input.targetBranch),
  ]);
  if (!source) throw badRequest({ source_branch: ['does not exist'] });
  if (!target) throw badRequest({ target_branch: ['does not exist'] });
  return newVersion(gl, project, source, target);
}

async function newVersion(
  gl: Instance,
  project: Project,
  head: string,
  target: string,
): Promise<MrVersion> {
  const base = (await mergeBase(project.gitDir, target, head)) ?? target;
  return {
    id: gl.state.nextId('mrVersion'),
    headSha: head,
    baseSha: base,
    startSha: target,
    createdAt: gl.now(),
  };
}

/** New commits on the source branch: a version, an `update` hook with `oldrev`, a pipeline. */
export async function refreshMergeRequest(
  gl: Instance,
  project: Project,
  mr: MergeRequest,
  user: User,
  after: string,
): Promise<void> {
  const oldrev = headSha(mr);
  const target = (await branchHead(project.gitDir, mr.targetBranch)) ?? oldrev;
  mr.versions.push(await newVersion(gl, project, after, target));
  await followPush(project, mr, oldrev);
  mr.mergeCheck = 'checking';
  mr.autoMergeById = null;
  const changes = touch(gl, mr, user);
  const added = await log(project.gitDir, { range: `${oldrev}..${after}` });
  addSystemNote(gl, mr, user, `added ${added.length} commit${added.length === 1 ? '' : 's'}`);
  await resetApprovalsOnPush(gl, project, mr, user);
  await fireMergeRequest(gl, mr, user, 'update', changes, { oldrev });
  scheduleMergeCheck(gl, project, mr);
  await pipelineOfMergeRequest(gl, project, user, mr);
}
