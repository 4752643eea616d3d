import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { Ajv } from 'ajv';
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { parse, parseAllDocuments, stringify } from 'yaml';
import type { PipelineSpec } from '../../sandbox/ci/contract.ts';
import { sampleProjectFiles } from '../../sandbox/sample-project.ts';
import type { CiSandbox, Files } from '../support/ci-sandbox.ts';
import {
  BOT,
  SAM,
  bareRepository,
  ciSandbox,
  commitTo,
  git,
  job,
  statuses,
  writeFiles,
} from '../support/ci-sandbox.ts';
import { forgeServer } from '../support/forge-server.ts';
import type { ForgeServer } from '../support/forge-server.ts';

const ROOT = path.resolve(import.meta.dirname, '../..');
const BIN = path.join(ROOT, 'test/support/bin');
const TEMPLATE = readFileSync(path.join(ROOT, 'ci-templates/autodev.yml'), 'utf8');
const EXAMPLES = ['project', 'remote', 'local'].map(
  (form) =>
    [
      form,
      readFileSync(path.join(ROOT, `ci-templates/examples/include-${form}.gitlab-ci.yml`), 'utf8'),
    ] as const,
);

const LOCAL = { local: '/ci-templates/autodev.yml' };
const CHILD = stringify({
  workflow: { rules: [{ when: 'always' }] },
  'autodev-agent': {
    inherit: { default: false, variables: false },
    variables: { AUTODEV_SERVER: 'BOT-URL' },
    id_tokens: { AUTODEV_ID_TOKEN: { aud: 'BOT-URL' } },
    rules: [{ when: 'on_success' }],
    script: ['autodev-job run'],
  },
});

let root: string;
let server: ForgeServer;
const opened: CiSandbox[] = [];
beforeAll(async () => {
  root = mkdtempSync(path.join(tmpdir(), 'autodev-templates-'));
  server = await forgeServer(root);
  bareRepository(root, 'platform/autodev', { 'ci-templates/autodev.yml': TEMPLATE });
  server.pages.set('/ci-templates/autodev.yml', TEMPLATE);
  server.pages.set('/plan', CHILD.replaceAll('BOT-URL', server.url));
  server.pages.set('/run', 'the agent ran');
});
afterEach(async () => {
  server.requests.length = 0;
  await Promise.all(opened.splice(0).map((ci) => ci.close()));
});
afterAll(async () => {
  await server.close();
  rmSync(root, { recursive: true, force: true });
});

function inputs(more: object = {}): object {
  return { server: server.url, bot_user_id: '42', ...more };
}

/** The sample project with the template included; jobs stay unstarted unless told otherwise. */
function sample(include: object, files: Files = {}, concurrency = 0): CiSandbox {
  const ci = ciSandbox(
    {
      'ci-templates/autodev.yml': TEMPLATE,
      ...sampleProjectFiles({ ...include }),
      ...files,
    },
    { serverUrl: server.url, concurrency, imagePath: [BIN] },
  );
  opened.push(ci);
  return ci;
}

/** Names of the jobs a pipeline gets, or why there is no pipeline. */
async function admitted(ci: CiSandbox, change: Partial<PipelineSpec>): Promise<string[]> {
  const result = await ci.engine.create(ci.spec(change));
  return result.ok ? result.pipeline.jobs.map(({ name }) => name) : result.errors;
}

const NOBODY = [expect.stringContaining('rules configuration prevented any jobs')];
const BOTH = ['autodev-plan', 'autodev-run'];

