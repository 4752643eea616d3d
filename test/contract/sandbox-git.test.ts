/** Git over smart HTTP with the real git client: clone, push, protected branches, job tokens, CI. */
import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { createLocalJWKSet, createRemoteJWKSet, jwtVerify } from 'jose';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { PipelineRecord } from '../../sandbox/ci/contract.ts';
import { createFakeCi, type FakeCi } from './sandbox-fake-ci.ts';
import {
  ALL_EVENTS,
  client,
  FILES,
  startKit,
  startReceiver,
  type Client,
  type Json,
  type Kit,
} from './sandbox-kit.ts';

const run = promisify(execFile);
const P = '/projects/acme%2Fapp';
let kit: Kit;
let ci: FakeCi;
let folder: string;
let receiver: Awaited<ReturnType<typeof startReceiver>>;
let dana: Client;
let sam: Client;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'autodev-git-'));
  kit = await startKit({
    files: { ...FILES, '.gitlab-ci.yml': 'unit: { script: [true] }\n' },
    ci: (host) => (ci = createFakeCi(host, folder)),
    runners: [{ tags: ['autodev'], runUntagged: false }],
  });
  receiver = await startReceiver();
  dana = kit.as(kit.people.dana);
  sam = kit.as(kit.people.sam);
  await dana('POST', `${P}/hooks`, { ...ALL_EVENTS, url: receiver.url });
});
afterAll(async () => {
  await kit.close();
  await receiver.close();
  await rm(folder, { recursive: true, force: true });
});

const ENV = {
  PATH: process.env['PATH'] ?? '',
  HOME: '/nonexistent',
  GIT_CONFIG_NOSYSTEM: '1',
  GIT_CONFIG_GLOBAL: '/dev/null',
  GIT_TERMINAL_PROMPT: '0',
  GIT_AUTHOR_NAME: 'Sam',
  GIT_AUTHOR_EMAIL: 'sam@example.com',
  GIT_COMMITTER_NAME: 'Sam',
  GIT_COMMITTER_EMAIL: 'sam@example.com',
};
const git = (cwd: string, ...args: string[]) => run('git', args, { cwd, env: ENV });

function remote(user: string, secret: string, path = 'acme/app'): string {
  return kit.gitlab.url.replace('http://', `http://${user}:${secret}@`) + `/${path}.git`;
}

let clones = 0;
async function clone(url: string): Promise<string> {
  const name = `clone-${(clones += 1)}`;
  await git(folder, 'clone', '-q', url, name);
  return join(folder, name);
}

async function commit(at: string, file: string, content: string): Promise<string> {
  await writeFile(join(at, file), content);
  await git(at, 'add', '-A');
  await git(at, 'commit', '-q', '-m', `Write ${file}`);
  return (await git(at, 'rev-parse', 'HEAD')).stdout.trim();
}

const samRemote = () => remote('oauth2', kit.gitlab.api.createToken(kit.people.sam).value);

test('clone and push by token: the branch, its Push Hook and its pipeline are there', async () => {
  const at = await clone(samRemote());
  await git(at, 'checkout', '-q', '-b', 'topic');
  const sha = await commit(at, 'a.txt', 'a');
  await git(at, 'push', '-q', 'origin', 'topic');
  await kit.gitlab.hooksIdle();
  expect((await sam('GET', `${P}/repository/branches/topic`)).body.commit.id).toBe(sha);
  expect(receiver.of('Push Hook').at(-1)?.body).toMatchObject({ after: sha, user_username: 'sam' });
  const pipelines = (await sam('GET', `${P}/pipelines?sha=${sha}`)).body;
  expect(pipelines).toMatchObject([{ source: 'push', ref: 'topic', status: 'created' }]);
  const mr = { source_branch: 'topic', target_branch: 'main', title: 'Topic' };
  const { iid } = (await sam('POST', `${P}/merge_requests`, mr)).body;
  await kit.gitlab.hooksIdle();
  const next = await commit(at, 'b.txt', 'b');
  await git(at, 'push', '-q', 'origin', 'topic');
  await kit.gitlab.hooksIdle();
  const updates = receiver
    .of('Merge Request Hook')
    .map((one) => one.body)
    .filter((one) => one.object_attributes.action === 'update');
  const withOldrev = updates.filter((one) => one.object_attributes.oldrev !== undefined);
  expect(withOldrev.map((one) => one.object_attributes.oldrev)).toEqual([sha]);
  expect(updates.some((one) => one.changes.head_pipeline_id !== undefined)).toBe(true);
  const shown = (await sam('GET', `${P}/merge_requests/${iid}`)).body;
  expect(shown.sha).toBe(next);
  expect(shown.head_pipeline).toMatchObject({
    source: 'merge_request_event',
    ref: `refs/merge-requests/${iid}/head`,
  });
});

