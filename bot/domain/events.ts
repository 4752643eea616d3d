/** Everything that can happen, normalised: the only input of decide besides the snapshot. */
import type { JobResult } from '../../schema/wire/result.ts';

export type ForgeName = 'gitlab' | 'github';

/**
 * A person or bot on the forge; always judged by the numeric id, the name is for people (and '' where
 * the payload names only the id). Id 0: the payload does not say who it was; nobody has that id.
 */
export interface Actor {
  id: number;
  username: string;
}

export interface Project {
  forge: ForgeName;
  id: number;
  path: string;
  defaultBranch: string;
  webUrl: string;
}

export interface Issue {
  iid: number;
  title: string;
  /** Markdown as the payload carries it; a hint only, work uses the text re-read by API. */
  description: string;
  state: 'opened' | 'closed';
  labels: string[];
  authorId: number | null;
  confidential: boolean;
  /** `Issue`, `Task`, `Epic`, `Incident`, … as the forge names it. */
  type: string;
  url: string;
}

/** A merge request or pull request. */
export interface Change {
  iid: number;
  title: string;
  /** Markdown by its author; what is said of issues holds here, too. */
  description: string;
  state: 'opened' | 'closed' | 'merged' | 'locked';
  draft: boolean;
  sourceBranch: string;
  targetBranch: string;
  sourceProjectId: number | null;
  targetProjectId: number | null;
  headSha: string;
  /** The commit it became on the target branch; null until it is merged. */
  mergedSha: string | null;
  labels: string[];
  authorId: number | null;
  url: string;
}

export interface Note {
  id: number;
  body: string;
  discussionId: string | null;
  system: boolean;
  /** Internal note, or a note on a confidential item. */
  confidential: boolean;
  /** The forge says a bot account wrote it (GitHub's `user.type`); GitLab does not say. */
  byBot: boolean;
  url: string;
}

export type NoteSubject =
  | { type: 'issue'; issue: Issue }
  | { type: 'change'; change: Change }
  | { type: 'commit'; sha: string }
  | { type: 'other'; name: string };

/** GitLab's statuses; GitHub's are mapped onto them. Unknown ones pass through as text. */
export interface PipelineInfo {
  id: number;
  status: string;
  ref: string;
  sha: string;
  source: string;
  parentPipelineId: number | null;
  changeIid: number | null;
  url: string;
}

export interface JobInfo {
  id: number;
  name: string;
  status: string;
  pipelineId: number;
  failureReason: string | null;
}

/** Events that come from a forge's webhook. */
export type ForgeEvent =
  | {
      kind: 'issue';
      action: 'opened' | 'updated' | 'closed' | 'reopened';
      project: Project;
      actor: Actor;
      issue: Issue;
      /** When it happened, by the forge's clock (ISO); null where the forge does not say. */
      at: string | null;
      labelsAdded: string[];
      labelsRemoved: string[];
      textChanged: boolean;
    }
  | {
      kind: 'note';
      /** `unknown`: GitLab before 16.11 did not say; such hooks fired for new notes only. */
      action: 'created' | 'edited' | 'unknown';
      project: Project;
      actor: Actor;
      note: Note;
      on: NoteSubject;
    }
  | {
      kind: 'change';
      action:
        | 'opened'
        | 'updated'
        | 'closed'
        | 'reopened'
        | 'merged'
        /** One approval given / taken back; says nothing about the rules being met. */
        | 'approved'
        | 'unapproved';
      project: Project;
      actor: Actor;
      change: Change;
      /** Set only when the update brought new commits (gitlab-facts §2.3). */
      oldHeadSha: string | null;
      labelsAdded: string[];
      labelsRemoved: string[];
    }
  | { kind: 'pipeline'; project: Project; actor: Actor | null; pipeline: PipelineInfo }
  | { kind: 'job'; project: Project; job: JobInfo }
  | {
      kind: 'emoji';
      action: 'awarded' | 'revoked';
      project: Project;
      actor: Actor;
      name: string;
      on: {
        type: 'issue' | 'change' | 'note' | 'other';
        iid: number | null;
        noteId: number | null;
      };
    }
  | {
      kind: 'push';
      project: Project;
      actor: Actor;
      ref: string;
      tag: boolean;
      /** Null for a created / deleted ref. */
      before: string | null;
      after: string | null;
    }
  | {
      kind: 'token_expiring';
      project: Project | null;
      token: { name: string; userId: number; expiresAt: string };
    }
  | {
      /** Something authentic that the bot has no use for; stored with its reason, never an error. */
      kind: 'ignored';
      /** The forge's own name of it, e.g. `wiki_page`, `installation.created`. */
      of: string;
      reason: string;
    };

/** Why an attempt ended without a result. */
export type AttemptLoss =
  | 'no_heartbeat'
  | 'no_runner'
  | 'pipeline_failed'
  | 'pipeline_cancelled'
  | 'pipeline_refused'
  | 'deadline';

/** Events the bot makes itself; they go through the same inbox. */
export type InternalEvent =
  | { kind: 'attempt_claimed'; runId: number; attemptId: number }
  | { kind: 'job_result'; runId: number; attemptId: number; result: JobResult }
  | { kind: 'attempt_lost'; runId: number; attemptId: number; loss: AttemptLoss; detail: string }
  | { kind: 'effect_settled'; runId: number; effectId: number }
  | { kind: 'wake'; runId: number }
  /** The epic that the run was started for has ended. */
  | { kind: 'epic_ended'; runId: number; epicIid: number }
  /** The moment until which a run was deferred has come, by the clock of the database. */
  | { kind: 'resume_due'; runId: number; until: string };

export type Event = ForgeEvent | InternalEvent;
