/** What the worker is made of; the composition root fills it in. */
import type { Logger } from 'pino';
import type { Agent, AgentRole } from '../../schema/wire/agent.ts';
import type { Settings } from '../../schema/wire/settings.ts';
import type { Workflow } from '../../schema/wire/workflow.ts';
import type { Actor } from '../domain/events.ts';
import type { RepoConfigView } from '../domain/snapshot.ts';
import type { Forge } from '../forge/forge.ts';
import type { Queue } from '../queue/queue.ts';
import type { Db } from '../store/db.ts';

export interface WorkerDeps {
  db: Db;
  queue: Queue;
  forge: Forge;
  settings: Settings;
  agents: Readonly<Record<AgentRole, Agent | undefined>>;
  workflows: Readonly<Record<string, Workflow | undefined>>;
  providers: readonly ('openai' | 'anthropic')[];
  parseRepoConfig: (text: string | null) => RepoConfigView;
  repoConfigPath: string;
  /** The bot's own account; read once, then remembered. */
  bot: () => Promise<Actor>;
  /** Where the forge's webhooks lead: the bot's own hook is found by it. */
  hookUrl: string;
  /** Host (and port) of the forge: links to it stay links in what the bot posts. */
  forgeHost: string;
  /** Values that must never be published. */
  ownSecrets: readonly string[];
  log: Logger;
  now: () => Date;
  /** Does nothing in a real installation; fault tests stop the process here. */
  failpoint: (name: string) => Promise<void>;
}
