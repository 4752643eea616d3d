import { afterEach, describe, expect, test } from '@jest/globals';
import type { CiSandbox } from '../support/ci-sandbox.ts';
import { BOT, ciSandbox, job, statuses } from '../support/ci-sandbox.ts';

let sandbox: CiSandbox | null = null;
afterEach(async () => {
  await sandbox?.close();
  sandbox = null;
});

function open(yaml: string): CiSandbox {
  sandbox = ciSandbox({ '.gitlab-ci.yml': yaml });
  return sandbox;
}

test('stages, needs and forgiven exit codes order real jobs', async () => {
  const pipeline = await open(`
a: {stage: build, script: ['exit 3'], allow_failure: {exit_codes: [3]}}
b: {stage: build, script: ['exit 4'], allow_failure: {exit_codes: [3]}}
m: {stage: build, when: manual, script: ['true']}
c: {stage: test, needs: [a], script: ['true']}
d: {stage: test, script: ['true']}
e: {stage: deploy, when: on_failure, script: ['true']}
`).run();
  expect(statuses(pipeline)).toEqual({
    a: 'failed',
    b: 'failed',
    m: 'manual',
    c: 'success',
    d: 'skipped',
    e: 'success',
  });
  expect(pipeline.status).toBe('failed');
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