describe('who gets the jobs', () => {
  const mergeRequest = { id: 9, iid: 1, sourceBranch: 'change', targetBranch: 'main' };

  test('by source and user', async () => {
    const ci = sample({ ...LOCAL, inputs: inputs() });
    expect(await admitted(ci, { source: 'push', user: SAM })).toEqual(['test']);
    expect(await admitted(ci, { source: 'push', user: BOT })).toEqual(['test']);
    expect(await admitted(ci, { source: 'api', user: BOT })).toEqual(BOTH);
    expect(await admitted(ci, { source: 'api', user: SAM })).toEqual(NOBODY);
    const sha = commitTo(ci.gitDir, 'change', { 'a.txt': 'a' });
    const mr = { source: 'merge_request_event', ref: 'change', sha, mergeRequest };
    expect(await admitted(ci, { ...mr, user: BOT })).toEqual(['test']);
    expect(await admitted(ci, { ...mr, user: SAM })).toEqual(['test']);
  });

  test('merge request pipelines of the bot, when asked for', async () => {
    const ci = sample({ ...LOCAL, inputs: inputs({ merge_requests: true }) });
    const sha = commitTo(ci.gitDir, 'change', { 'a.txt': 'a' });
    const mr = { source: 'merge_request_event', ref: 'change', sha, mergeRequest };
    expect(await admitted(ci, { ...mr, user: BOT })).toEqual(['autodev-reports', 'test']);
    expect(await admitted(ci, { ...mr, user: SAM })).toEqual(['test']);
    expect(await admitted(ci, { source: 'api', user: BOT })).toEqual(BOTH);
  });

  test('a job that extends the hidden job runs for people as before', async () => {
    const [, example = ''] = EXAMPLES.find(([form]) => form === 'local') ?? [];
    const ci = sample({}, { '.gitlab-ci.yml': example });
    expect(await admitted(ci, { source: 'push', user: SAM })).toEqual(['test']);
    expect(await admitted(ci, { source: 'api', user: BOT })).toEqual(BOTH);
  });
});

describe('every form of include', () => {
  const forms: [string, () => object][] = [
    ['local', () => LOCAL],
    ['remote', () => ({ remote: `${server.url}/ci-templates/autodev.yml` })],
    [
      'project',
      () => ({ project: 'platform/autodev', ref: 'main', file: '/ci-templates/autodev.yml' }),
    ],
  ];
  test.each(forms)('%s', async (_form, include) => {
    const ci = sample({ ...include(), inputs: inputs() });
    expect(await admitted(ci, { source: 'api', user: BOT })).toEqual(BOTH);
  });
});

test('plan, child and agent run in the sandbox, each with its own id token', async () => {
  const ci = sample({ ...LOCAL, inputs: inputs({ strategy: 'mirror' }) }, {}, 2);
  ci.projectVariables['PROJECT_SECRET'] = 'not for printing';
  const pipeline = await ci.run({ source: 'api', user: BOT });
  expect(statuses(pipeline)).toEqual({ 'autodev-plan': 'success', 'autodev-run': 'success' });
  const child = ci.engine.get(job(pipeline, 'autodev-run').downstreamPipelineId ?? 0);
  const agent = job(child ?? pipeline, 'autodev-agent');
  expect(ci.log(agent)).toContain('\nthe agent ran\n');
  const plan = job(pipeline, 'autodev-plan');
  expect(server.requests).toEqual([
    `/plan Bearer id:${pipeline.id}:${plan.id}:${server.url}`,
    `/run Bearer id:${child?.id}:${agent.id}:${server.url}`,
  ]);
});

test('a refused plan fails the pipeline and starts no child', async () => {
  const ci = sample({ ...LOCAL, inputs: inputs() }, {}, 2);
  server.pages.delete('/plan');
  try {
    const pipeline = await ci.run({ source: 'api', user: BOT });
    expect(statuses(pipeline)).toEqual({ 'autodev-plan': 'failed', 'autodev-run': 'skipped' });
  } finally {
    server.pages.set('/plan', CHILD.replaceAll('BOT-URL', server.url));
  }
});

