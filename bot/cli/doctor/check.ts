/** The result of looking at one part of the installation, and what every check gets. */
import type { AgentsByRole } from '../../config/agent-overrides.ts';
import type { Config } from '../../config/env.ts';
import type { Installation } from '../../config/installation.ts';
import type { Forge, User } from '../../forge/forge.ts';
import type { Queue } from '../../queue/queue.ts';
import type { RepoRow } from '../../store/repos.ts';
import type { Store } from '../../store/store.ts';
import type { Settings } from '../../../schema/wire/settings.ts';
import { describeError } from '../describe-error.ts';

export type CheckStatus = 'ok' | 'warning' | 'error' | 'skipped';

export interface Check {
  /** The part, e.g. `token scope`. */
  name: string;
  /** Path of the project it is about; null for the installation. */
  project: string | null;
  status: CheckStatus;
  /** What is. */
  detail: string;
  /** The one command or setting that mends it; null when nothing is wrong. */
  fix: string | null;
}

/** What checks look at; each part can be replaced in tests. */
export interface DoctorDeps {
  config: Config;
  forge: Forge;
  files: Installation;
  openStore(): Promise<Store>;
  openQueue(store: Store): Promise<Pick<Queue, 'kind' | 'counts' | 'close'>>;
  fetch: typeof fetch;
  now: () => Date;
}

/** Facts that one check finds out and others build on. */
export interface InstallationFacts {
  /** GitLab's version; null when it does not tell. */
  version: string | null;
  bot: User;
  settings: Settings | null;
  agents: AgentsByRole | null;
}

/** One project as its checks see it. */
export interface ProjectFacts extends InstallationFacts {
  id: number;
  path: string;
  defaultBranch: string;
  /** The project's row; null when the bot does not know it or the database was not read. */
  row: RepoRow | null;
}

/** Longest wait for an answer of the bot, GitLab's key list or a model provider. */
export const ANSWER_MS = 10_000;

export function ok(name: string, detail: string): Check {
  return { name, project: null, status: 'ok', detail, fix: null };
}

export function warning(name: string, detail: string, fix: string): Check {
  return { name, project: null, status: 'warning', detail, fix };
}

export function bad(name: string, detail: string, fix: string): Check {
  return { name, project: null, status: 'error', detail, fix };
}

export function skipped(name: string, why: string): Check {
  return { name, project: null, status: 'skipped', detail: `not looked at: ${why}`, fix: null };
}

/** Runs a check; what it throws is its result, with cause and remedy. `fix` replaces the general one. */
export async function guarded(
  name: string,
  look: () => Promise<Check> | Check,
  fix?: string,
): Promise<Check> {
  try {
    return await look();
  } catch (error) {
    const described = describeError(error);
    return bad(name, described.why, fix ?? described.fix);
  }
}