test('pushes are refused: protected branch, no rights, wrong token, nobody', async () => {
  const at = await clone(samRemote());
  await commit(at, 'main.txt', 'x');
  await expect(git(at, 'push', '-q', 'origin', 'main')).rejects.toThrow(/protected branches/);
  await expect(git(at, 'push', '-q', 'origin', ':main')).rejects.toThrow(/protected branches/);
  const guest = remote('oauth2', kit.gitlab.api.createToken(kit.people.gus).value);
  await expect(git(folder, 'ls-remote', guest)).rejects.toThrow(/not found|404/);
  await expect(git(folder, 'ls-remote', remote('oauth2', 'wrong'))).rejects.toThrow(
    /Authentication/,
  );
  const anonymous = `${kit.gitlab.url}/acme/app.git`;
  await expect(git(folder, 'ls-remote', anonymous)).rejects.toThrow();
  const reader = kit.gitlab.api.createToken(kit.people.sam, { scopes: ['read_repository'] });
  await git(at, 'checkout', '-q', '-b', 'no-scope');
  const refused = git(at, 'push', '-q', remote('oauth2', reader.value), 'no-scope');
  await expect(refused).rejects.toThrow(/403/);
});

test('job tokens read while the job runs, and write nowhere', async () => {
  const { body } = await dana('POST', `${P}/pipeline`, { ref: 'main' });
  const pipeline = ci.get(body.id) as PipelineRecord;
  const job = pipeline.jobs[0] as PipelineRecord['jobs'][0];
  const token = ci.host.jobToken(pipeline, job);
  const at = await clone(remote('gitlab-ci-token', token));
  await git(at, 'checkout', '-q', '-b', 'from-job');
  await commit(at, 'job.txt', 'x');
  await expect(git(at, 'push', '-q', 'origin', 'from-job')).rejects.toThrow(/403/);
  const byJob = client(kit.gitlab.url, { 'JOB-TOKEN': token });
  expect((await byJob('GET', `${P}/repository/files/README.md/raw?ref=main`)).status).toBe(200);
  await dana('POST', `${P}/issues`, { title: 'x' });
  for (const [method, path, input] of [
    ['POST', `${P}/issues/1/notes`, { body: 'x' }],
    ['POST', `${P}/merge_requests`, { source_branch: 'a', target_branch: 'main', title: 'a' }],
    ['POST', `${P}/repository/branches`, { branch: 'x', ref: 'main' }],
    ['POST', `${P}/pipeline`, { ref: 'main' }],
    ['GET', `${P}/issues`, undefined],
  ] as const) {
    expect([path, (await byJob(method, path, input)).status]).toEqual([path, 401]);
  }
  ci.move(pipeline, 'success');
  expect((await byJob('GET', `${P}/repository/files/README.md/raw?ref=main`)).status).toBe(401);
});

test('id tokens: RS256, string ids, this job, verifiable by the published keys', async () => {
  const { body } = await dana('POST', `${P}/pipeline`, { ref: 'main' });
  const pipeline = ci.get(body.id) as PipelineRecord;
  const job = pipeline.jobs[0] as PipelineRecord['jobs'][0];
  const token = await ci.host.idToken(pipeline, job, 'https://bot.example.com');
  const discovery = (await (
    await fetch(`${kit.gitlab.url}/.well-known/openid-configuration`)
  ).json()) as Json;
  expect(discovery.issuer).toBe(kit.gitlab.url);
  const keys = createRemoteJWKSet(new URL(discovery.jwks_uri));
  const rules = {
    issuer: kit.gitlab.url,
    audience: 'https://bot.example.com',
    algorithms: ['RS256'],
  };
  const { payload } = await jwtVerify(token, keys, rules);
  expect(payload).toMatchObject({
    project_id: String(kit.project.id),
    job_project_id: String(kit.project.id),
    project_path: 'acme/app',
    pipeline_id: String(pipeline.id),
    pipeline_source: 'api',
    job_id: String(job.id),
    ref: 'main',
    ref_protected: 'true',
    sha: pipeline.spec.sha,
    user_login: 'dana',
    user_access_level: 'maintainer',
    sub: 'project_path:acme/app:ref_type:branch:ref:main',
  });
  await expect(jwtVerify(token, createLocalJWKSet({ keys: [] }), rules)).rejects.toThrow();
});

