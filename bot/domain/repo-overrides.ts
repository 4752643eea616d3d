/** What a repository changes of agents, once it is known to be allowed. */
import type { AgentRole } from '../../schema/wire/agent.ts';
import type { EngineName, ModelRoute } from '../../schema/wire/job-api.ts';

export interface RepoOverride {
  engine?: EngineName;
  models?: ModelRoute[];
  /** Each lower than the installation's. */
  limits?: { turns?: number; minutes?: number; maxCostUsd?: number };
  /** Said to the agent after its own prompt. */
  instructions?: string;
}

export type RepoOverrides = Partial<Record<AgentRole, RepoOverride>>;
