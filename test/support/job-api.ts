/** A GitLab that publishes keys, jobs with id tokens, and the job API that they call. */
import { generateKeyPairSync, randomUUID, sign, type KeyObject } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { exportJWK, type JWK } from 'jose';
import type { JobApiDeps } from '../../bot/http/job-auth.ts';
import { createIdTokenVerifier } from '../../bot/http/id-tokens.ts';
import { createGitLabWebhooks } from '../../bot/forge/gitlab/webhooks.ts';
import { attemptById } from '../../bot/store/attempts.ts';
import { setPipeline } from '../../bot/store/launches.ts';
import type { Store } from '../../bot/store/store.ts';
import { ClaimResponse } from '../../schema/wire/job-api.ts';
import type { JobResult } from '../../schema/wire/result.ts';
import { newWork, type Work } from './store-rows.ts';
import { newStore } from './prepared-data.ts';
import { send, startWeb, type Answer, type Web } from './web.ts';

export const AUDIENCE = 'https://bot.example';
export const BOT = 42;
export const SHA = 'a'.repeat(40);

export type Key = { privateKey: KeyObject; publicKey: KeyObject; kid: string };
export const newKey = (kid: string): Key => ({
  ...generateKeyPairSync('rsa', { modulusLength: 2048 }),
  kid,
});

/** The issuer's key unless a test says otherwise, and the header of tokens made with it. */
export const KEY = newKey('key-1');
export const HEADER = { alg: 'RS256', kid: KEY.kid, typ: 'JWT' };

/** A GitLab that does nothing but publish keys; a test may change them or take it down. */
export interface Issuer {
  url: string;
  keys: JWK[];
  status: number;
  fetches: number;
  server: Server;
}

