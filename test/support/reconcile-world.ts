/**
 * A sandbox GitLab, a database and the worker's parts between them, so that a test decides what comes by
 * webhook, what by the poll, when and how often. Effects stay rows: nobody applies them.
 */
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import pino from 'pino';
import { parseRepoConfig, REPO_CONFIG_PATH } from '../../bot/config/repo-config.ts';
import { loadAgents, loadSettings, loadWorkflows } from '../../bot/config/settings.ts';
import { createGitLabForge } from '../../bot/forge/gitlab/client.ts';
import { createGitLabWebhooks } from '../../bot/forge/gitlab/webhooks.ts';
import type { ForgeCall } from '../../bot/forge/gitlab/requester.ts';
import type { Queue } from '../../bot/queue/queue.ts';
import { dueDeliveries, insertDelivery } from '../../bot/store/deliveries.ts';
import { upsertRepo, type RepoRow } from '../../bot/store/repos.ts';
import type { Store } from '../../bot/store/store.ts';
import type { WorkerDeps } from '../../bot/worker/deps.ts';
import { handleDelivery } from '../../bot/worker/handle-event.ts';
import { newMemory, reconcileNext } from '../../bot/worker/reconcile.ts';
import { startSandboxGitLab, type SandboxGitLab } from '../../sandbox/gitlab/server.ts';
import type { SandboxOptions } from '../../sandbox/gitlab/instance.ts';
import type { Project, User } from '../../sandbox/gitlab/state/types.ts';
import { newStore } from './prepared-data.ts';
import { dueIds } from './store-rows.ts';

const LEVELS = { autodev: 40, dana: 40, sam: 30, lee: 30, rita: 20 } as const;
export type Who = keyof typeof LEVELS;

/** A webhook that GitLab sent and the bot did not get yet. */
export interface SentHook {
  event: string;
  body: string;
  key: string;
}

export interface ReconcileWorld {
  gitlab: SandboxGitLab;
  store: Store;
  deps: WorkerDeps;
  /** Requests of the bot to the forge so far. */
  calls: ForgeCall[];
  /** Log lines at info and above. */
  log: string[];
  people: Record<Who, User>;
  /** A project with a hook, and its row as `autodev connect` leaves it. */
  project(name: string): Promise<{ project: Project; repo: RepoRow }>;
  rest(who: Who, method: string, where: string, body?: object): Promise<unknown>;
  /** Webhooks GitLab sent for a project so far. */
  hooks(project: Project): Promise<SentHook[]>;
  /** Lets the bot get a webhook and work on it; returns what became of it. */
  receive(hook: SentHook): Promise<string>;
  /** Polls a project now, whether or not its turn has come; works on nothing. */
  poll(repo: RepoRow): Promise<'polled' | 'failed' | 'idle'>;
  /** Works on everything that is in the inbox. */
  work(): Promise<void>;
  /** Verdicts of the runs of an issue, oldest first; null while one is active. */
  runs(repo: RepoRow, iid: number): Promise<(string | null)[]>;
  close(): Promise<void>;
}

