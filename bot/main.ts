/**
 * The composition root: the only place that knows every concrete part, and how they fit together.
 */
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import { hookUrl } from './cli/connect/hook-events.ts';
import { loadInstallationAgents } from './config/agent-overrides.ts';
import type { Config } from './config/env.ts';
import { createFailpoints, type Failpoint } from './config/failpoints.ts';
import { findInstallation, type Installation } from './config/installation.ts';
import { parseRepoConfig, REPO_CONFIG_PATH } from './config/repo-config.ts';
import { loadSettings, loadWorkflows } from './config/settings.ts';
import type { Actor } from './domain/events.ts';
import type { Forge } from './forge/forge.ts';
import { createGitHubWebhooks } from './forge/github/webhooks.ts';
import { createGateway } from './gateway/gateway.ts';
import { createStoreCoolDowns, createStoreLedger } from './gateway/store-ledger.ts';
import { closeHttpServer, createApp, createHttpServer } from './http/app.ts';
import { createIdTokenVerifier } from './http/id-tokens.ts';
import {
  openForge,
  openMigratedStore,
  refuseChangedWorkflows,
  secretsOf,
  VERSION,
  watchSigning,
} from './parts.ts';
import { openQueue, type Queue } from './queue/queue.ts';
import { freeLeasesOfTheDead } from './store/leases.ts';
import type { Db } from './store/db.ts';
import { forgetFaults } from './store/providers.ts';
import type { Store } from './store/store.ts';
import { withholdSecrets } from './worker/publish/secret-scan.ts';
import { requireLease } from './worker/lease.ts';
import { startWorker } from './worker/worker.ts';
import type { Settings } from '../schema/wire/settings.ts';

export type Role = 'web' | 'worker' | 'all';

export interface Bot {
  /** Where it listens; null for a pure worker. */
  url: string | null;
  /** The database it works on, for whoever runs it in the same process. */
  store: Db;
  /** Drains and stops everything; at most about 20 seconds. */
  close(): Promise<void>;
}

interface Parts {
  config: Config;
  files: Installation;
  settings: Settings;
  store: Store;
  queue: Queue;
  forge: Forge;
  /** The bot's own account, read once. */
  bot: () => Promise<Actor>;
  failpoint: Failpoint;
  log: Logger;
}

/**
 * Starts the bot in a role and resolves when it is ready for work.
 * @throws SettingsError, StoreError or the driver's error when something it stands on is missing.
 */
export async function startBot(config: Config, role: Role, log: Logger): Promise<Bot> {
  const files = findInstallation(import.meta.dirname);
  const settings = loadSettings(config.settingsFile ?? files.settingsFile);
  const settingsFile = config.settingsFile ?? files.settingsFile;
  const agents = loadInstallationAgents(config.agentsDir ?? files.agentsDir, settings, {
    settingsFile,
    forced: config.llmProvider,
  });
  const workflows = loadWorkflows(files.workflowsDir, agents);
  const failpoint = createFailpoints(config.failpoints);
  const store = await openMigratedStore(config, log);
  try {
    await refuseChangedWorkflows(store, workflows, files.workflowsDir);
  } catch (error) {
    await store.close();
    throw error;
  }
  await freeLeasesOfTheDead(store);
  await forgetFaults(store, configured(config));
  const queue = await openQueue({
    store,
    ...(config.redisUrl === null ? {} : { redisUrl: config.redisUrl }),
    log: (message, details) => log.warn({ ...details, error: String(details.error) }, message),
  });
  const signing = await watchSigning(store, log);
  const forge = openForge(config, log, signing, requireLease);
  const bot = remembered(() => forge.read.me());
  const parts: Parts = { config, files, settings, store, queue, forge, bot, failpoint, log };
  const web = role === 'worker' ? null : await startWeb(parts);
  const worker =
    role === 'web'
      ? null
      : startWorker({
          db: store,
          queue,
          forge,
          settings,
          agents,
          workflows,
          providers: configured(config),
          parseRepoConfig,
          repoConfigPath: REPO_CONFIG_PATH,
          bot,
          forgeHost: new URL(config.gitlab.url).host,
          hookUrl: hookUrl(config.publicUrl),
          ownSecrets: secretsOf(config),
          log,
          now: () => new Date(),
          failpoint,
        });
  return {
    url: web?.url ?? null,
    store,
    close: async () => {
      await Promise.all([web?.close(), worker?.close()]);
      signing.stop();
      await queue.close();
      await store.close();
    },
  };
}

async function startWeb(parts: Parts): Promise<{ url: string; close: () => Promise<void> }> {
  const { config, settings, store, queue, forge, failpoint, log } = parts;
  const common = { db: store, queue, log, failpoint, now: () => new Date() };
  const github = config.githubWebhookSecret;
  const ownSecrets = secretsOf(config);
  const gateway = createGateway({
    ledger: createStoreLedger(store, {
      installationDayMicrousd: settings.limits.installationDayUsd * 1_000_000,
    }),
    coolDowns: createStoreCoolDowns(store),
    providers: {
      openai: configured(config).includes('openai') ? config.providers.openai : null,
      anthropic: configured(config).includes('anthropic') ? config.providers.anthropic : null,
    },
    prices: settings.prices,
    log,
    now: Date.now,
  });
  let stopping = false;
  const app = createApp({
    ...common,
    version: VERSION,
    stopping: () => stopping,
    templates: {
      'autodev.yml': readFileSync(parts.files.templateFile, 'utf8'),
      'jobs/deploy.yml': readFileSync(parts.files.deployTemplateFile, 'utf8'),
    },
    intake: {
      ...common,
      webhooks: {
        gitlab: forge.webhooks,
        github: github === null ? null : createGitHubWebhooks({ secret: github }),
      },
    },
    jobs: {
      ...common,
      verifyIdToken: createIdTokenVerifier(config.idTokenIssuer, config.publicUrl),
      childrenOf: (projectId, pipelineId) => forge.ci.children(projectId, pipelineId),
      threads: forge.read,
      botUserId: async () => (await parts.bot()).id,
      publicUrl: config.publicUrl,
      withhold: (result) => withholdSecrets(result, ownSecrets),
      ci: settings.ci,
      heartbeatSeconds: settings.limits.heartbeatSeconds,
    },
    gateway: gateway.handle,
  });
  const server = createHttpServer(app).listen(config.port, config.host);
  await once(server, 'listening');
  return {
    url: `http://localhost:${(server.address() as AddressInfo).port}`,
    close: async () => {
      stopping = true;
      await sleep(config.shutdownDelayMs);
      await closeHttpServer(server);
      await gateway.close();
    },
  };
}

/** Providers that may be used: those with a key, or the one that is forced. */
function configured({ providers, llmProvider }: Config): ('openai' | 'anthropic')[] {
  const names = (['openai', 'anthropic'] as const).filter((name) => providers[name] !== null);
  return llmProvider === null ? names : names.filter((name) => name === llmProvider);
}

/** `read`, asked again only after a failure. */
function remembered<T>(read: () => Promise<T>): () => Promise<T> {
  let value: Promise<T> | null = null;
  return () => {
    value ??= read().catch((error: unknown) => {
      value = null;
      throw error;
    });
    return value;
  };
}
