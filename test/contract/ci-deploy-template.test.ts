/** ci-templates/jobs/deploy.yml: who gets its job, what the job says, and how it runs. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { Ajv } from 'ajv';
import { execFileSync } from 'node:child_process';
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
const read = (file: string): string => readFileSync(path.join(ROOT, 'ci-templates', file), 'utf8');
const TEMPLATES = {
  'ci-templates/autodev.yml': read('autodev.yml'),
  'ci-templates/jobs/deploy.yml': read('jobs/deploy.yml'),
};
const EXAMPLE = read('examples/deploy.gitlab-ci.yml');
const STAGING = { environment: 'staging', job: '.deploy' };

let root: string;
let server: ForgeServer;
const opened: CiSandbox[] = [];
beforeAll(async () => {
  root = mkdtempSync(path.join(tmpdir(), 'autodev-deploy-'));
  server = await forgeServer(root);
  bareRepository(root, 'platform/autodev', TEMPLATES);
  for (const [name, text] of Object.entries(TEMPLATES)) server.pages.set(`/${name}`, text);
});
afterEach(async () => {
  await Promise.all(opened.splice(0).map((ci) => ci.close()));
});
afterAll(async () => {
  await server.close();
  rmSync(root, { recursive: true, force: true });
});

type Where = (file: string) => object;
const LOCAL: Where = (file) => ({ local: `/ci-templates/${file}` });

/** Both templates, included the same way; deploy.yml once per set of inputs. */
function includes(where: Where, ...environments: object[]): object[] {
  const autodev = { ...where('autodev.yml'), inputs: { server: server.url, bot_user_id: '42' } };
  return [autodev, ...environments.map((inputs) => ({ ...where('jobs/deploy.yml'), inputs }))];
}

function open(files: Files, concurrency = 0): CiSandbox {
  const ci = ciSandbox({ ...TEMPLATES, ...files }, { serverUrl: server.url, concurrency });
  opened.push(ci);
  return ci;
}

/** A repository with one test job, and whatever `extra` says. */
function repository(environments: object[], extra: object = {}, concurrency = 0): CiSandbox {
  const yaml = {
    include: includes(LOCAL, ...environments),
    test: { script: ['test ! -e red'] },
    '.deploy': { script: ['echo "to $CI_ENVIRONMENT_NAME at $CI_ENVIRONMENT_URL"'] },
    ...extra,
  };
  return open({ '.gitlab-ci.yml': stringify(yaml) }, concurrency);
}

async function admitted(ci: CiSandbox, change: Partial<PipelineSpec>): Promise<string[]> {
  const result = await ci.engine.create(ci.spec(change));
  return result.ok ? result.pipeline.jobs.map(({ name }) => name) : result.errors;
}

const DEPLOY = 'autodev-deploy-staging';

describe('who gets the job', () => {
  test('pipelines of the default branch that no agent works in', async () => {
    const ci = repository([STAGING]);
    expect(await admitted(ci, { source: 'push', user: SAM })).toContain(DEPLOY);
    expect(await admitted(ci, { source: 'push', user: BOT })).toContain(DEPLOY);
    expect(await admitted(ci, { source: 'web', user: SAM })).toContain(DEPLOY);
    expect(await admitted(ci, { source: 'api', user: SAM })).toContain(DEPLOY);
    expect(await admitted(ci, { source: 'api', user: BOT })).not.toContain(DEPLOY);
    expect(await admitted(ci, { source: 'schedule', user: SAM })).toEqual(['test']);
    const sha = commitTo(ci.gitDir, 'change', { 'a.txt': 'a' });
    expect(await admitted(ci, { ref: 'change', sha, user: SAM })).toEqual(['test']);
  });

  test('no merge request pipeline', async () => {
    const rules = [{ if: '$CI_PIPELINE_SOURCE == "merge_request_event"' }];
    const ci = repository([STAGING], { test: { script: ['true'], rules } });
    const sha = commitTo(ci.gitDir, 'change', { 'a.txt': 'a' });
    const mergeRequest = { id: 9, iid: 1, sourceBranch: 'change', targetBranch: 'main' };
    const mr = { source: 'merge_request_event', ref: 'change', sha, mergeRequest };
    expect(await admitted(ci, { ...mr, user: SAM })).toEqual(['test']);
  });

  test('one job per environment, whatever the rules of the hidden job say', async () => {
    const ci = repository([STAGING, { environment: 'eu/production-1', job: '.deploy' }], {
      '.deploy': { script: ['true'], rules: [{ when: 'always' }] },
    });
    const pipeline = await ci.create();
    expect(pipeline.jobs.map(({ name, when, allowFailure }) => [name, when, allowFailure])).toEqual(
      [
        ['test', 'on_success', false],
        [DEPLOY, 'manual', true],
        ['autodev-deploy-eu/production-1', 'manual', true],
      ],
    );
  });
});

