import { afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import type { CiEngineOptions } from '../../sandbox/ci/contract.ts';
import type { CiSandbox, Files } from '../support/ci-sandbox.ts';
import { BOT, ciSandbox, commitTo, job, statuses } from '../support/ci-sandbox.ts';

let sandbox: CiSandbox | null = null;
afterEach(async () => {
  await sandbox?.close();
  sandbox = null;
});

function open(yaml: string, options: Partial<CiEngineOptions> & { files?: Files } = {}): CiSandbox {
  const { files = {}, ...engine } = options;
  sandbox = ciSandbox({ '.gitlab-ci.yml': yaml, ...files }, engine);
  return sandbox;
}

describe('when, needs and allow_failure', () => {
  const cases: [string, string, Record<string, string>, string][] = [
    [
      'on_failure and always follow a failure',
      `
a: {stage: build, script: ['false']}
b: {stage: test, script: ['true']}
c: {stage: test, when: on_failure, script: ['true']}
d: {stage: deploy, when: always, script: ['true']}`,
      { a: 'failed', b: 'skipped', c: 'success', d: 'success' },
      'failed',
    ],
    [
      'a forgiven failure lets the pipeline pass',
      `
a: {stage: build, script: ['exit 3'], allow_failure: {exit_codes: [3]}}
b: {stage: test, script: ['true']}
c: {stage: test, when: on_failure, script: ['true']}`,
      { a: 'failed', b: 'success', c: 'skipped' },
      'success',
    ],
    [
      'another exit code is not forgiven',
      `
a: {stage: build, script: ['exit 4'], allow_failure: {exit_codes: [3]}}
b: {stage: test, script: ['true']}`,
      { a: 'failed', b: 'skipped' },
      'failed',
    ],
    [
      'needs do not wait for the stage, and a skipped need skips',
      `
a: {stage: build, script: ['false']}
b: {stage: test, needs: [], script: ['true']}
c: {stage: test, needs: [a], script: ['true']}
d: {stage: deploy, needs: [c], script: ['true']}`,
      { a: 'failed', b: 'success', c: 'skipped', d: 'skipped' },
      'failed',
    ],
    [
      'an optional manual job holds nothing up, a blocking one does',
      `
a: {stage: build, rules: [{when: manual, allow_failure: true}], script: ['true']}
b: {stage: test, rules: [{when: manual, allow_failure: false}], script: ['true']}
c: {stage: deploy, script: ['true']}`,
      { a: 'manual', b: 'manual', c: 'created' },
      'manual',
    ],
  ];
  test.each(cases)('%s', async (_name, yaml, jobs, status) => {
    const pipeline = await open(yaml).run();
    expect(statuses(pipeline)).toEqual(jobs);
    expect(pipeline.status).toBe(status);
  });
});

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

describe('child pipelines', () => {
  const parent = (extra: string): string => `
plan:
  script: ['echo "$CHILD" > child.yml']
  artifacts: {paths: [child.yml]}
run:
  needs: [plan]
  variables: {HANDED: down}
  trigger:
    include: [{artifact: child.yml, job: plan}]
    ${extra}
after: {stage: deploy, script: ['true']}
`;
  const child = (script: string): string => `
agent:
  script: ['echo source=$$CI_PIPELINE_SOURCE user=$$GITLAB_USER_LOGIN handed=$$HANDED', '${script}']
`;

  test.each(['depend', 'mirror'])('strategy %s mirrors the end of the child', async (strategy) => {
    const ci = open(parent(`strategy: ${strategy}`));
    ci.projectVariables['CHILD'] = child('test ! -e fail');
    const good = await ci.run({ source: 'api', user: BOT });
    expect(statuses(good)).toEqual({ plan: 'success', run: 'success', after: 'success' });
    const bridge = job(good, 'run');
    expect(bridge.bridge).toBe(true);
    const down = ci.engine.get(bridge.downstreamPipelineId ?? 0);
    expect(down?.spec).toMatchObject({
      source: 'parent_pipeline',
      parent: { pipelineId: good.id, jobId: bridge.id },
    });
    expect(down && ci.log(job(down, 'agent'))).toContain(
      'source=parent_pipeline user=autodev handed=down',
    );
    ci.projectVariables['CHILD'] = child('exit 9');
    const bad = await ci.run({ source: 'api', user: BOT });
    expect(statuses(bad)).toEqual({ plan: 'success', run: 'failed', after: 'skipped' });
  });

  test('without a strategy the trigger job succeeds at once', async () => {
    const ci = open(parent('forward: {yaml_variables: false}'));
    ci.projectVariables['CHILD'] = child('sleep 0.5; exit 1');
    const pipeline = await ci.run();
    expect(statuses(pipeline)).toEqual({ plan: 'success', run: 'success', after: 'success' });
    const down = ci.engine.get(job(pipeline, 'run').downstreamPipelineId ?? 0);
    expect(down?.finishedAt).toBeNull();
    await ci.until(() => down?.status === 'failed');
    expect(down && ci.log(job(down, 'agent'))).toContain('handed=\n');
  });

  test('a configuration that cannot be used fails the trigger job', async () => {
    const ci = open(parent('strategy: depend'));
    ci.projectVariables['CHILD'] = 'agent: {stage: test}';
    const pipeline = await ci.run();
    expect(job(pipeline, 'run')).toMatchObject({
      status: 'failed',
      failureReason: 'downstream_pipeline_creation_failed',
    });
  });

  test('cancelling the parent kills the child', async () => {
    const ci = open(parent('strategy: depend'));
    ci.projectVariables['CHILD'] = child('sleep 600');
    const pipeline = await ci.create();
    const down = (): ReturnType<typeof ci.engine.get> =>
      ci.engine.get(job(pipeline, 'run').downstreamPipelineId ?? 0);
    await ci.until(() => down()?.status === 'running');
    await ci.engine.cancel(pipeline.id);
    expect(down()?.status).toBe('canceled');
    expect(statuses(pipeline)).toEqual({ plan: 'success', run: 'canceled', after: 'canceled' });
  });
});

describe('lint', () => {
  let ci: CiSandbox;
  beforeAll(() => {
    ci = ciSandbox({
      '.gitlab-ci.yml': `include: [{local: part.yml}]\nb: {extends: .base, script: ['true']}`,
      'part.yml': `.base: {stage: build}\na: {script: ['true']}`,
    });
  });

  test('gives the configuration with every include in place, or the errors', async () => {
    const { project } = ci.spec();
    const good = await ci.engine.lint(project, ci.sha);
    expect(good).toMatchObject({ valid: true, errors: [] });
    expect(good.mergedYaml).toMatch(/^a:$/m);
    const bad = commitTo(ci.gitDir, 'main', { 'part.yml': 'a: [' });
    expect(await ci.engine.lint(project, bad)).toMatchObject({ valid: false, mergedYaml: '' });
    await ci.close();
  });
});