describe('the configuration it comes to', () => {
  async function resolved(
    change: object,
    extra: object = {},
  ): Promise<Record<string, Record<string, unknown>>> {
    const yaml = stringify({
      ...extra,
      include: [{ ...LOCAL, inputs: inputs(change) }],
      build: { script: ['true'], stage: 'build' },
    });
    const ci = sample({}, { '.gitlab-ci.yml': yaml });
    const { errors, mergedYaml } = await ci.engine.lint(ci.spec().project, ci.sha);
    expect(errors).toEqual([]);
    return parse(mergedYaml) as Record<string, Record<string, unknown>>;
  }

  test('nothing the repository says about jobs in general reaches the jobs', async () => {
    const own = await resolved(
      {},
      {
        default: {
          before_script: ['evil'],
          after_script: ['evil'],
          image: 'evil',
          tags: ['evil'],
          cache: { paths: ['evil'] },
          retry: 2,
        },
        variables: { EVIL: 'yes', GIT_STRATEGY: 'clone' },
      },
    );
    for (const name of [...BOTH, 'autodev-reports']) {
      expect(JSON.stringify(own[name])).not.toMatch(/evil|retry":2/i);
      expect(own[name]).toMatchObject({ inherit: { default: false, variables: false } });
    }
    expect(own['autodev-plan']).not.toHaveProperty('cache');
  });

  test('inputs reach the places they are for', async () => {
    const jobs = await resolved({
      image: 'registry.example.com/job:2',
      stage: 'deploy',
      tags: ['a', 'b'],
      strategy: 'mirror',
      timeout: '90 seconds',
    });
    expect(jobs['autodev-plan']).toMatchObject({
      image: { name: 'registry.example.com/job:2' },
      stage: 'deploy',
      tags: ['a', 'b'],
      timeout: '90 seconds',
      id_tokens: { AUTODEV_ID_TOKEN: { aud: server.url } },
    });
    expect(jobs['autodev-run']).toMatchObject({ stage: 'deploy', trigger: { strategy: 'mirror' } });
  });

  test.each([
    ['no server', { server: undefined }, /`server` input: required value/],
    ['a server that is no URL', { server: 'http://x" evil' }, /`server` input.*does not match/],
    [
      'a user name instead of an id',
      { bot_user_id: 'autodev' },
      /`bot_user_id` input.*does not match/,
    ],
    ['an unknown strategy', { strategy: 'wait' }, /`strategy` input.*not in the list/],
  ])('refuses %s', async (_name, change, error) => {
    const include = { ...LOCAL, inputs: { ...inputs(), ...change } };
    const ci = sample(include);
    const { errors } = await ci.engine.lint(ci.spec().project, ci.sha);
    expect(errors).toEqual([expect.stringMatching(error)]);
  });

  test("the template, the result and the examples pass GitLab's schema", async () => {
    const schemaFile = path.join(ROOT, '../shared/reference/schemas/gitlab-ci.schema.json');
    if (!existsSync(schemaFile)) {
      console.warn("GitLab's CI schema is not at hand: the templates were not checked against it.");
      return;
    }
    const ajv = new Ajv({ strict: false, allErrors: true, validateFormats: false });
    const validate = ajv.compile(JSON.parse(readFileSync(schemaFile, 'utf8')) as object);
    const [header] = parseAllDocuments(TEMPLATE);
    const { stages: _stages, ...jobs } = await resolved({ strategy: 'mirror' });
    const documents: [string, unknown][] = [
      ['header', header?.toJS()],
      ['jobs', jobs],
      ...EXAMPLES.map(([form, text]): [string, unknown] => [form, parse(text)]),
    ];
    for (const [name, document] of documents) {
      validate(document);
      expect([name, validate.errors ?? []]).toEqual([name, []]);
    }
  });
});

test('parent and child run unmodified under gitlab-ci-local itself', async () => {
  const folder = mkdtempSync(path.join(root, 'plain-'));
  writeFiles(folder, {
    'ci-templates/autodev.yml': TEMPLATE,
    ...sampleProjectFiles({ ...LOCAL, inputs: inputs() }),
  });
  git(folder, 'init', '-q', '-b', 'main');
  git(folder, 'remote', 'add', 'origin', `${server.url}/group/sample.git`);
  git(folder, 'add', '-A');
  git(folder, 'commit', '-q', '-m', 'First');
  const cli = createRequire(import.meta.url).resolve('gitlab-ci-local/package.json');
  const child = spawn(
    process.execPath,
    [
      path.join(path.dirname(cli), 'dist/index.js'),
      '--force-shell-executor',
      `--home=${path.join(root, 'home')}`,
      '--variable=GITLAB_USER_ID=42',
      '--variable=CI_PIPELINE_SOURCE=api',
      '--ignore-predefined-vars=GITLAB_USER_ID,CI_PIPELINE_SOURCE',
    ],
    {
      cwd: folder,
      // It makes no id tokens; the environment reaches parent and child.
      env: {
        PATH: [BIN, process.env['PATH']].join(path.delimiter),
        HOME: root,
        NO_COLOR: '1',
        AUTODEV_ID_TOKEN: 'from the environment',
      },
    },
  );
  let output = '';
  child.stdout.on('data', (chunk) => (output += String(chunk)));
  child.stderr.on('data', (chunk) => (output += String(chunk)));
  const code = await new Promise((resolve) => child.on('close', resolve));
  expect([code, output]).toEqual([0, output]);
  expect(output).toMatch(/autodev-agent\s+> the agent ran/);
  expect(output).not.toMatch(/^test\s+> /m);
  expect(server.requests).toEqual([
    '/plan Bearer from the environment',
    '/run Bearer from the environment',
  ]);
});
