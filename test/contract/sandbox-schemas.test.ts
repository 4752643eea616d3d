/**
 * The sandbox against GitLab's own papers: the JSON schemas its specs hold its REST answers to, and
 * its OpenAPI file. Both stand beside the repository; without them the tests are left out.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Ajv, type ValidateFunction } from 'ajv';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { PipelineRecord } from '../../sandbox/ci/contract.ts';
import { ROUTES } from '../../sandbox/gitlab/routes/all.ts';
import { answerFaults } from '../support/open-api-answers.ts';
import { openApiFile } from '../support/open-api-file.ts';
import { requestFaults } from '../support/open-api.ts';
import { createFakeCi, type FakeCi } from './sandbox-fake-ci.ts';
import { FILES, startKit, type Client, type Json, type Kit } from './sandbox-kit.ts';

const SHARED = join(import.meta.dirname, '..', '..', '..', 'shared', 'reference');
const SCHEMAS = join(SHARED, 'schemas', 'gitlab-public-api-v4');
const openApi = openApiFile() ?? '';
const there = existsSync(SCHEMAS) && openApi !== '';
if (!there) {
  process.stdout.write(
    "Left out: the sandbox's answers against GitLab's schemas and OpenAPI file.\n",
  );
}
const testThere = there ? test : test.skip;

/** Schema of the answers of a route; one of an array is named by its plural. */
const EXPECTED: readonly [method: string, path: RegExp, schema: string][] = [
  ['GET', /^\/metadata$/, 'metadata'],
  ['GET', /^\/user$/, 'user_public'],
  ['GET', /^\/users\?/, 'user_basics'],
  ['GET', /^\/projects\?simple=true/, 'projects'],
  ['GET', /^\/projects\/\d+$/, 'project'],
  ['GET', /\/members(\/all)?$/, 'members'],
  ['GET', /\/labels$/, 'labels_project_label_with_counts[]'],
  ['POST', /\/labels$/, 'labels_project_label'],
  ['GET', /\/issues(\?.*)?$/, 'issues'],
  ['POST', /\/issues$/, 'issue'],
  ['GET', /\/issues\/\d+$/, 'issue'],
  ['PUT', /\/issues\/\d+$/, 'issue'],
  ['GET', /\/notes$/, 'notes'],
  ['GET', /\/repository\/branches$/, 'branches'],
  ['GET', /\/repository\/branches\/[^/]+$/, 'branch'],
  ['GET', /\/repository\/commits(\?.*)?$/, 'commits'],
  ['GET', /\/repository\/commits\/[0-9a-f]{40}$/, 'commit_detail'],
  ['POST', /\/repository\/commits$/, 'commit_detail'],
  ['GET', /\/merge_requests(\?.*)?$/, 'merge_requests'],
  ['POST', /\/merge_requests$/, 'merge_request'],
  ['GET', /\/merge_requests\/\d+$/, 'merge_request'],
  ['PUT', /\/merge_requests\/\d+(\/merge)?$/, 'merge_request'],
  ['GET', /\/pipelines(\?.*)?$/, 'pipelines'],
  ['POST', /\/pipeline$/, 'pipeline_detail'],
  ['GET', /\/pipelines\/\d+$/, 'pipeline_detail'],
  ['GET', /\/pipelines\/\d+\/jobs$/, 'job[]'],
  ['GET', /\/jobs\/\d+$/, 'job'],
  ['GET', /\/deployments(\?.*)?$/, 'deployment[]'],
  ['GET', /\/deployments\/\d+$/, 'deployment'],
  ['GET', /\/environments$/, 'environments'],
  ['GET', /\/environments\/\d+$/, 'environment'],
  ['GET', /\/hooks$/, 'project_hooks'],
  ['POST', /\/hooks$/, 'project_hook'],
  ['GET', /\/hooks\/\d+$/, 'project_hook'],
];