test('pipelines by API: rights, variables, children, hooks, cancel and retry', async () => {
  receiver.clear();
  const protectedRef = await sam('POST', `${P}/pipeline`, { ref: 'main' });
  expect([protectedRef.status, protectedRef.body.message.base[0]]).toEqual([
    400,
    expect.stringMatching(/sufficient permission to run a pipeline on 'main'/),
  ]);
  const variables = [{ key: 'X', value: '1' }];
  expect((await dana('POST', `${P}/pipeline`, { ref: 'main', variables })).body).toEqual({
    message: { base: ['Insufficient permissions to set pipeline variables'] },
  });
  await dana('PUT', P, { ci_pipeline_variables_minimum_override_role: 'maintainer' });
  const allowed = await dana('POST', `${P}/pipeline`, { ref: 'main', variables, inputs: { n: 1 } });
  expect(allowed.status).toBe(201);
  const pipeline = ci.get(allowed.body.id) as PipelineRecord;
  expect(pipeline.spec).toMatchObject({ variables: { X: '1' }, inputs: { n: '1' }, source: 'api' });
  const child = await ci.child(pipeline);
  ci.move(child, 'running');
  ci.move(child, 'failed');
  ci.move(pipeline, 'running');
  await kit.gitlab.hooksIdle();
  const ids = async (query: string) =>
    (await dana('GET', `${P}/pipelines?${query}`)).body.map((one: Json) => one.id);
  expect(await ids('per_page=1')).toEqual([pipeline.id]);
  expect(await ids('source=parent_pipeline')).toEqual([child.id]);
  const bridges = (await dana('GET', `${P}/pipelines/${pipeline.id}/bridges`)).body;
  expect(bridges[0].downstream_pipeline).toMatchObject({ id: child.id, status: 'failed' });
  const jobs = (await dana('GET', `${P}/pipelines/${child.id}/jobs`)).body;
  expect(jobs).toMatchObject([
    { name: 'unit', status: 'failed', failure_reason: 'script_failure' },
  ]);
  const hooks = receiver.of('Pipeline Hook').map((one) => one.body);
  const last = hooks.findLast((one) => one.object_attributes.id === child.id);
  expect(last).toMatchObject({
    object_kind: 'pipeline',
    object_attributes: { status: 'failed', source: 'parent_pipeline', ref: 'main' },
    source_pipeline: { pipeline_id: pipeline.id, project: { id: kit.project.id } },
    builds: [{ name: 'unit', status: 'failed' }],
  });
  expect(hooks.find((one) => one.object_attributes.id === pipeline.id)).not.toHaveProperty(
    'source_pipeline',
  );
  expect(receiver.of('Job Hook').at(-1)?.body).toMatchObject({
    object_kind: 'build',
    build_name: 'unit',
    build_status: 'running',
    pipeline_id: pipeline.id,
    commit: { id: pipeline.id },
  });
  expect((await sam('POST', `${P}/pipelines/${pipeline.id}/cancel`)).body.status).toBe('canceled');
  expect((await sam('POST', `${P}/pipelines/${pipeline.id}/retry`)).body.status).toBe('running');
  expect((await dana('GET', `${P}/pipelines/${pipeline.id}/jobs`)).body).toHaveLength(1);
  const all = await dana('GET', `${P}/pipelines/${pipeline.id}/jobs?include_retried=true`);
  expect(all.body).toHaveLength(2);
});

test('lint: of a ref, and of a text that leaves no branch behind', async () => {
  const ofRef = await dana('GET', `${P}/ci/lint?content_ref=main`);
  expect(ofRef.body).toMatchObject({ valid: true, merged_yaml: 'unit: { script: [true] }\n' });
  const before = (await dana('GET', `${P}/repository/branches`)).body;
  const ofText = await dana('POST', `${P}/ci/lint`, { content: 'other: { script: [true] }\n' });
  expect(ofText.body.merged_yaml).toBe('other: { script: [true] }\n');
  expect((await dana('GET', `${P}/repository/branches`)).body).toEqual(before);
});

test('a pipeline the workflow filters out is none: no hook, no row, 400 by API', async () => {
  await kit.gitlab.hooksIdle();
  receiver.clear();
  ci.refuse.add('push').add('api');
  const before = ci.list(kit.project.id).length;
  const at = await clone(samRemote());
  await git(at, 'checkout', '-q', '-b', 'quiet');
  await commit(at, 'q.txt', 'q');
  await git(at, 'push', '-q', 'origin', 'quiet');
  await kit.gitlab.hooksIdle();
  const refused = await dana('POST', `${P}/pipeline`, { ref: 'quiet' });
  ci.refuse.clear();
  expect([refused.status, refused.body.message.base]).toEqual([
    400,
    [expect.stringMatching(/filtered out/)],
  ]);
  expect(ci.list(kit.project.id)).toHaveLength(before);
  expect(receiver.of('Pipeline Hook')).toEqual([]);
});

