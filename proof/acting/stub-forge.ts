/** A GitLab in memory behind the real driver: who may do what, what is written there, and which look-ups fail. */
import { SAID } from './hooks.ts';
import pino from 'pino';
import { parseRepoConfig, REPO_CONFIG_PATH } from '../../bot/config/repo-config.ts';
import { loadAgents, loadSettings, loadWorkflows } from '../../bot/config/settings.ts';
import { createGitLabForge } from '../../bot/forge/gitlab/client.ts';
import { createGitLabWebhooks } from '../../bot/forge/gitlab/webhooks.ts';
import type { Queue } from '../../bot/queue/queue.ts';
import type { Store } from '../../bot/store/store.ts';
import type { WorkerDeps } from '../../bot/worker/deps.ts';

/** What a request of the bot is about; any of them can be made to fail. */
export const LOOKUPS = ['member', 'project', 'issue', 'change', 'file', 'branch'] as const;
export type Lookup = (typeof LOOKUPS)[number];
export type Fault = 403 | 404 | 429 | 500 | 'timeout' | 'garbage';

export interface StubForge {
  deps: WorkerDeps;
  /** Access levels by `project/user`. */
  levels: Map<string, number>;
  /** Titles and descriptions by `project/iid`; others have plain ones. */
  texts: Map<string, { title: string; description: string; confidential?: boolean }>;
  fault: { of: Lookup; is: Fault } | null;
  /** What is said to be in the configuration file; null: there is none. */
  file: string | null;
  /** Requests since it was emptied, method and path. */
  calls: string[];
  /** How far the driver’s clock is ahead, in milliseconds; its waits move it on and take no time. */
  ahead: number;
}

export const BOT = { id: 99, username: 'autodev' };
export const SHA = 'a'.repeat(40);

/** The stub and what the worker needs around it. */
export function stubForge(db: Store): StubForge {
  const root = new URL('../../config/', import.meta.url).pathname;
  const webhooks = createGitLabWebhooks({
    ...{ secret: 'a secret of the proof', requireSigning: false, signingProjects: () => false },
  });
  const forge = createGitLabForge({
    ...{ url: 'https://gitlab.example.com', token: 'glpat-x', webhooks, timeoutMs: 1_000 },
    clock: {
      now: () => Date.now() + stub.ahead,
      sleep: (ms) => Promise.resolve(void (stub.ahead += ms)),
    },
    fetch: (url, init) => Promise.resolve(answer(stub, requestOf(url, init))),
  });
  const deps: WorkerDeps = {
    ...{ db, forge, repoConfigPath: REPO_CONFIG_PATH, parseRepoConfig, ownSecrets: [] },
    queue: { add: () => Promise.resolve() } as unknown as Queue,
    settings: loadSettings(`${root}settings.yaml`),
    agents: loadAgents(`${root}agents`),
    workflows: loadWorkflows(`${root}workflows`),
    providers: ['anthropic', 'openai'],
    bot: () => Promise.resolve(BOT),
    hookUrl: 'https://bot.example/webhooks/gitlab',
    forgeHost: 'gitlab.example.com',
    log: pino({ level: 'silent' }),
    now: () => new Date(),
    failpoint: () => Promise.resolve(),
  };
  const stub: StubForge = {
    ...{ deps, levels: new Map(), texts: new Map(), fault: null, file: null, calls: [] },
    ahead: 0,
  };
  return stub;
}

type Fetched = Parameters<typeof fetch>;
function requestOf(url: Fetched[0], init: Fetched[1]): { method: string; path: string } {
  const address = url instanceof Request ? url.url : String(url);
  const method = url instanceof Request ? url.method : (init?.method ?? 'GET');
  return { method, path: new URL(address).pathname.replace('/api/v4', '') };
}

const PATHS: readonly [Lookup, RegExp][] = [
  ['member', /^\/projects\/(\d+)\/members\/all/],
  ['issue', /^\/projects\/(\d+)\/issues\/(\d+)$/],
  ['change', /^\/projects\/(\d+)\/merge_requests\/(\d+)/],
  ['file', /^\/projects\/(\d+)\/repository\/files\//],
  ['branch', /^\/projects\/(\d+)\/repository\/branches\//],
  ['project', /^\/projects\/(\d+)$/],
];

function answer(stub: StubForge, { method, path }: { method: string; path: string }): Response {
  stub.calls.push(`${method} ${path}`);
  const found = PATHS.find(([, pattern]) => pattern.test(path));
  if (found === undefined) return json(404, { message: '404 Not Found' });
  const [lookup, pattern] = found;
  const [, project = '', iid = ''] = pattern.exec(path) ?? [];
  const { fault } = stub;
  if (fault?.of === lookup) {
    if (fault.is === 'timeout') throw new DOMException('timed out', 'TimeoutError');
    if (fault.is === 'garbage') return json(200, { unexpected: true });
    return json(fault.is, { message: `${fault.is}` });
  }
  switch (lookup) {
    case 'member': {
      const user = /(\d+)$/.exec(path)?.[1] ?? '';
      const level = stub.levels.get(`${project}/${user}`) ?? 0;
      if (level === 0) return json(404, { message: '404 Not found' });
      const member = { id: Number(user), access_level: level, state: 'active' };
      return json(200, path.endsWith(user) ? member : [member]);
    }
    case 'project':
      return json(200, projectOf(Number(project)));
    case 'issue':
      return json(200, issueOf(stub, project, iid));
    case 'change':
      return json(404, { message: '404 Not found' });
    case 'file': {
      if (stub.file === null) return json(404, { message: '404 File Not Found' });
      const content = Buffer.from(stub.file).toString('base64');
      return json(200, { content, encoding: 'base64' });
    }
    case 'branch':
      return json(200, { name: 'main', commit: { id: SHA, message: 'x' } });
  }
}

const projectOf = (id: number): object => ({
  ...{ id, path_with_namespace: `group/p${id}`, default_branch: 'main', archived: false },
  web_url: `https://gitlab.example.com/group/p${id}`,
  visibility: 'private',
});

function issueOf(stub: StubForge, project: string, iid: string): object {
  const known = stub.texts.get(`${project}/${iid}`);
  return {
    ...{ id: 1, iid: Number(iid), project_id: Number(project), ...SAID },
    ...{ state: 'opened', labels: [], author: { id: 1000 }, type: 'ISSUE' },
    ...{ confidential: false, updated_at: '2026-11-26T10:00:00Z', issue_type: 'issue' },
    web_url: `https://gitlab.example.com/group/p${project}/-/issues/${iid}`,
    ...known,
  };
}

const json = (status: number, body: unknown): Response =>
  new Response(JSON.stringify(body), { status, headers: { 'content-type': 'application/json' } });
