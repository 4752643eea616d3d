import { afterEach, describe, expect, test } from '@jest/globals';
import { rmSync } from 'node:fs';
import path from 'node:path';
import type { CiSandbox, Files } from '../support/ci-sandbox.ts';
import { BOT, ciSandbox, commitTo, job, statuses } from '../support/ci-sandbox.ts';

let sandbox: CiSandbox | null = null;
afterEach(async () => {
  await sandbox?.close();
  sandbox = null;
});

function open(yaml: string, files: Files = {}): CiSandbox {
  sandbox = ciSandbox({ '.gitlab-ci.yml': yaml, ...files });
  return sandbox;
}

test('rules see source, user, pipeline variables and changed files', async () => {
  const ci = open(`
bot-api:
  script: ['true']
  rules: [{if: '$GITLAB_USER_ID == "42" && $CI_PIPELINE_SOURCE == "api"'}]
people:
  script: ['echo mode=$MODE']
  rules:
    - {if: '$CI_PIPELINE_SOURCE == "api" && $GITLAB_USER_ID == "42"', when: never}
    - {if: '$WANT == "fast"', variables: {MODE: fast}}
    - {if: '$CI_PIPELINE_SOURCE == "push"', variables: {MODE: slow}}
docs:
  script: ['true']
  rules: [{if: '$CI_MERGE_REQUEST_ID', changes: ['docs/**/*']}]
`);
  const push = await ci.run();
  expect(statuses(push)).toEqual({ people: 'success' });
  expect(ci.log(job(push, 'people'))).toContain('\nmode=slow\n');
  const fast = await ci.run({ variables: { WANT: 'fast' } });
  expect(ci.log(job(fast, 'people'))).toContain('\nmode=fast\n');
  expect(statuses(await ci.run({ source: 'api', user: BOT }))).toEqual({ 'bot-api': 'success' });
  const mergeRequest = { id: 9, iid: 1, sourceBranch: 'docs', targetBranch: 'main' };
  const sha = commitTo(ci.gitDir, 'docs', { 'docs/a/b.md': 'text' });
  const mr = await ci.run({ source: 'merge_request_event', ref: 'docs', sha, mergeRequest });
  expect(statuses(mr)).toEqual({ docs: 'success' });
});

describe('pipelines GitLab would refuse', () => {
  const cases: [string, string | null, RegExp][] = [
    ['no configuration', null, /^Missing CI config file$/],
    [
      'no job left',
      `a: {script: ['x'], rules: [{if: '$NOPE'}]}`,
      /rules configuration prevented any jobs/,
    ],
    ['only .pre jobs', `a: {stage: .pre, script: ['x']}`, /rules configuration prevented any jobs/],
    [
      'workflow rules',
      `workflow: {rules: [{when: never}]}\na: {script: ['x']}`,
      /filtered out by workflow rules/,
    ],
    [
      'a need that is not there',
      `a: {script: ['x'], rules: [{if: '$NOPE'}]}\nb: {script: ['x'], needs: [a]}`,
      /'b' job needs 'a' job, but 'a' does not exist/,
    ],
    ['an unknown stage', `a: {stage: nope, script: ['x']}`, /stage:nope not found/],
    ['no script', `a: {stage: test}`, /a must have script/],
    [
      'the internet',
      `include: [{remote: 'http://example.com/x.yml'}]\na: {script: ['x']}`,
      /could not be fetched/,
    ],
    ['what the sandbox would run wrongly', `a: {script: ['x'], only: [main]}`, /a uses only/],
  ];
  test.each(cases)('%s', async (_name, yaml, error) => {
    sandbox = ciSandbox(yaml === null ? { 'a.txt': '' } : { '.gitlab-ci.yml': yaml });
    const result = await sandbox.engine.create(sandbox.spec());
    expect(result).toEqual({ ok: false, errors: [expect.stringMatching(error)] });
    expect(sandbox.engine.list(5)).toEqual([]);
  });

  test('a commit that does not exist', async () => {
    const ci = open(`a: {script: ['x']}`);
    const result = await ci.engine.create(ci.spec({ sha: 'f'.repeat(40) }));
    expect(result).toEqual({ ok: false, errors: ['Reference not found'] });
  });
});

test('lint gives the configuration with every include in place, or the errors', async () => {
  const ci = open(`include: [{local: part.yml}]\nb: {extends: .base, script: ['true']}`, {
    'part.yml': `.base: {stage: build}\na: {script: ['true']}`,
  });
  const { project } = ci.spec();
  const good = await ci.engine.lint(project, ci.sha);
  expect(good).toMatchObject({ valid: true, errors: [] });
  expect(good.mergedYaml).toMatch(/^a:$/m);
  const bad = commitTo(ci.gitDir, 'main', { 'part.yml': 'a: [' });
  expect(await ci.engine.lint(project, bad)).toMatchObject({ valid: false, mergedYaml: '' });
});

test("the tool's own files in a repository change nothing", async () => {
  const ci = open(`a: {script: ['echo A=$A']}`, {
    '.gitlab-ci-local-env': 'FILE=other.yml\n',
    '.gitlab-ci-local-variables.yml': 'A: from the tool\n',
    '.gitlab-ci-local.yml': 'b: {script: [x]}\n',
    'other.yml': 'c: {script: [x]}\n',
  });
  const pipeline = await ci.run();
  expect(statuses(pipeline)).toEqual({ a: 'success' });
  expect(ci.log(job(pipeline, 'a'))).toContain('\nA=\n');
});

test('a question is asked once for all pipelines that agree in what the configuration mentions', async () => {
  const ci = open(`a: {script: ['true'], tags: [none], rules: [{if: '$SEEN != "no"'}]}`);
  await ci.create();
  // Without its folder the engine cannot ask again.
  rmSync(path.join(ci.root, 'ci'), { recursive: true });
  expect(statuses(await ci.create())).toEqual({ a: 'created' });
  expect(statuses(await ci.create({ variables: { UNSEEN: '1' } }))).toEqual({ a: 'created' });
  await expect(ci.create({ variables: { SEEN: '1' } })).rejects.toThrow(/ENOENT/);
});

test('what depends on files of the commit is asked for every commit', async () => {
  const ci = open(
    `a: {script: ['true'], tags: [none], rules: [{exists: [x.txt]}, {when: always}]}`,
  );
  await ci.create();
  rmSync(path.join(ci.root, 'ci'), { recursive: true });
  await expect(ci.create()).rejects.toThrow(/ENOENT/);
});

test('numbers of a child pipeline are its own, also when another one like it was resolved before', async () => {
  const ci = open(`a: {script: ['true']}`);
  for (const id of ['17', '18']) {
    const yaml = `job: {script: ['echo ID=$ID'], variables: {ID: "${id}"}}`;
    const child = await ci.run({ yaml });
    expect(ci.log(job(child, 'job'))).toContain(`\nID=${id}\n`);
  }
});
