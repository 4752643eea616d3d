/** The bot's own services: its address, the running process, database and queue. */
import { loadAgents, loadWorkflows } from '../../config/settings.ts';
import { refuseChangedWorkflows, VERSION } from '../../parts.ts';
import { StoreError } from '../../store/errors.ts';
import { pendingMigrations } from '../../store/migrate.ts';
import { allRepos, type RepoRow } from '../../store/repos.ts';
import type { Store } from '../../store/store.ts';
import { causeOf } from '../describe-error.ts';
import { checkCoolDowns } from './provider-checks.ts';
import {
  ANSWER_MS,
  bad,
  guarded,
  ok,
  skipped,
  warning,
  type Check,
  type DoctorDeps,
} from './check.ts';

/** Projects whose checks run when none is named. */
const MAX_PROJECTS = 200;

/** Names under which a machine reaches only itself. */
function isLoopback(url: string): boolean {
  const { hostname } = new URL(url);
  return /^(localhost|.+\.localhost|127(\.\d{1,3}){3}|\[::1\]|0\.0\.0\.0)$/.test(hostname);
}

/** Whether GitLab and its runners can use the address at all. */
export function checkPublicUrl({ config }: DoctorDeps): Check {
  const { publicUrl, gitlab } = config;
  const fix =
    'set AUTODEV_PUBLIC_URL to the address under which GitLab and its runners reach the bot';
  if (isLoopback(publicUrl)) {
    return isLoopback(gitlab.url)
      ? ok('public URL', `${publicUrl}, on the same machine as GitLab`)
      : warning('public URL', `${publicUrl} leads GitLab and its runners to themselves`, fix);
  }
  if (publicUrl.startsWith('http://') && gitlab.url.startsWith('https://')) {
    return warning(
      'public URL',
      `${publicUrl} is not encrypted: tokens of jobs travel in the clear`,
      'put the bot behind TLS and set AUTODEV_PUBLIC_URL to its https:// address',
    );
  }
  return ok('public URL', publicUrl);
}

/** Whether the bot runs and answers at its public address. */
export async function checkBot(deps: DoctorDeps): Promise<Check> {
  const url = `${deps.config.publicUrl}/healthz`;
  const start = 'start it with autodev serve, or correct AUTODEV_PUBLIC_URL';
  try {
    const signal = AbortSignal.timeout(ANSWER_MS);
    const response = await deps.fetch(url, { signal, redirect: 'manual' });
    const to = response.headers.get('location');
    if (response.status >= 300 && response.status < 400 && to !== null) {
      const fix = 'set AUTODEV_PUBLIC_URL to where it leads: webhooks are not redirected';
      return bad('bot', `${url} redirects to ${to}`, fix);
    }
    const health = readHealth(await response.text());
    if (!response.ok || health.status !== 'ok') {
      return bad('bot', `${url} answers ${response.status}, but not as AutoDev`, start);
    }
    if (health.version === VERSION) return ok('bot', `runs at ${deps.config.publicUrl}`);
    const versions = `the bot runs ${health.version}, this command is ${VERSION}`;
    return warning('bot', versions, 'restart the bot with the new version');
  } catch (error) {
    return bad('bot', `${url} does not answer: ${causeOf(error)}`, start);
  }
}

function readHealth(text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}

export interface StorageLook {
  checks: Check[];
  /** Projects of the database; null when it could not be read. */
  repos: RepoRow[] | null;
}

/** Database and queue, opened for this look and closed again; nothing is migrated. */
export async function checkStorage(deps: DoctorDeps): Promise<StorageLook> {
  let store: Store;
  try {
    store = await deps.openStore();
  } catch (error) {
    if (error instanceof StoreError && error.code === 'data_dir_locked') {
      return { checks: await askRunningBot(deps), repos: null };
    }
    const { databaseUrl, dataDir } = deps.config;
    const check =
      databaseUrl === null
        ? bad('database', causeOf(error), `check the folder ${dataDir} (AUTODEV_DATA_DIR)`)
        : bad(
            'database',
            `${placeOf(databaseUrl)}: ${causeOf(error)}`,
            'start PostgreSQL or correct DATABASE_URL',
          );
    return { checks: [check, skipped('queue', 'it needs the database')], repos: null };
  }
  try {
    const { check, migrated } = await checkSchema(deps, store);
    const queue = migrated
      ? await checkQueue(deps, store)
      : skipped('queue', 'the database is not migrated');
    const repos = migrated ? await allRepos(store, 'gitlab', MAX_PROJECTS) : null;
    const more = migrated
      ? [await checkTemplatesUsed(deps, store), ...(await checkCoolDowns(deps, store))]
      : [];
    return { checks: [check, queue, ...more], repos };
  } finally {
    await store.close();
  }
}

