/**
 * As little of the bot as an attempt needs: its database, its job API and its gateway, without a forge.
 * A runner's id token is replaced by a random one that this host itself hands out; whatever follows the
 * claim is the product's own code.
 */
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import express from 'express';
import type { AttemptSpec, RunContext } from '../bot/domain/runs.ts';
import type { NewTask } from '../bot/domain/snapshot.ts';
import { createGateway, type Gateway } from '../bot/gateway/gateway.ts';
import { createStoreCoolDowns, createStoreLedger } from '../bot/gateway/store-ledger.ts';
import type { GatewayDeps } from '../bot/gateway/types.ts';
import { ForgeError } from '../bot/forge/errors.ts';
import { createHttpServer } from '../bot/http/app.ts';
import type { JobIdentity } from '../bot/http/id-tokens.ts';
import { jobRoutes } from '../bot/http/job-api.ts';
import { createLogger } from '../bot/parts.ts';
import {
  attemptById,
  type AttemptRow,
  attemptsOfRun,
  insertAttempt,
} from '../bot/store/attempts.ts';
import { insertLaunch, setPipeline } from '../bot/store/launches.ts';
import { migrate } from '../bot/store/migrate.ts';
import { upsertRepo } from '../bot/store/repos.ts';
import { insertRun } from '../bot/store/runs.ts';
import { openStore, type Store } from '../bot/store/store.ts';
import { insertTask } from '../bot/store/tasks.ts';
import { type ModelUsage, usageOfTask } from '../bot/store/usage.ts';
import type { Settings } from '../schema/wire/settings.ts';

const PROJECT = 1;
const BOT = 1;
/** Days turn at midnight; the money of an evaluation is counted on its run instead. */
const NO_DAY_CAP_USD = 1_000_000;
const MICRO = 1_000_000;

export interface HostOptions {
  settings: Settings;
  providers: GatewayDeps['providers'];
  /** What all tries together may spend; the gateway refuses every call beyond it. */
  maxUsd: number;
  context: RunContext;
  /** Secrets of the providers, which no log line may hold. */
  secrets: readonly string[];
}

/** An attempt that waits for its job. */
export interface OpenAttempt {
  attemptId: number;
  taskId: number;
  /** For this job alone: it claims once. */
  idToken: string;
}

export interface Host {
  url: string;
  open(task: NewTask, sha: string): Promise<OpenAttempt>;
  /** The attempt as the job API left it, and what its calls used. */
  outcome(opened: OpenAttempt): Promise<{ attempt: AttemptRow; usage: ModelUsage[] }>;
  /** The gateway refused a call because all the money of the evaluation is spent or held. */
  isSpent(): Promise<boolean>;
  close(): Promise<void>;
}

/** There is no forge behind an evaluation: whatever is asked for is not there. */
const nowhere = (): Promise<never> => Promise.reject(new ForgeError('not_found', 'no forge'));
const NO_THREADS = { project: nowhere, issue: nowhere, change: nowhere, notes: nowhere };

/** Starts the host on a free port of 127.0.0.1, with a database of its own. */
export async function startHost(options: HostOptions): Promise<Host> {
  const dir = await mkdtemp(join(tmpdir(), 'autodev-eval-store-'));
  const store = await openStore({ dataDir: dir });
  await migrate(store);
  const identities = new Map<string, JobIdentity>();
  const app = express();
  const server = createHttpServer(app).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const gateway = mount(app, url, store, identities, options);
  const place = await makeRun(store, options);
  return {
    url,
    async open(task, sha) {
      const opened = await newAttempt(store, place, task, sha);
      identities.set(opened.idToken, identityOf(opened.attemptId, sha));
      return opened;
    },
    async outcome({ attemptId, taskId }) {
      const attempt = await attemptById(store, attemptId);
      if (attempt === null) throw new Error(`attempt ${attemptId} is gone`);
      return { attempt, usage: await usageOfTask(store, taskId) };
    },
    async isSpent() {
      const attempts = await attemptsOfRun(store, place.runId);
      return attempts.some(({ refusal }) => refusal?.level === 'run');
    },
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
      await gateway.close();
      await store.close();
      await rm(dir, { recursive: true, force: true });
    },
  };
}