export async function startReconcileWorld(
  options: { everySeconds: number } & Partial<SandboxOptions>,
): Promise<ReconcileWorld> {
  const { everySeconds, ...sandbox } = options;
  const folder = await mkdtemp(path.join(tmpdir(), 'autodev-reconcile-'));
  const [{ store, close: closeStore }, gitlab, mailbox] = await Promise.all([
    newStore(),
    startSandboxGitLab({ dataDir: path.join(folder, 'gitlab'), ...sandbox }),
    openMailbox(),
  ]);
  const { api } = gitlab;
  const names = Object.keys(LEVELS) as Who[];
  const people = Object.fromEntries(
    names.map((username) => [username, api.createUser({ username, bot: username === 'autodev' })]),
  ) as Record<Who, User>;
  const tokens = Object.fromEntries(
    names.map((name) => [name, api.createToken(people[name]).value]),
  ) as Record<Who, string>;
  const calls: ForgeCall[] = [];
  const log: string[] = [];
  const deps = workerDeps(store, everySeconds, mailbox.url, {
    url: gitlab.url,
    token: tokens.autodev,
    onCall: (call) => calls.push(call),
    log: (line) => log.push(line),
    bot: people.autodev,
  });
  const rest: ReconcileWorld['rest'] = async (who, method, where, body) => {
    const response = await fetch(`${gitlab.url}/api/v4${where}`, {
      method,
      headers: { 'PRIVATE-TOKEN': tokens[who], 'Content-Type': 'application/json' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${where}: ${response.status} ${text}`);
    return text === '' ? null : JSON.parse(text);
  };
  const memory = newMemory();
  return {
    ...{ gitlab, store, deps, calls, log, people, rest },
    project: async (name) => {
      const project = await api.createProject({ path: `reconcile/${name}` });
      for (const who of names) api.addMember(project, people[who], LEVELS[who]);
      await rest('autodev', 'POST', `/projects/${project.id}/hooks`, {
        url: mailbox.url,
        push_events: false,
        issues_events: true,
        note_events: true,
        merge_requests_events: true,
      });
      const repo = await upsertRepo(store, {
        forge: 'gitlab',
        projectId: project.id,
        path: project.path,
        defaultBranch: project.defaultBranch,
        webUrl: `${gitlab.url}/${project.path}`,
      });
      return { project, repo };
    },
    hooks: async (project) => {
      await gitlab.hooksIdle();
      return mailbox.got.filter(({ body }) => projectOf(body) === project.id);
    },
    receive: async ({ event, body, key }) => {
      const { id } = await insertDelivery(store, {
        source: 'gitlab',
        dedupeKey: key,
        eventName: event,
        headers: { 'x-gitlab-event': event },
        body,
      });
      await handleDelivery(id, deps);
      const [row] = await store.query<{ state: string }>(
        'select state from deliveries where id = $1',
        [id],
      );
      return row?.state ?? 'lost';
    },
    poll: async (repo) => {
      await store.query(`update repos set next_poll_at = now() + interval '1 day' where id <> $1`, [
        repo.id,
      ]);
      await store.query('update repos set next_poll_at = now() where id = $1', [repo.id]);
      return reconcileNext(memory, deps);
    },
    work: async () => {
      for (const id of await dueIds(dueDeliveries, store, 1000)) await handleDelivery(id, deps);
    },
    runs: async (repo, iid) => {
      const rows = await store.query<{ verdict: { kind: string } | null }>(
        'select verdict from runs where repo_id = $1 and target_iid = $2 order by id',
        [repo.id, iid],
      );
      return rows.map(({ verdict }) => verdict?.kind ?? null);
    },
    close: async () => {
      await gitlab.close();
      await mailbox.close();
      await closeStore();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

function workerDeps(
  store: Store,
  everySeconds: number,
  hookUrl: string,
  forge: {
    url: string;
    token: string;
    onCall: (call: ForgeCall) => void;
    log: (line: string) => void;
    bot: User;
  },
): WorkerDeps {
  const root = new URL('../../config/', import.meta.url).pathname;
  const settings = loadSettings(`${root}settings.yaml`);
  const webhooks = createGitLabWebhooks({
    secret: 'a secret of the test',
    requireSigning: false,
    signingProjects: () => false,
  });
  const { url, token, onCall, bot } = forge;
  return {
    db: store,
    queue: { add: () => Promise.resolve() } as unknown as Queue,
    forge: createGitLabForge({ url, token, webhooks, onCall }),
    settings: { ...settings, limits: { ...settings.limits, reconcileSeconds: everySeconds } },
    agents: loadAgents(`${root}agents`),
    workflows: loadWorkflows(`${root}workflows`),
    providers: ['anthropic', 'openai'],
    parseRepoConfig,
    repoConfigPath: REPO_CONFIG_PATH,
    bot: () => Promise.resolve({ id: bot.id, username: bot.username }),
    hookUrl,
    forgeHost: new URL(url).host,
    ownSecrets: [],
    log: pino({ level: 'info' }, { write: forge.log }),
    now: () => new Date(),
    failpoint: () => Promise.resolve(),
  };
}

function projectOf(body: string): unknown {
  return (JSON.parse(body) as { project?: { id?: unknown } }).project?.id;
}

/** Where GitLab's webhooks end up until a test hands them to the bot. */
async function openMailbox(): Promise<{
  url: string;
  got: SentHook[];
  close(): Promise<unknown>;
}> {
  const got: SentHook[] = [];
  const server = createServer((request, response) => {
    const parts: Buffer[] = [];
    request.on('data', (part: Buffer) => parts.push(part));
    request.on('end', () => {
      got.push({
        event: String(request.headers['x-gitlab-event']),
        key: String(request.headers['idempotency-key']),
        body: Buffer.concat(parts).toString('utf8'),
      });
      response.end();
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/webhooks/gitlab`,
    got,
    close: () => {
      server.closeAllConnections();
      return new Promise((resolve) => server.close(resolve));
    },
  };
}
