/** A finding over the life of a change: one row, whatever number of looks and runs it lives through. */
import type { AgentRole } from '../../schema/wire/agent.ts';
import type { Finding } from '../../schema/wire/finding.ts';
import type { Actor } from './events.ts';

/**
 * `open`: it is there, as far as the last look could tell. `fixed`: a look at a newer head said so, or
 * its lines changed and it was not raised again. `outdated`: its file is gone. `dismissed`: people do
 * not want it.
 */
export type FindingState = 'open' | 'fixed' | 'dismissed' | 'outdated';

/** How a person said so; `earlier`: on another change, where the code was the same. */
export type DismissedHow = 'thumbs_down' | 'resolved' | 'reply' | 'earlier';

export interface Dismissal {
  how: DismissedHow;
  by: Actor;
  /** Words behind the command; data. */
  reason: string;
}

/** What is raised and told of a finding. */
export interface RaisedFinding extends Finding {
  /** Made when it was first raised; it never changes. */
  fingerprint: string;
  by: AgentRole;
}

export interface KnownFinding extends RaisedFinding {
  /** Null until it is stored; agents are given it as the number of the finding. */
  id: number | null;
  /** Grows with every judgement, so that none is made on an older one; 0 until it is stored. */
  version: number;
  state: FindingState;
  /** Hash of its lines with one more on each side; '' where the file could not be read. */
  code: string;
  threadId: string | null;
  /** As last seen, or as the bot left it. */
  threadResolved: boolean;
  firstSha: string;
  /** Head of the last look that judged it. */
  lastSha: string;
  /** One line by that look; data. */
  why: string;
  dismissal: Dismissal | null;
  /** A person opened it again: what people said before counts no more. */
  revivedAt: Date | null;
}

/** The thread of a finding as the forge shows it, with what people with rights said in it. */
export interface FindingThread {
  id: string;
  resolved: boolean;
  /** Who resolved it, when that is a person with rights; else null. */
  resolvedBy: Actor | null;
  /** The newest 👎 on its first note by a person with rights, if there is one. */
  thumbsDown: { by: Actor; at: Date } | null;
}

/** A file as it was at a commit; null when it was not there, or could not be read as text. */
export interface FileText {
  sha: string;
  path: string;
  text: string | null;
}

/** What a look needs to know to judge findings, read when its agents are done. */
export interface ReviewFacts {
  threads: readonly FindingThread[];
  files: readonly FileText[];
  /** Dismissed on other changes of the repository, on the files in question. */
  elsewhere: readonly KnownFinding[];
}

export const NO_REVIEW_FACTS: ReviewFacts = { threads: [], files: [], elsewhere: [] };

/** How much is raised: what is below or beyond is counted, not shown. */
export interface ReviewLimits {
  /** Least confidence of a finding, from 0 to 1. */
  minConfidence: number;
  /** Most findings that are open on one change. */
  maxFindings: number;
}

export const REVIEW_DEFAULTS: ReviewLimits = { minConfidence: 0.5, maxFindings: 20 };
