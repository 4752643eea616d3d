/** Records of the sandbox GitLab. Times are ISO 8601 strings; ids are unique per kind, as in GitLab. */
import type { PipelineRecord } from '../../ci/contract.ts';
import type { Deployment, Environment } from './deployment-types.ts';
import type { Hook } from './hook-types.ts';

export interface User {
  id: number;
  username: string;
  name: string;
  email: string;
  admin: boolean;
  /** Project or group access-token user: may call `reset_approvals` (gitlab-facts §3.3). */
  bot: boolean;
  external: boolean;
  state: 'active' | 'blocked';
  createdAt: string;
}

export interface Token {
  id: number;
  value: string;
  userId: number;
  name: string;
  scopes: string[];
  /** Date (YYYY-MM-DD) or null. */
  expiresAt: string | null;
  revoked: boolean;
  createdAt: string;
  lastUsedAt: string | null;
}

/** What a CI_JOB_TOKEN stands for; it is good while its job runs. */
export interface JobToken {
  value: string;
  userId: number;
  projectId: number;
  pipelineId: number;
  jobId: number;
}

export interface Label {
  id: number;
  projectId: number;
  name: string;
  color: string;
  description: string | null;
  createdAt: string;
}

export interface Award {
  id: number;
  name: string;
  userId: number;
  createdAt: string;
}

export interface LabelEvent {
  id: number;
  userId: number;
  createdAt: string;
  labelId: number;
  action: 'add' | 'remove';
}

/** Position of an inline note (gitlab-facts §3.4). */
export interface Position {
  base_sha: string;
  start_sha: string;
  head_sha: string;
  position_type: string;
  old_path: string;
  new_path: string;
  old_line: number | null;
  new_line: number | null;
  line_range?: unknown;
}

/** A suggestion block of a note on a line, as GitLab keeps it. */
export interface Suggestion {
  id: number;
  above: number;
  below: number;
  fromContent: string;
  toContent: string;
  applied: boolean;
  outdated: boolean;
  commitId: string | null;
}

export interface Note {
  id: number;
  body: string;
  authorId: number;
  system: boolean;
  internal: boolean;
  discussionId: string;
  type: null | 'DiscussionNote' | 'DiffNote';
  position: Position | null;
  resolvable: boolean;
  resolvedById: number | null;
  resolvedAt: string | null;
  awards: Award[];
  suggestions: Suggestion[];
  createdAt: string;
  updatedAt: string;
  updatedById: number | null;
}

interface Issuable {
  id: number;
  iid: number;
  projectId: number;
  title: string;
  description: string | null;
  authorId: number;
  assigneeIds: number[];
  labelIds: number[];
  labelEvents: LabelEvent[];
  notes: Note[];
  awards: Award[];
  createdAt: string;
  updatedAt: string;
  updatedById: number | null;
  lastEditedAt: string | null;
  lastEditedById: number | null;
  closedAt: string | null;
  closedById: number | null;
  discussionLocked: boolean | null;
}

export interface Issue extends Issuable {
  kind: 'issue';
  state: 'opened' | 'closed';
  confidential: boolean;
  /** `Issue`, `Task`, `Incident`, as in the webhook's `object_attributes.type`. */
  type: string;
}

export interface MrVersion {
  id: number;
  headSha: string;
  baseSha: string;
  startSha: string;
  createdAt: string;
}

export interface Approval {
  userId: number;
  at: string;
}

export type MergeCheck =
  'preparing' | 'unchecked' | 'checking' | 'can_be_merged' | 'cannot_be_merged';

export interface MergeRequest extends Issuable {
  kind: 'merge_request';
  state: 'opened' | 'closed' | 'merged' | 'locked';
  sourceBranch: string;
  targetBranch: string;
  sourceProjectId: number;
  targetProjectId: number;
  reviewerIds: number[];
  /** Oldest first; the newest one is the head. */
  versions: MrVersion[];
  approvals: Approval[];
  mergeCheck: MergeCheck;
  preparedAt: string | null;
  headPipelineId: number | null;
  removeSourceBranch: boolean;
  squash: boolean;
  autoMergeById: number | null;
  mergedById: number | null;
  mergedAt: string | null;
  mergeCommitSha: string | null;
  mergeError: string | null;
}

/** What notes, labels and awards hang on. */
export type Noteable = Issue | MergeRequest;

export interface CommitStatus {
  id: number;
  sha: string;
  ref: string;
  name: string;
  status: string;
  targetUrl: string | null;
  description: string | null;
  coverage: number | null;
  pipelineId: number;
  authorId: number;
  createdAt: string;
  startedAt: string | null;
  finishedAt: string | null;
}

export interface Variable {
  key: string;
  value: string;
  variableType: 'env_var' | 'file';
  protected: boolean;
  masked: boolean;
  hidden: boolean;
  raw: boolean;
  environmentScope: string;
  description: string | null;
}

/** Lowest role that may push to, or merge into, a protected branch. */
export interface Protection {
  push: number;
  merge: number;
}

export interface ProjectSettings {
  /** `ci_pipeline_variables_minimum_override_role` (gitlab-facts §3.1). */
  pipelineVariablesRole: 'no_one_allowed' | 'developer' | 'maintainer' | 'owner';
  onlyAllowMergeIfPipelineSucceeds: boolean;
  allowMergeOnSkippedPipeline: boolean;
  onlyAllowMergeIfAllDiscussionsAreResolved: boolean;
  removeSourceBranchAfterMerge: boolean;
  /** EE only: approvals every merge request needs. */
  approvalsRequired: number;
  /** EE only: `reset_approvals_on_push`. */
  resetApprovalsOnPush: boolean;
  /** EE only: environments with the ids of those who alone may deploy there. */
  protectedEnvironments: Record<string, readonly number[]>;
}

export interface Project {
  id: number;
  path: string;
  name: string;
  description: string | null;
  visibility: 'private' | 'internal' | 'public';
  defaultBranch: string;
  gitDir: string;
  creatorId: number;
  archived: boolean;
  createdAt: string;
  lastActivityAt: string;
  /** User id → access level. */
  members: Map<number, number>;
  labels: Label[];
  /** Files attached to what people write, oldest first. */
  uploads: { secret: string; name: string; bytes: Buffer }[];
  issues: Issue[];
  /** Number of the newest issue; numbers of deleted ones are not given again. */
  lastIssueIid: number;
  mergeRequests: MergeRequest[];
  hooks: Hook[];
  variables: Variable[];
  protectedBranches: Map<string, Protection>;
  settings: ProjectSettings;
  statuses: CommitStatus[];
  /** Pipelines with source `external`, made by commit statuses. */
  externalPipelines: PipelineRecord[];
  /** Pipeline id → number within the project. */
  pipelineIids: Map<number, number>;
  environments: Environment[];
  /** Oldest first. */
  deployments: Deployment[];
}
