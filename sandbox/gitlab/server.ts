/** The sandbox GitLab: starts everything on one port (DESIGN §9). */
import { mkdir } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import express, { type Express } from 'express';
import type { CiEngine, CiHost } from '../ci/contract.ts';
import { createBackground } from './background.ts';
import { createCiHost } from './ci-host.ts';
import { parseGitPath, serveGit } from './git/http.ts';
import { graphqlRoutes } from './graphql/route.ts';
import { createHookSender } from './hooks/sender.ts';
import type { Instance, SandboxOptions } from './instance.ts';
import { createIssuer, type Issuer } from './oidc.ts';
import { createPages } from './pages/router.ts';
import { createCallLog, type CallLog } from './rest/call-log.ts';
import { createApi } from './rest/router.ts';
import { createWeather, type Weather } from './rest/weather.ts';
import { ROUTES } from './routes/all.ts';
import { createPipelineWatcher } from './services/pipelines.ts';
import { afterPush } from './services/pushes.ts';
import { createSetup, createToken, createUser, type Setup } from './setup.ts';
import { createState } from './state/state.ts';
import type { Token, User } from './state/types.ts';

const DEFAULT_VERSION = '18.9.0';
const DEFAULT_MERGE_CHECK_MS = 20;
/** GitLab's `webhook_timeout`. */
const DEFAULT_HOOK_TIMEOUT_MS = 10_000;

export interface SandboxGitLab {
  /** No trailing slash. */
  readonly url: string;
  readonly root: { user: User; token: Token };
  readonly api: Setup;
  readonly calls: CallLog;
  readonly weather: Weather;
  /** Failures of the sandbox itself, each a bug to be seen by a test. */
  readonly problems: readonly { name: string; error: unknown }[];
  /** Resolves when no hook is being sent and nothing else GitLab does later is left. */
  hooksIdle(): Promise<void>;
  /** A further id token of a job, as its `id_tokens:` would bring it, to try what a thief could do. */
  idToken(pipelineId: number, jobName: string, aud: string): Promise<string>;
  close(): Promise<void>;
}

/**
 * Starts a GitLab of its own on `host:port` (default 127.0.0.1 and a free port) with an administrator
 * `root`. Its memory is empty; the bare repositories lie under `dataDir`. Throws when the port is taken.
 */
export async function startSandboxGitLab(options: SandboxOptions): Promise<SandboxGitLab> {
  const clock = options.clock ?? (() => new Date());
  await mkdir(join(options.dataDir, 'repositories'), { recursive: true });
  const server = createServer();
  const host = options.host ?? '127.0.0.1';
  const own = `http://${host}:${await listen(server, options.port ?? 0, host)}`;
  const url = options.publicUrl ?? own;
  const background = createBackground();
  const weather = createWeather();
  const calls = createCallLog();
  const state = createState();
  const base = { state, clock, now: () => clock().toISOString() };
  const version = options.version ?? DEFAULT_VERSION;
  const edition = options.edition ?? 'ce';
  const hookTimeoutMs = options.hookTimeoutMs ?? DEFAULT_HOOK_TIMEOUT_MS;
  const autoDisableHooks = options.autoDisableHooks ?? true;
  const rootUser = createUser(base, { username: 'root', name: 'Administrator', admin: true });
  const gl: Instance & { ci: CiEngine | undefined } = {
    ...base,
    url,
    edition,
    version,
    dataDir: options.dataDir,
    mergeCheckMs: options.mergeCheckMs ?? DEFAULT_MERGE_CHECK_MS,
    autoDisableHooks,
    hookTimeoutMs,
    runners: options.runners ?? [],
    background,
    hooks: createHookSender({
      url,
      version,
      timeoutMs: hookTimeoutMs,
      autoDisable: autoDisableHooks,
      clock,
      background,
      weather,
      nextId: state.nextId,
    }),
    workers: { afterPush: (project, user, changes) => afterPush(gl, project, user, changes) },
    ci: undefined,
    root: rootUser,
  };
  const issuer = await createIssuer(url, clock);
  if (options.ci) gl.ci = options.ci(ciHost(gl, issuer));
  server.on('request', createApp(gl, issuer, calls, weather));
  return {
    url,
    root: { user: rootUser, token: createToken(base, rootUser, { name: 'root' }) },
    api: createSetup(gl),
    calls,
    weather,
    problems: background.problems,
    hooksIdle: () => background.idle(),
    async idToken(pipelineId, jobName, aud) {
      const pipeline = gl.ci?.get(pipelineId);
      const job = pipeline?.jobs.find(({ name }) => name === jobName);
      if (!pipeline || !job) throw new Error(`Pipeline ${pipelineId} has no job ${jobName}.`);
      return issuer.idToken(state, pipeline, job, aud);
    },
    async close() {
      await gl.ci?.close();
      weather.clear();
      await background.close();
      server.closeAllConnections();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

function ciHost(gl: Instance, issuer: Issuer): CiHost {
  return createCiHost(gl, issuer, createPipelineWatcher(gl));
}

function createApp(gl: Instance, issuer: Issuer, calls: CallLog, weather: Weather): Express {
  const app = express();
  app.disable('x-powered-by');
  app.set('query parser', 'extended');
  app.use((request, response, next) => {
    const target = parseGitPath(request.path);
    if (!target) next();
    else serveGit(gl, request, response, target).catch(next);
  });
  app.get('/oauth/discovery/keys', (_request, response) => {
    response.json(issuer.jwks);
  });
  app.get('/.well-known/openid-configuration', (_request, response) => {
    response.json(issuer.discovery);
  });
  const problem = (name: string, error: unknown): void => {
    gl.background.problems.push({ name, error });
  };
  app.use('/api/v4', createApi({ gl, routes: ROUTES, calls, weather, problem }));
  app.use('/api', createApi({ gl, routes: graphqlRoutes, calls, weather, problem }));
  app.use(createPages(gl, problem));
  return app;
}

function listen(server: Server, port: number, host: string): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => {
      server.off('error', reject);
      resolve((server.address() as AddressInfo).port);
    });
  });
}
