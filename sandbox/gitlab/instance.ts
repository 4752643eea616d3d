/** What every part of the sandbox GitLab works on: one running instance. */
import type { CiEngine, CiHost } from '../ci/contract.ts';
import type { Background } from './background.ts';
import type { HookSender } from './hooks/sender.ts';
import type { State } from './state/state.ts';
import type { Project, User } from './state/types.ts';

export interface SandboxOptions {
  /** Folder for the bare repositories; made when it is not there. */
  dataDir: string;
  port?: number;
  host?: string;
  /** What it calls itself, when a proxy stands before it; no trailing slash. */
  publicUrl?: string;
  edition?: 'ce' | 'ee';
  version?: string;
  clock?: () => Date;
  /** The engine that runs pipelines; without it no project has CI. */
  ci?: (host: CiHost) => CiEngine;
  /** How long mergeability takes to be computed, in milliseconds. */
  mergeCheckMs?: number;
  /** `auto_disabling_web_hooks`: on as on GitLab.com (gitlab-facts §1.4). */
  autoDisableHooks?: boolean;
  /** How long a receiver of a hook may take, in milliseconds (GitLab: 10 s). */
  hookTimeoutMs?: number;
  /** Tags of the project's runners as the API shows them. */
  runners?: { tags: string[]; runUntagged: boolean }[];
}

/** A branch or tag that moved; zeros stand for made and deleted. */
export interface RefChange {
  /** Full name, `refs/heads/…` or `refs/tags/…`. */
  ref: string;
  before: string;
  after: string;
}

/** Work that one part hands to another, as GitLab's services do through Sidekiq. */
export interface Workers {
  /** Hooks, merge request versions and pipelines of a push that has landed. */
  afterPush(project: Project, user: User, changes: readonly RefChange[]): Promise<void>;
}

export interface Instance {
  readonly url: string;
  readonly edition: 'ce' | 'ee';
  readonly version: string;
  readonly dataDir: string;
  readonly mergeCheckMs: number;
  readonly autoDisableHooks: boolean;
  readonly hookTimeoutMs: number;
  readonly runners: { tags: string[]; runUntagged: boolean }[];
  readonly state: State;
  readonly background: Background;
  readonly hooks: HookSender;
  readonly workers: Workers;
  /** Absent: projects have no CI. */
  readonly ci: CiEngine | undefined;
  readonly root: User;
  now(): string;
  clock(): Date;
}