function mount(
  app: express.Express,
  url: string,
  store: Store,
  identities: ReadonlyMap<string, JobIdentity>,
  options: HostOptions,
): Gateway {
  const { settings, providers } = options;
  const log = createLogger({ logLevel: 'error' }, options.secrets);
  app.use(
    '/api/job',
    jobRoutes({
      db: store,
      queue: { add: () => Promise.resolve() },
      withhold: (result) => Promise.resolve(result),
      verifyIdToken: (token) => {
        const identity = identities.get(token);
        return Promise.resolve(
          identity === undefined
            ? { ok: false, kind: 'refused', reason: 'not handed out here' }
            : { ok: true, identity },
        );
      },
      childrenOf: (_project, pipelineId) => Promise.resolve([{ id: childOf(pipelineId) }]),
      threads: NO_THREADS,
      botUserId: () => Promise.resolve(BOT),
      publicUrl: url,
      ci: settings.ci,
      heartbeatSeconds: settings.limits.heartbeatSeconds,
      log,
      now: () => new Date(),
      failpoint: () => Promise.resolve(),
    }),
  );
  const ledger = createStoreLedger(store, { installationDayMicrousd: NO_DAY_CAP_USD * MICRO });
  const { prices } = settings;
  const coolDowns = createStoreCoolDowns(store);
  const gateway = createGateway({ ledger, coolDowns, providers, prices, log, now: Date.now });
  app.use('/gateway', gateway.handle);
  return gateway;
}

interface Place {
  repoId: number;
  runId: number;
}

/** The one run that all tries belong to, so that its cap is the cap of the evaluation. */
async function makeRun(store: Store, { context, maxUsd }: HostOptions): Promise<Place> {
  const repo = await upsertRepo(store, {
    forge: 'gitlab',
    projectId: PROJECT,
    path: 'eval/tasks',
    defaultBranch: context.defaultBranch,
    webUrl: context.issueUrl,
  });
  const run = await insertRun(store, {
    repoId: repo.id,
    targetType: 'issue',
    targetIid: 1,
    command: 'eval',
    requesterId: BOT,
    requesterName: 'eval',
    state: 'running',
    stage: 'eval',
    capMicrousd: Math.floor(maxUsd * MICRO),
    context: { ...context, repoDayCapMicrousd: NO_DAY_CAP_USD * MICRO },
  });
  if (run === null) throw new Error('a new database cannot have an active run');
  return { repoId: repo.id, runId: run.id };
}

async function newAttempt(
  store: Store,
  { repoId, runId }: Place,
  task: NewTask,
  sha: string,
): Promise<OpenAttempt> {
  const { type, agent, capMicrousd, spec } = task;
  const row = await insertTask(store, { runId, stage: 'eval', round: 0, type, agent, capMicrousd });
  const launchId = await insertLaunch(store, { runId, repoId });
  const frozen: AttemptSpec = spec;
  const ref = spec.project.defaultBranch;
  const attempt = await insertAttempt(store, {
    ...{ taskId: row.id, launchId, runId, repoId, spec: frozen, ref, sha },
  });
  const pipelineId = parentOf(attempt.id);
  await setPipeline(store, launchId, { pipelineId, pipelineUrl: null, sha, claimSeconds: null });
  const idToken = `eval-${randomBytes(24).toString('base64url')}`;
  return { attemptId: attempt.id, taskId: row.id, idToken };
}

/** Numbers for pipelines that no forge has: a pair for each attempt. */
const parentOf = (attemptId: number): number => attemptId * 2;
const childOf = (pipelineId: number): number => pipelineId + 1;

function identityOf(attemptId: number, sha: string): JobIdentity {
  return {
    projectId: PROJECT,
    pipelineId: childOf(parentOf(attemptId)),
    jobId: attemptId,
    userId: BOT,
    ref: 'main',
    sha,
    pipelineSource: 'parent_pipeline',
    jti: `eval-${attemptId}`,
  };
}