test.each<[string, Where]>([
  ['local', LOCAL],
  ['remote', (file) => ({ remote: `${server.url}/ci-templates/${file}` })],
  [
    'project',
    (file) => ({ project: 'platform/autodev', ref: 'main', file: `/ci-templates/${file}` }),
  ],
])('a %s include of both templates works in the sample', async (_form, where) => {
  const ci = open(sampleProjectFiles(...(includes(where, STAGING) as Record<string, unknown>[])));
  expect(await admitted(ci, { source: 'push', user: SAM })).toEqual(['test', DEPLOY]);
});

test('nothing runs until somebody starts it; then the script has its environment', async () => {
  const url = 'https://$CI_ENVIRONMENT_NAME.example.com';
  const ci = repository([{ ...STAGING, url: url.replace('$CI_ENVIRONMENT_NAME', 'www') }], {}, 2);
  const pipeline = await ci.run();
  expect(statuses(pipeline)).toEqual({ test: 'success', [DEPLOY]: 'manual' });
  expect(pipeline.status).toBe('success');
  const waiting = job(pipeline, DEPLOY);
  expect(ci.engine.play(waiting.id, BOT)).toBe(true);
  expect(ci.engine.play(waiting.id, BOT)).toBe(false);
  await ci.until(() => pipeline.finishedAt !== null);
  const done = job(pipeline, DEPLOY);
  expect(done).toMatchObject({
    status: 'success',
    startedBy: BOT,
    environment: { name: 'staging', url: 'https://www.example.com' },
  });
  expect(ci.log(done)).toContain('\nto staging at https://www.example.com\n');
});

test('a red test stage leaves nothing to play', async () => {
  const ci = repository([STAGING], { test: { script: ['false'] } }, 2);
  const pipeline = await ci.run();
  expect(statuses(pipeline)).toEqual({ test: 'failed', [DEPLOY]: 'skipped' });
  expect(ci.engine.play(job(pipeline, DEPLOY).id, BOT)).toBe(false);
});

test('deployments of one environment run one at a time', async () => {
  const slow = { '.deploy': { script: ['sleep 0.4'] } };
  const ci = repository([STAGING], slow, 4);
  const [first, second] = [await ci.run(), await ci.run()];
  for (const one of [first, second]) ci.engine.play(job(one, DEPLOY).id, BOT);
  await ci.until(() => job(first, DEPLOY).status === 'running');
  expect(job(second, DEPLOY).status).toBe('created');
  await ci.until(() => job(second, DEPLOY).status === 'success');
  expect(job(first, DEPLOY).status).toBe('success');
  const [a, b] = [job(first, DEPLOY), job(second, DEPLOY)];
  expect(Date.parse(b.startedAt ?? '')).toBeGreaterThanOrEqual(Date.parse(a.finishedAt ?? ''));
});

test('a retry is a new job in the place of the old one', async () => {
  const ci = repository([STAGING], {}, 2);
  const pipeline = await ci.run();
  const first = job(pipeline, DEPLOY);
  ci.engine.play(first.id, SAM);
  await ci.until(() => first.status === 'success');
  const again = ci.engine.retryJob(first.id, BOT);
  expect(again?.id).toBeGreaterThan(first.id);
  expect(ci.engine.retryJob(first.id, BOT)).toBeNull();
  await ci.until(() => again?.status === 'success');
  expect(job(pipeline, DEPLOY)).toMatchObject({ id: again?.id, startedBy: BOT });
  expect(pipeline.retried.map(({ id }) => id)).toEqual([first.id]);
});