test('auto-merge waits for the pipeline, and a gate status holds a merge on Free', async () => {
  const at = await clone(samRemote());
  await git(at, 'checkout', '-q', '-b', 'auto');
  const sha = await commit(at, 'auto.txt', 'x');
  await git(at, 'push', '-q', 'origin', 'auto');
  const mr = { source_branch: 'auto', target_branch: 'main', title: 'Auto' };
  const { iid } = (await sam('POST', `${P}/merge_requests`, mr)).body;
  await kit.gitlab.hooksIdle();
  await dana('PUT', P, { only_allow_merge_if_pipeline_succeeds: true });
  const path = `${P}/merge_requests/${iid}`;
  expect((await dana('GET', path)).body.detailed_merge_status).toBe('ci_still_running');
  expect((await dana('PUT', `${path}/merge`, { sha })).status).toBe(405);
  const waiting = await dana('PUT', `${path}/merge`, { sha, auto_merge: true });
  expect(waiting.body).toMatchObject({ state: 'opened', merge_when_pipeline_succeeds: true });
  const head = ci.get((await dana('GET', path)).body.head_pipeline.id) as PipelineRecord;
  const gate = { state: 'pending', name: 'autodev/gate', pipeline_id: head.id };
  expect((await sam('POST', `${P}/statuses/${sha}`, gate)).status).toBe(201);
  const again = await sam('POST', `${P}/statuses/${sha}`, gate);
  expect([again.status, again.body.message]).toEqual([
    400,
    'Cannot transition status via :enqueue from :pending',
  ]);
  ci.move(head, 'running');
  ci.move(head, 'success');
  await kit.gitlab.hooksIdle();
  expect((await dana('GET', path)).body.state).toBe('opened');
  await sam('POST', `${P}/statuses/${sha}`, { ...gate, state: 'success' });
  await kit.gitlab.hooksIdle();
  expect((await dana('GET', path)).body.state).toBe('merged');
});

test('a commit status goes by id and ref; a merge request pipeline has a ref of its own', async () => {
  const at = await clone(samRemote());
  await git(at, 'checkout', '-q', '-b', 'status');
  const sha = await commit(at, 'status.txt', 'x');
  await git(at, 'push', '-q', 'origin', 'status');
  const mr = { source_branch: 'status', target_branch: 'main', title: 'Status' };
  const { iid } = (await sam('POST', `${P}/merge_requests`, mr)).body;
  await kit.gitlab.hooksIdle();
  const rows = (await sam('GET', `${P}/merge_requests/${iid}/pipelines`)).body;
  const own = rows.find((one: Json) => one.source === 'merge_request_event');
  const send = (more: Json) =>
    sam('POST', `${P}/statuses/${sha}`, { state: 'success', name: 'autodev/gate', ...more });
  const byId = await send({ pipeline_id: own.id });
  expect([byId.status, byId.body.pipeline_id]).toEqual([201, own.id]);
  expect((await send({ pipeline_id: own.id, ref: `refs/merge-requests/${iid}/head` })).status).toBe(
    201,
  );
  const mixed = await send({ pipeline_id: own.id, ref: 'status' });
  expect([mixed.status, mixed.body.message]).toEqual([
    404,
    '404 Pipeline for pipeline_id, sha and ref Not Found',
  ]);
  const byRef = await send({ ref: 'status' });
  expect(byRef.body.pipeline_id).not.toBe(own.id);
  expect((await sam('GET', `${P}/pipelines?sha=${sha}&source=external`)).body).toEqual([]);
});

test('a commit status without a pipeline makes an external one', async () => {
  const project = await kit.gitlab.api.createProject({ path: 'acme/bare', owner: kit.people.sam });
  const base = `/projects/${project.id}`;
  const { id } = (await sam('GET', `${base}/repository/commits/main`)).body;
  await sam('POST', `${base}/statuses/${id}`, { state: 'success', name: 'autodev/gate' });
  expect((await sam('GET', `${base}/pipelines`)).body).toMatchObject([
    { source: 'external', status: 'success', sha: id, ref: 'main' },
  ]);
  const none = await sam('POST', `${base}/pipeline`, { ref: 'main' });
  expect(none.body).toEqual({ message: { base: ['Missing CI config file'] } });
});

test('public projects give raw files and clones to everybody, private ones to nobody', async () => {
  await kit.gitlab.api.createProject({
    path: 'acme/templates',
    visibility: 'public',
    files: { 'ci/autodev.yml': 'a: b\n' },
  });
  const raw = async (path: string) => {
    const response = await fetch(`${kit.gitlab.url}/${path}`);
    return [response.status, await response.text()];
  };
  expect(await raw('acme/templates/-/raw/main/ci/autodev.yml')).toEqual([200, 'a: b\n']);
  expect((await raw('acme/app/-/raw/main/README.md'))[0]).toBe(404);
  await git(folder, 'clone', '-q', `${kit.gitlab.url}/acme/templates.git`);
});