/** The copies lie flat, `user/basic.json` as `user_basic.json`; points their references there. */
function flatten(node: Json, file: string, names: ReadonlySet<string>): Json {
  if (Array.isArray(node)) return node.map((one) => flatten(one, file, names));
  if (typeof node !== 'object' || node === null) return node;
  if (typeof node.$ref === 'string' && !node.$ref.startsWith('#')) {
    const flat = node.$ref.replaceAll(/\.\.?\//g, '').replaceAll('/', '_');
    const folder = file.split('_')[0] ?? '';
    const found = [flat, `${folder}_${flat}`].find((name) => names.has(name));
    return found === undefined ? {} : { $ref: found };
  }
  return Object.fromEntries(
    Object.entries(node).map(([key, value]) => [key, flatten(value, file, names)]),
  );
}

function compile(): Map<string, ValidateFunction> {
  const ajv = new Ajv({ strict: false, allErrors: true });
  ajv.addFormat('date-time', (text) =>
    /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/.test(text),
  );
  ajv.addFormat('date', /^\d{4}-\d\d-\d\d$/);
  ajv.addFormat('uri', (text) => URL.canParse(text));
  const names = new Set(readdirSync(SCHEMAS));
  for (const name of names) {
    const schema = flatten(JSON.parse(readFileSync(join(SCHEMAS, name), 'utf8')), name, names);
    // The full project shows more than the schema of its short form lists.
    if (name === 'project.json') ajv.addSchema({ ...schema, additionalProperties: true }, 'full');
    ajv.addSchema(schema, name);
  }
  const validator = (name: string): ValidateFunction => {
    const item = /^(.+)\[\]$/.exec(name)?.[1];
    if (item) return ajv.compile({ type: 'array', minItems: 1, items: { $ref: `${item}.json` } });
    const found = ajv.getSchema(name === 'project' ? 'full' : `${name}.json`);
    if (!found) throw new Error(`no schema ${name}`);
    return found as ValidateFunction;
  };
  return new Map(EXPECTED.map(([, , name]) => [name, validator(name)]));
}

let kit: Kit;
let ci: FakeCi;
let folder: string;
let schemas: Map<string, ValidateFunction>;
const faults: unknown[] = [];
const used = new Set<string>();

beforeAll(async () => {
  if (!there) return;
  schemas = compile();
  folder = await mkdtemp(join(tmpdir(), 'autodev-schemas-'));
  const files = { ...FILES, '.gitlab-ci.yml': 'unit: { script: [true] }\n' };
  kit = await startKit({ files, ci: (host) => (ci = createFakeCi(host, folder)) });
});
afterAll(async () => {
  if (!there) return;
  await kit.close();
  await rm(folder, { recursive: true, force: true });
});

/** A client that holds every good answer to its schema. */
function checked(client: Client): Client {
  return async (method, path, body) => {
    const answer = await client(method, path, body);
    expect([method, path, answer.status, answer.status >= 300 && answer.body]).toEqual([
      method,
      path,
      answer.status < 300 ? answer.status : 200,
      false,
    ]);
    const types = answerFaults(method, path, answer.body, openApi);
    if (types.length > 0) faults.push({ call: `${method} ${path}`, types });
    const row = EXPECTED.find(([verb, pattern]) => verb === method && pattern.test(path));
    const validate = row && schemas.get(row[2]);
    if (row && validate) {
      used.add(row[2]);
      if (!validate(answer.body)) {
        faults.push({ call: `${method} ${path}`, schema: row[2], errors: validate.errors });
      }
    }
    return answer;
  };
}

/** One round of everything the bot does: connect, issue, commit, merge request, pipeline, merge. */
async function walk(bot: Client, dana: Client): Promise<void> {
  const P = `/projects/${kit.project.id}`;
  for (const path of [
    '/metadata',
    '/version',
    '/user',
    '/users?username=sam',
    '/personal_access_tokens/self',
  ]) {
    await bot('GET', path);
  }
  await bot('GET', '/projects?simple=true');
  for (const path of ['', '/members', '/members/all', `/members/all/${kit.people.sam.id}`]) {
    await bot('GET', P + path);
  }
  const hook = await bot('POST', `${P}/hooks`, { url: 'http://127.0.0.1:9/', note_events: true });
  await bot('GET', `${P}/hooks/${hook.body.id}`);
  await bot('GET', `${P}/hooks`);
  await bot('POST', `${P}/labels`, { name: 'autodev', color: '#6699cc', description: 'Start' });
  await bot('GET', `${P}/labels`);
  const issue = (
    await dana('POST', `${P}/issues`, {
      title: 'Add',
      labels: 'autodev',
      assignee_ids: [kit.people.sam.id],
    })
  ).body.iid;
  await bot('GET', `${P}/issues?updated_after=2020-01-01T00:00:00Z`);
  await bot('GET', `${P}/issues/${issue}`);
  await bot('GET', `${P}/issues/${issue}/resource_label_events`);
  const note = (await bot('POST', `${P}/issues/${issue}/notes`, { body: 'status' })).body.id;
  await bot('PUT', `${P}/issues/${issue}/notes/${note}`, { body: 'status 2' });
  await bot('POST', `${P}/issues/${issue}/notes/${note}/award_emoji`, { name: 'eyes' });
  await bot('GET', `${P}/issues/${issue}/notes`);
  await bot('GET', `${P}/issues/${issue}/discussions`);
  await codeRound(bot, dana, P, issue);
  await dana('PUT', `${P}/issues/${issue}`, { state_event: 'reopen', remove_labels: 'autodev' });
  await bot('DELETE', `${P}/hooks/${hook.body.id}`);
}

async function codeRound(bot: Client, dana: Client, P: string, issue: number): Promise<void> {
  const commit = await bot('POST', `${P}/repository/commits`, {
    branch: 'autodev/1',
    start_branch: 'main',
    commit_message: 'Add',
    actions: [{ action: 'create', file_path: 'a.txt', content: 'a' }],
  });
  const sha: string = commit.body.id;
  for (const path of [
    '/repository/branches',
    '/repository/branches/autodev%2F1',
    '/repository/commits?ref_name=autodev/1',
    `/repository/commits/${sha}`,
    '/repository/files/a.txt?ref=autodev/1',
    '/repository/tree',
    '/repository/compare?from=main&to=autodev/1',
    '/ci/lint',
  ]) {
    await bot('GET', P + path);
  }
  const mr = (
    await bot('POST', `${P}/merge_requests`, {
      source_branch: 'autodev/1',
      target_branch: 'main',
      title: 'Add',
      description: `Closes #${issue}`,
      reviewer_ids: [kit.people.dana.id],
    })
  ).body.iid;
  await kit.gitlab.hooksIdle();
  const M = `${P}/merge_requests/${mr}`;
  await bot('PUT', M, { add_labels: 'autodev' });
  await bot('POST', `${M}/pipelines`);
  const started = (await bot('POST', `${P}/pipeline`, { ref: 'autodev/1' })).body.id;
  const pipeline = ci.get(started) as PipelineRecord;
  await ci.child(pipeline);
  for (const job of pipeline.jobs) job.environment = { name: 'staging', url: null };
  ci.move(pipeline, 'running');
  ci.move(pipeline, 'success');
  await kit.gitlab.hooksIdle();
  await bot('POST', `${P}/statuses/${sha}`, {
    state: 'success',
    name: 'autodev/gate',
    pipeline_id: started,
  });
  for (const path of [
    `/pipelines?ref=autodev/1`,
    `/pipelines/${started}`,
    `/pipelines/${started}/jobs`,
    `/pipelines/${started}/bridges`,
    `/pipelines/${started}/test_report`,
    `/jobs/${pipeline.jobs[0]?.id}`,
    `/jobs/${pipeline.jobs[0]?.id}/trace`,
    '/deployments?order_by=id&sort=desc&status=success&environment=staging',
    `/deployments/${kit.project.deployments[0]?.id}`,
    '/environments',
    `/environments/${kit.project.environments[0]?.id}`,
    `/repository/commits/${sha}/statuses`,
  ]) {
    await bot('GET', P + path);
  }
  await dana('POST', `${M}/approve`, { sha });
  for (const path of [
    '',
    '/approvals',
    '/versions',
    '/diffs',
    '/pipelines',
    '/closes_issues',
    '/notes',
    '/discussions',
  ]) {
    await bot('GET', M + path);
  }
  await bot('GET', `${P}/merge_requests?source_branch=autodev/1&state=opened`);
  await dana('PUT', `${M}/merge`, { sha });
  await kit.gitlab.hooksIdle();
  await bot('GET', M);
}

testThere(
  'every answer of a whole round validates, and GitLab knows every call of it',
  async () => {
    const bot = checked(kit.as(kit.people.bot));
    await walk(bot, checked(kit.as(kit.people.dana)));
    expect(faults).toEqual([]);
    expect([...used].toSorted()).toEqual(
      [...new Set(EXPECTED.map(([, , name]) => name))].toSorted(),
    );
    expect(requestFaults(kit.gitlab.calls.all, openApi)).toEqual([]);
    expect(kit.gitlab.calls.unknown()).toEqual([]);
  },
);

testThere('the sandbox serves nothing that GitLab does not', () => {
  const unknown = (calls: readonly { method: string; path: string }[]) =>
    requestFaults(
      calls.map((call) => ({ ...call, body: undefined })),
      openApi,
    )
      .filter(({ problem }) => problem === 'path: unknown')
      .map(({ call }) => call);
  const calls = ROUTES.map(({ method, path }) => ({
    method,
    path: path.replaceAll(/[:*][a-z_]+/g, '1'),
  }));
  expect(unknown(calls)).toEqual([]);
  const invented = [
    { method: 'GET', path: '/projects/1/wonders' },
    { method: 'DELETE', path: '/metadata' },
  ];
  expect(unknown(invented)).toEqual(['GET /projects/{}/wonders', 'DELETE /metadata']);
});
