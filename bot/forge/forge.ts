/**
 * What the bot needs from a forge, cut by role. `forge/gitlab` and `forge/github` hold the drivers
 * under the same file names; consumers take the narrowest role they can.
 *
 * Contract for every method: at most one logical request (pages are followed), retried by the one
 * policy of `retry.ts`; failures are thrown as `ForgeError` (errors.ts) whose `kind` says what to do.
 * A write whose answer was lost throws `kind: 'ambiguous'`: the caller reads back before it repeats.
 */
import type {
  Change,
  ForgeEvent,
  ForgeName,
  Issue,
  PipelineInfo,
  Project,
} from '../domain/events.ts';
import type { ForgeChecks } from './checks.ts';
import type { ForgeDeploy } from './deploy.ts';
import type { FileChange } from '../../schema/wire/result.ts';
import type { ForgePoll } from './poll.ts';
import type { ForgeReview } from './review.ts';
import type { ForgeTracker } from './tracker.ts';

/** Header names in lower case; repeated headers keep their first value. */
export type Headers = Readonly<Record<string, string | undefined>>;

export type Verified =
  | {
      ok: true;
      /** Key that makes a resent delivery the same delivery. */
      dedupeKey: string;
      /** The forge's name of the event, for logs and the delivery row. */
      eventName: string;
    }
  | { ok: false; reason: string };

/** Authenticity and meaning of webhook deliveries. Pure but for the clock. */
export interface Webhooks {
  /** Why nothing that may follow these headers is authentic, or null; before the body is read. */
  refusedByHeaders(headers: Headers, now: Date): string | null;
  /**
   * Checks the raw bytes; never throws. `projectId` is read from the body only to pick the secret. A large body
   * is checked piece by piece, and must not change until the answer is there.
   */
  verify(headers: Headers, raw: Buffer, now: Date): Promise<Verified>;
  /** Turns one payload into one event; throws only on a programming error, never on a payload. */
  normalise(headers: Headers, body: unknown): ForgeEvent;
}

export type NoteTarget = { type: 'issue' | 'change'; iid: number };

export interface StoredNote {
  id: number;
  body: string;
  authorId: number;
  discussionId: string | null;
  internal: boolean;
  createdAt: string;
  updatedAt: string;
  system: boolean;
}

export interface User {
  id: number;
  username: string;
  state: string;
}

/** A project with what people can change about it. */
export interface ProjectState extends Project {
  archived: boolean;
  visibility: string;
  /** Who may read its parts: `enabled` (whoever sees the project), `private` (members) or `disabled`; '' when not told. */
  access: { issues: string; changes: string; code: string };
  /** Nothing is merged while the newest pipeline of its head has not succeeded. */
  pipelinesMustSucceed: boolean;
}

export interface ForgeRead {
  /** The bot's own account. */
  me(): Promise<User>;
  project(idOrPath: number | string): Promise<ProjectState>;
  issue(projectId: number, iid: number): Promise<Issue & { updatedAt: string }>;
  change(projectId: number, iid: number): Promise<Change>;
  /**
   * Effective access level of a user, GitLab's numbers (Developer 30, Maintainer 40), inherited
   * membership included; 0 when the user is no active member. Any look-up error throws.
   */
  accessLevel(projectId: number, userId: number): Promise<number>;
  /** All notes, oldest first. */
  notes(projectId: number, on: NoteTarget): Promise<StoredNote[]>;
  /** File at a ref, or null when the file does not exist there. */
  file(projectId: number, path: string, ref: string): Promise<string | null>;
  /** Head of a branch with the commit's message, or null when there is no such branch. */
  branch(projectId: number, name: string): Promise<{ sha: string; message: string } | null>;
}

export interface CommitRequest {
  branch: string;
  /** The branch is created from this commit when it does not exist. */
  startSha: string;
  message: string;
  changes: readonly FileChange[];
}

export interface OpenChangeRequest {
  sourceBranch: string;
  targetBranch: string;
  title: string;
  description: string;
  labels: readonly string[];
  draft: boolean;
  removeSourceBranch: boolean;
}

export interface ForgeWrite {
  /** Posts a note; `discussionId` replies in that thread. */
  createNote(
    projectId: number,
    on: NoteTarget,
    body: string,
    options?: { discussionId?: string; internal?: boolean },
  ): Promise<{ id: number }>;
  updateNote(projectId: number, on: NoteTarget, noteId: number, body: string): Promise<void>;
  /** Awards an emoji to an issue, change or one of its notes; already awarded counts as done. */
  react(projectId: number, on: NoteTarget, noteId: number | null, name: string): Promise<void>;
  /** One commit of whole files; guards against a moved branch where the forge can. */
  commit(projectId: number, request: CommitRequest): Promise<{ sha: string }>;
  openChange(projectId: number, request: OpenChangeRequest): Promise<{ iid: number; url: string }>;
  updateChange(
    projectId: number,
    iid: number,
    patch: {
      title?: string;
      description?: string;
      addLabels?: readonly string[];
      /** Labels it does not have are left out without an error. */
      removeLabels?: readonly string[];
    },
  ): Promise<void>;
  /** The open change of a source branch, or null. */
  findChange(
    projectId: number,
    sourceBranch: string,
  ): Promise<{ iid: number; url: string; description: string } | null>;
  deleteBranch(projectId: number, name: string): Promise<void>;
}