describe('the configuration it comes to', () => {
  async function resolved(inputs: object, hidden: object = {}): Promise<Record<string, unknown>> {
    const extra = {
      stages: ['test', 'deploy', 'ship'],
      '.deploy': { script: ['true'], ...hidden },
    };
    const ci = repository([{ ...STAGING, ...inputs }], extra);
    const { errors, mergedYaml } = await ci.engine.lint(ci.spec().project, ci.sha);
    expect(errors).toEqual([]);
    return parse(mergedYaml) as Record<string, unknown>;
  }

  test('inputs reach the places they are for', async () => {
    const { [DEPLOY]: made } = await resolved({
      stage: 'ship',
      url: 'https://staging.example.com',
    });
    expect(made).toMatchObject({
      stage: 'ship',
      resource_group: 'staging',
      interruptible: false,
      environment: { name: 'staging', url: 'https://staging.example.com' },
    });
  });

  test('what the hidden job says of its environment stays', async () => {
    const { [DEPLOY]: made } = await resolved(
      {},
      { environment: { deployment_tier: 'staging' }, tags: ['deployer'], needs: [] },
    );
    expect(made).toMatchObject({
      tags: ['deployer'],
      environment: {
        name: 'staging',
        deployment_tier: 'staging',
        url: '$CI_PROJECT_URL/-/environments',
      },
    });
  });

  test.each([
    ['no environment', { environment: undefined }, /`environment` input: required value/],
    ['a name with a colon', { environment: 'a:b' }, /`environment` input.*does not match/],
    ['a job that is not hidden', { job: 'deploy' }, /`job` input.*does not match/],
    ['an address of no kind', { url: 'staging' }, /`url` input.*does not match/],
    ['a job that is not there', { job: '.nothing' }, /\.nothing is unspecified/],
  ])('refuses %s', async (_name, change, error) => {
    const ci = repository([{ ...STAGING, ...change }]);
    const { errors } = await ci.engine.lint(ci.spec().project, ci.sha);
    expect(errors).toEqual([expect.stringMatching(error)]);
  });

  test("the template, the result and the example pass GitLab's schema", async () => {
    const schemaFile = path.join(ROOT, '../shared/reference/schemas/gitlab-ci.schema.json');
    if (!existsSync(schemaFile)) {
      console.warn("GitLab's CI schema is not at hand: the template was not checked against it.");
      return;
    }
    const ajv = new Ajv({ strict: false, allErrors: true, validateFormats: false });
    const validate = ajv.compile(JSON.parse(readFileSync(schemaFile, 'utf8')) as object);
    const [header] = parseAllDocuments(TEMPLATES['ci-templates/jobs/deploy.yml']);
    const documents: [string, unknown][] = [
      ['header', header?.toJS()],
      ['jobs', await resolved({})],
      ['example', parse(EXAMPLE)],
    ];
    for (const [name, document] of documents) {
      validate(document);
      expect([name, validate.errors ?? []]).toEqual([name, []]);
    }
  });
});

test('the example has a job for each of its environments', async () => {
  const yaml = EXAMPLE.replaceAll('https://autodev.example.com/ci-templates', () => {
    return `${server.url}/ci-templates`;
  });
  const ci = open({ '.gitlab-ci.yml': yaml });
  expect(await admitted(ci, { source: 'push', user: SAM })).toEqual([
    'test',
    DEPLOY,
    'autodev-deploy-production',
  ]);
});

test('gitlab-ci-local itself runs the unmodified template', () => {
  const folder = mkdtempSync(path.join(root, 'plain-'));
  writeFiles(folder, {
    ...TEMPLATES,
    ...sampleProjectFiles(...(includes(LOCAL, STAGING) as Record<string, unknown>[])),
  });
  git(folder, 'init', '-q', '-b', 'main');
  git(folder, 'remote', 'add', 'origin', `${server.url}/group/sample.git`);
  git(folder, 'add', '-A');
  git(folder, 'commit', '-q', '-m', 'First');
  const cli = createRequire(import.meta.url).resolve('gitlab-ci-local/package.json');
  const output = execFileSync(
    process.execPath,
    [
      path.join(path.dirname(cli), 'dist/index.js'),
      '--force-shell-executor',
      `--home=${path.join(root, 'home')}`,
      '--variable=CI_PIPELINE_SOURCE=push',
      '--variable=CI_COMMIT_BRANCH=main',
      '--variable=CI_DEFAULT_BRANCH=main',
      '--ignore-predefined-vars=CI_PIPELINE_SOURCE,CI_COMMIT_BRANCH,CI_DEFAULT_BRANCH',
      DEPLOY,
    ],
    {
      cwd: folder,
      encoding: 'utf8',
      env: {
        PATH: [path.join(ROOT, 'test/support/bin'), process.env['PATH']].join(path.delimiter),
        HOME: root,
        NO_COLOR: '1',
      },
    },
  );
  expect(output).toMatch(new RegExp(`${DEPLOY}.* environment: \\{ name: staging`));
});