async function checkSchema(
  deps: DoctorDeps,
  store: Store,
): Promise<{ check: Check; migrated: boolean }> {
  const kind = store.kind === 'pglite' ? 'embedded (PGlite)' : 'PostgreSQL';
  try {
    const pending = await pendingMigrations(store, deps.files.migrationsDir);
    if (pending.length === 0) {
      return { check: ok('database', `${kind}, up to date`), migrated: true };
    }
    const detail = `${kind} answers, but lacks ${count(pending.length, 'migration')}`;
    return { check: warning('database', detail, 'run autodev migrate'), migrated: false };
  } catch (error) {
    const fix = 'the message says which file or version belongs there; then run autodev migrate';
    return { check: bad('database', `${kind}: ${causeOf(error)}`, fix), migrated: false };
  }
}

/** Whether the bot would start: a version of a template never changes its meaning. */
async function checkTemplatesUsed({ config, files }: DoctorDeps, store: Store): Promise<Check> {
  return guarded(
    'workflow versions',
    async () => {
      const agents = loadAgents(config.agentsDir ?? files.agentsDir);
      const workflows = loadWorkflows(files.workflowsDir, agents);
      await refuseChangedWorkflows(store, workflows, files.workflowsDir);
      return ok('workflow versions', 'every template is as runs have used it');
    },
    'raise the version that the line above names, or bring the file back as it was',
  );
}

async function checkQueue(deps: DoctorDeps, store: Store): Promise<Check> {
  const { redisUrl } = deps.config;
  const fix =
    redisUrl === null
      ? 'the queue lives in the database: let its user create the schema bullmq'
      : 'start Redis or correct REDIS_URL';
  try {
    const queue = await deps.openQueue(store);
    try {
      const { waiting = 0, active = 0, delayed = 0 } = await queue.counts();
      const jobs = count(waiting + active + delayed, 'job');
      return ok('queue', `on ${queue.kind}, ${jobs}`);
    } finally {
      await queue.close();
    }
  } catch (error) {
    const where = redisUrl === null ? 'in the database' : placeOf(redisUrl);
    return bad('queue', `${where}: ${causeOf(error)}`, fix);
  }
}

/** The embedded database has one user at a time; when that is the bot, the bot itself is asked. */
async function askRunningBot(deps: DoctorDeps): Promise<Check[]> {
  const inUse = 'in use by a running bot';
  const ready = await readiness(deps);
  if (ready === null) {
    return [ok('database', `embedded (PGlite), ${inUse}`), skipped('queue', inUse)];
  }
  const restart = 'restart the bot; its log says what went wrong';
  return [
    ready.database === true
      ? ok('database', `embedded (PGlite), ${inUse}, which says that it answers`)
      : bad('database', `${inUse}, which says that it does not answer`, restart),
    ready.queue === true
      ? ok('queue', `on ${String(ready.backend)}, ${inUse}, which says that it answers`)
      : bad('queue', `${inUse}, which says that it does not answer`, restart),
  ];
}

async function readiness(deps: DoctorDeps): Promise<Record<string, unknown> | null> {
  try {
    const signal = AbortSignal.timeout(ANSWER_MS);
    const response = await deps.fetch(`${deps.config.publicUrl}/readyz`, { signal });
    const ready = readHealth(await response.text());
    return 'database' in ready ? ready : null;
  } catch {
    // Whether the bot answers is the matter of another check.
    return null;
  }
}

/** Host and path of a URL, without user and password. */
function placeOf(url: string): string {
  const { host, pathname } = new URL(url);
  return `${host}${pathname}`;
}

function count(number: number, what: string): string {
  return `${number} ${what}${number === 1 ? '' : 's'}`;
}