export interface PipelineQuery {
  ref?: string;
  sha?: string;
  source?: string;
  username?: string;
  /** ISO time; pipelines created at or after it. */
  createdAfter?: string;
}

export interface ForgeCi {
  /** Starts the pipeline of a branch as the bot, with nothing but the ref (no variables, no inputs). */
  createPipeline(projectId: number, ref: string): Promise<PipelineInfo>;
  pipeline(projectId: number, pipelineId: number): Promise<PipelineInfo>;
  /** Newest first. */
  pipelines(
    projectId: number,
    query: PipelineQuery,
  ): Promise<(PipelineInfo & { createdAt: string })[]>;
  /** Ids and states of child pipelines started by trigger jobs of this one. */
  children(projectId: number, pipelineId: number): Promise<{ id: number; status: string }[]>;
  /** Jobs of one pipeline with the reason GitLab gives for a failed or stuck one. */
  jobs(
    projectId: number,
    pipelineId: number,
  ): Promise<
    { id: number; name: string; status: string; failureReason: string | null; tags: string[] }[]
  >;
  cancelPipeline(projectId: number, pipelineId: number): Promise<void>;
  /** Pipelines of a change, newest first. */
  changePipelines(projectId: number, iid: number): Promise<PipelineInfo[]>;
}

/** An approval as the forge shows it now; it carries no sha (gitlab-facts §3.3). */
export interface ApprovalInfo {
  user: { id: number; username: string };
  /** When it was given, where the forge says so. */
  at: Date | null;
}

/** What a gate needs: who approved, who worked on the change, and the merge itself. */
export interface ForgeGate {
  /** Approvals given now, and how many the forge's own rules still miss (0 on Free). */
  approvals(projectId: number, iid: number): Promise<{ given: ApprovalInfo[]; left: number }>;
  /**
   * Ids of project members who authored or committed any commit of any version of the change, and of
   * those who opened it or pushed to it. People are recognised by the commit's e-mail or name;
   * somebody who matches by name alone counts, because a wrong match only asks for another approver.
   */
  contributors(projectId: number, iid: number): Promise<number[]>;
  /** When the newest version of the change came to be; null when the forge does not say. */
  headAt(projectId: number, iid: number): Promise<Date | null>;
  /** `detailed_merge_status`; an unknown value is passed on as it is. */
  mergeStatus(projectId: number, iid: number): Promise<string>;
  /**
   * Merges exactly this head. `conflict`: the head moved or it cannot be merged now.
   * An answer that was lost is `ambiguous`: read the change's state before anything else.
   */
  merge(projectId: number, iid: number, sha: string): Promise<{ sha: string }>;
  /** Takes back all approvals; only tokens of project and group bots may, others get `denied`. */
  resetApprovals(projectId: number, iid: number): Promise<void>;
  /** A commit status; the same state again counts as done (gitlab-facts §3.6). */
  setStatus(
    projectId: number,
    sha: string,
    status: {
      name: string;
      state: 'pending' | 'success' | 'failed';
      description: string;
      ref: string;
      /** Pipeline to attach to, so that no extra external pipeline is made. */
      pipelineId: number | null;
    },
  ): Promise<void>;
}

export interface HookInfo {
  id: number;
  url: string;
  /** `executable`, `temporarily_disabled` or `disabled`. */
  alertStatus: string;
  /** Event switches that are on, by GitLab's names, e.g. `note_events`. */
  events: string[];
  signingTokenPresent: boolean;
}

/** What `connect` and `doctor` need; needs Maintainer, unlike everything above. */
export interface ForgeSetup {
  version(): Promise<{ version: string; enterprise: boolean }>;
  /** Scopes, expiry (ISO date or null) and whether the token is still active. */
  token(): Promise<{ name: string; scopes: string[]; expiresAt: string | null; active: boolean }>;
  hooks(projectId: number): Promise<HookInfo[]>;
  /** Creates or updates (when `id` is given) the project hook. */
  saveHook(
    projectId: number,
    hook: {
      id?: number;
      url: string;
      token: string;
      signingToken: string;
      events: readonly string[];
    },
  ): Promise<HookInfo>;
  labels(projectId: number): Promise<string[]>;
  createLabel(
    projectId: number,
    label: { name: string; color: string; description: string },
  ): Promise<void>;
  /** Runners the project may use, with their tags. */
  runners(
    projectId: number,
  ): Promise<{ id: number; online: boolean; tags: string[]; runUntagged: boolean }[]>;
  /** Validates the CI configuration of a ref with all includes resolved. */
  lint(
    projectId: number,
    ref: string,
  ): Promise<{ valid: boolean; errors: string[]; mergedYaml: string }>;
}

export interface Forge {
  readonly name: ForgeName;
  readonly webhooks: Webhooks;
  readonly read: ForgeRead;
  readonly poll: ForgePoll;
  readonly write: ForgeWrite;
  readonly ci: ForgeCi;
  readonly checks: ForgeChecks;
  readonly gate: ForgeGate;
  readonly review: ForgeReview;
  readonly tracker: ForgeTracker;
  readonly deploy: ForgeDeploy;
  readonly setup: ForgeSetup;
}