export async function startIssuer(...keys: Key[]): Promise<Issuer> {
  const server = createServer((_request, response) => {
    issuer.fetches += 1;
    response.writeHead(issuer.status, { 'content-type': 'application/json' });
    response.end(issuer.status === 200 ? JSON.stringify({ keys: issuer.keys }) : 'no');
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const issuer: Issuer = { url, keys: [], status: 200, fetches: 0, server };
  await publish(issuer, ...keys);
  return issuer;
}

export async function publish(issuer: Issuer, ...keys: Key[]): Promise<void> {
  issuer.keys = await Promise.all(
    keys.map(async ({ publicKey, kid }) => ({
      ...(await exportJWK(publicKey)),
      kid,
      use: 'sig',
      alg: 'RS256',
    })),
  );
}

/** One part of a token. */
export const part = (value: unknown): string =>
  Buffer.from(JSON.stringify(value)).toString('base64url');
export const seconds = (): number => Math.floor(Date.now() / 1000);

/** A token signed with RSASSA-PKCS1-v1_5 and SHA-256, whatever its header says. */
export function compact(header: object, claims: unknown, key: KeyObject = KEY.privateKey): string {
  const input = `${part(header)}.${part(claims)}`;
  return `${input}.${sign('sha256', Buffer.from(input), key).toString('base64url')}`;
}

export interface Job {
  work: Work;
  parent: number;
  child: number;
  claims: Record<string, unknown>;
}

export interface JobStage {
  store: Store;
  issuer: Issuer;
  web: Web;
  /** A number not used for a pipeline or job before. */
  newId(): number;
  /** Children of every parent pipeline, as the forge would say. */
  children: Map<number, number[]>;
  /** Another process with the job API. */
  serve(of: Issuer, more?: Partial<JobApiDeps>): Promise<Web>;
  /** An attempt whose parent and child pipelines exist, and the claims of the child's job. */
  newJob(): Promise<Job>;
  /** What a good token of a job in that pipeline says. */
  claimsOf(work: Work, pipelineId: number): Record<string, unknown>;
  /** A good token with these claims. */
  token(claims: object): string;
  call(path: string, token: string | null, body?: unknown, at?: Web): Promise<Answer>;
  claim(job: Job, token?: string, at?: Web): Promise<Answer>;
  /** Claims and returns the attempt's token. */
  claimed(job: Job): Promise<string>;
  /** Everything the API may change about a job, to compare. */
  stateOf(job: Job): Promise<unknown>;
  close(): Promise<void>;
}

/** The job API over a database of its own, or over one that outlives it. */
export async function startJobStage(given?: Store): Promise<JobStage> {
  const { store, close } =
    given === undefined ? await newStore() : { store: given, close: () => Promise.resolve() };
  const issuer = await startIssuer(KEY);
  const children = new Map<number, number[]>();
  let lastId = 1_000;
  const newId = (): number => (lastId += 1);
  const gitlab = createGitLabWebhooks({
    secret: 'a-secret-for-no-webhook-at-all',
    requireSigning: true,
    signingProjects: () => true,
  });
  const serve: JobStage['serve'] = (of, more = {}) =>
    startWeb({
      db: store,
      intake: { webhooks: { gitlab, github: null } },
      jobs: {
        withhold: (result) => Promise.resolve(result),
        verifyIdToken: createIdTokenVerifier(of.url, AUDIENCE),
        childrenOf: (_project, id) =>
          Promise.resolve((children.get(id) ?? []).map((child) => ({ id: child }))),
        botUserId: () => Promise.resolve(BOT),
        publicUrl: AUDIENCE,
        ...more,
      },
    });
  const web = await serve(issuer);
  const token = (claims: object): string => compact(HEADER, claims);
  const claimsOf = (work: Work, pipelineId: number): Record<string, unknown> => ({
    iss: issuer.url,
    aud: AUDIENCE,
    sub: 'project_path:group/project:ref_type:branch:ref:main',
    jti: randomUUID(),
    iat: seconds(),
    nbf: seconds() - 5,
    exp: seconds() + 3_600,
    project_id: String(work.repo.projectId),
    job_project_id: String(work.repo.projectId),
    user_id: String(BOT),
    pipeline_id: String(pipelineId),
    pipeline_source: 'parent_pipeline',
    job_id: String(newId()),
    ref: 'main',
    ref_type: 'branch',
    sha: SHA,
  });
  const newJob = async (): Promise<Job> => {
    const work = await newWork(store);
    const [parent, child] = [newId(), newId()];
    children.set(parent, [child]);
    const pipeline = { pipelineId: parent, pipelineUrl: null, sha: SHA, claimSeconds: null };
    if (!(await setPipeline(store, work.attempt.launchId, pipeline))) throw new Error('no launch');
    return { work, parent, child, claims: claimsOf(work, child) };
  };
  const call: JobStage['call'] = (path, bearer, body, at = web) =>
    send(`${at.url}/api/job/${path}`, {
      headers: {
        ...(bearer === null ? {} : { authorization: `Bearer ${bearer}` }),
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === undefined
        ? {}
        : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    });
  const claim: JobStage['claim'] = (job, bearer = token(job.claims), at = web) =>
    call('claim', bearer, { attempt: job.work.attempt.id }, at);
  return {
    ...{ store, issuer, web, newId, children, serve, newJob, claimsOf, token, call, claim },
    claimed: async (job) => {
      const answer = await claim(job);
      if (answer.status !== 200) throw new Error(`the claim was answered with ${answer.status}`);
      return ClaimResponse.parse(answer.json).token;
    },
    stateOf: async (job) => [
      await attemptById(store, job.work.attempt.id),
      await store.query('select count(*) as n from deliveries'),
    ],
    close: async () => {
      await web.close();
      issuer.server.close();
      await close();
    },
  };
}

export const resultOf = (job: Job, more: Partial<JobResult> = {}): JobResult => ({
  version: 1,
  attempt: job.work.attempt.id,
  outcome: 'finished',
  report: { kind: 'build', selfScore: 80 },
  cause: 'Done.',
  summary: 'Did it.',
  changes: [],
  baseSha: SHA,
  checks: [],
  stats: { turns: 1, toolCalls: 1, seconds: 1, firstRequestMs: 1, model: 'test' },
  ...more,
});
