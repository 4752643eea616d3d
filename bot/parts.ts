/** The concrete parts that more than one command needs: store, forge, logger. */
import { join } from 'node:path';
import pino, { type Logger } from 'pino';
import type { Config } from './config/env.ts';
import { findInstallation } from './config/installation.ts';
import { SettingsError } from './config/settings-error.ts';
import type { Forge } from './forge/forge.ts';
import { createGitLabForge } from './forge/gitlab/client.ts';
import { createGitLabWebhooks } from './forge/gitlab/webhooks.ts';
import type { Db } from './store/db.ts';
import { migrate } from './store/migrate.ts';
import { markHookSigns, signingProjectIds } from './store/repos.ts';
import { openStore, type Store } from './store/store.ts';
import { changedWorkflows } from './store/workflow-versions.ts';
import type { Workflow } from '../schema/wire/workflow.ts';

export const VERSION = '0.1.0';

/** How often the list of hooks that must sign is read again. */
const SIGNING_REFRESH_MS = 10_000;

/** The store of a configuration, migrated. */
export async function openMigratedStore(config: Config, log: Logger): Promise<Store> {
  const store = await openStore({
    dataDir: config.dataDir,
    ...(config.databaseUrl === null ? {} : { databaseUrl: config.databaseUrl }),
    log: (message, error) => log.warn({ error: String(error) }, message),
  });
  await migrate(store, findInstallation(import.meta.dirname).migrationsDir);
  return store;
}

/**
 * A run keeps its template, and two runs of one version mean the same (docs/tables.md).
 * @throws SettingsError naming the file of every template that runs have used with other stages.
 */
export async function refuseChangedWorkflows(
  store: Db,
  workflows: Readonly<Record<string, Workflow | undefined>>,
  dir: string,
): Promise<void> {
  const loaded = Object.values(workflows).filter((workflow) => workflow !== undefined);
  const changed = await changedWorkflows(store, loaded);
  if (changed.length === 0) return;
  const lines = changed.map(
    ({ name, version, next }) =>
      `${join(dir, `${name}.yaml`)}: runs have used version ${version} with other stages; raise version to ${next}`,
  );
  throw new SettingsError(lines.join('\n'));
}

/** The GitLab of a configuration; `signing` knows and hears which projects' hooks sign. */
export function openForge(
  config: Config,
  log: Logger,
  signing: Pick<SigningWatch, 'has' | 'saw'> = { has: () => false, saw: () => undefined },
  beforeWrite?: () => Promise<void>,
): Forge {
  const webhooks = createGitLabWebhooks({
    secret: config.webhookSecret,
    requireSigning: config.requireSigning,
    signingProjects: signing.has,
    sawSigned: signing.saw,
  });
  return createGitLabForge({
    url: config.gitlab.url,
    token: config.gitlab.token,
    webhooks,
    userAgent: `autodev/${VERSION}`,
    log,
    ...(beforeWrite === undefined ? {} : { beforeWrite }),
  });
}

/** A logger that never prints the configuration's secrets, wherever they turn up. */
export function createLogger(config: Pick<Config, 'logLevel'>, secrets: readonly string[]): Logger {
  const hide = (line: string): string =>
    secrets.reduce((text, secret) => (secret === '' ? text : text.replaceAll(secret, '***')), line);
  return pino(
    { level: config.logLevel, base: null, timestamp: pino.stdTimeFunctions.isoTime },
    { write: (line: string) => void process.stderr.write(hide(line)) },
  );
}

/** Values of a configuration that must never be logged or published. */
export function secretsOf(config: Config): string[] {
  const keys = Object.values(config.providers).flatMap((entry) => (entry ? [entry.apiKey] : []));
  return [
    config.gitlab.token,
    config.webhookSecret,
    config.githubWebhookSecret ?? '',
    ...keys,
    ...passwordsIn(config.databaseUrl),
    ...passwordsIn(config.redisUrl),
  ].filter((secret) => secret !== '');
}

/** Shorter passwords are words, and words stand in logs and in code. */
const MIN_PASSWORD = 12;

/** The password of a URL, as it is written there and as it is meant. */
function passwordsIn(url: string | null): string[] {
  if (url === null || !URL.canParse(url)) return [];
  const { password } = new URL(url);
  const meant = /%(?![0-9a-f]{2})/i.test(password) ? password : decodeURIComponent(password);
  return [...new Set([password, meant])].filter(({ length }) => length >= MIN_PASSWORD);
}

/** Which projects' hooks must sign, followed while the bot runs (gitlab-facts §1.2). */
export interface SigningWatch {
  has(projectId: number): boolean;
  /** A delivery of the project was seen with a valid signature: from now on its hook must sign. */
  saw(projectId: number): void;
  stop(): void;
}

/** Reads the list and follows it; it changes nothing but `hook_signs` of projects. */
export async function watchSigning(
  store: Db,
  log: Logger,
  everyMs = SIGNING_REFRESH_MS,
): Promise<SigningWatch> {
  let known = new Set(await signingProjectIds(store));
  /** Seen here, not read back from the database yet; a project may have no row so far. */
  const unsaved = new Set<number>();
  const refresh = async (): Promise<void> => {
    for (const projectId of unsaved) await markHookSigns(store, projectId);
    const ids = new Set(await signingProjectIds(store));
    for (const projectId of ids) unsaved.delete(projectId);
    known = ids.union(unsaved);
  };
  // The last known list goes on to hold: a hook that signs never falls back.
  const failed = (error: unknown): void =>
    log.warn({ error: String(error) }, 'signing projects not read or noted');
  const timer = setInterval(() => void refresh().catch(failed), everyMs);
  timer.unref();
  return {
    has: (projectId) => known.has(projectId),
    saw: (projectId) => {
      if (known.has(projectId)) return;
      known.add(projectId);
      unsaved.add(projectId);
      markHookSigns(store, projectId).catch(failed);
    },
    stop: () => clearInterval(timer),
  };
}
