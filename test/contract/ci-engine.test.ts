import { afterEach, expect, test } from '@jest/globals';
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { CiEngineOptions } from '../../sandbox/ci/contract.ts';
import type { CiSandbox, Files } from '../support/ci-sandbox.ts';
import { ciSandbox, commitTo, job, statuses } from '../support/ci-sandbox.ts';

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

test('a job runs in a clone of the commit, and a failing one fails its pipeline', async () => {
  const ci = open(
    `
good: {script: ['cat hello.txt', 'git status --porcelain | wc -l', 'git remote get-url origin']}
bad: {script: ['echo before', 'false | true', 'echo never']}
after: {stage: deploy, script: ['true']}
`,
    { files: { 'hello.txt': 'hello from the repository\n' } },
  );
  const pipeline = await ci.run();
  expect(pipeline.status).toBe('failed');
  expect(statuses(pipeline)).toEqual({ good: 'success', bad: 'failed', after: 'skipped' });
  const good = ci.log(job(pipeline, 'good'));
  expect(good).toContain('$ cat hello.txt\nhello from the repository\n');
  expect(good).toContain(
    `http://gitlab-ci-token:glcbt-${job(pipeline, 'good').id}@127.0.0.1:9/group/sample.git`,
  );
  expect(good.trimEnd().endsWith('Job succeeded')).toBe(true);
  const bad = job(pipeline, 'bad');
  expect(bad.failureReason).toBe('script_failure');
  expect(ci.log(bad)).toContain('before\n');
  expect(ci.log(bad)).not.toContain('never\n');
  expect(ci.log(bad)).toContain('ERROR: Job failed: exit code 1');
  expect(ci.changes.filter((change) => change.startsWith('good:'))).toEqual([
    'good:pending',
    'good:running',
    'good:success',
  ]);
  expect(ci.changes[0]).toBe('pipeline:created');
  expect(ci.changes.at(-1)).toBe('pipeline:failed');
  expect(readdirSync(path.join(ci.root, 'ci', 'builds'))).toEqual([]);
});

test('the environment holds what GitLab promises and nothing of the sandbox process', async () => {
  process.env['AUTODEV_TEST_CANARY'] = 'canary-3f9c';
  try {
    const ci = open(
      `
variables: {TOP: 'top $CI_COMMIT_REF_NAME', SHARED: yaml}
env:
  variables: {OWN: '\${TOP}!', PRICE: '5$$', SHARED: job}
  id_tokens: {AUTODEV_ID_TOKEN: {aud: 'http://bot.test'}}
  script: ['env | sort', 'echo HOME-FILES=$(ls -A "$HOME" | wc -l)']
bare:
  inherit: {variables: false}
  script: ['env | sort']
`,
      { env: { EXTRA: 'from options' } },
    );
    ci.projectVariables['SHARED'] = 'project';
    const pipeline = await ci.run({ variables: { GIVEN: 'by pipeline' } });
    const { id } = job(pipeline, 'env');
    const log = ci.log(job(pipeline, 'env'));
    for (const line of [
      'TOP=top main',
      'OWN=top main!',
      'PRICE=5$',
      'SHARED=project',
      'GIVEN=by pipeline',
      'EXTRA=from options',
      'CI_PIPELINE_SOURCE=push',
      'CI_PROJECT_ID=5',
      'CI_PROJECT_PATH=group/sample',
      'CI_COMMIT_BRANCH=main',
      `CI_COMMIT_SHA=${ci.sha}`,
      'CI_SERVER_URL=http://127.0.0.1:9',
      'GITLAB_USER_ID=7',
      'GITLAB_USER_LOGIN=sam',
      `CI_JOB_ID=${id}`,
      `CI_JOB_TOKEN=glcbt-${id}`,
      `CI_PIPELINE_ID=${pipeline.id}`,
      `AUTODEV_ID_TOKEN=id:${pipeline.id}:${id}:http://bot.test`,
      'HOME-FILES=0',
    ]) {
      expect(log).toContain(`\n${line}\n`);
    }
    const bare = ci.log(job(pipeline, 'bare'));
    expect(bare).not.toMatch(/^(TOP|AUTODEV_ID_TOKEN)=/m);
    for (const text of [log, bare]) {
      expect(text).not.toContain('canary-3f9c');
      expect(text).not.toContain('AUTODEV_TEST_CANARY');
      expect(text).not.toMatch(/^NODE_OPTIONS=/m);
    }
  } finally {
    delete process.env['AUTODEV_TEST_CANARY'];
  }
});

test('artifacts reach later jobs by stage and by needs, and are kept', async () => {
  const ci = open(`
make:
  stage: build
  script: ['mkdir -p out/deep', 'echo one > out/deep/a.txt', 'echo two > b.log', 'ln -s /etc/passwd out/link']
  artifacts: {paths: ['out/', '*.log', '../escape'], expire_in: 1 day}
also: {stage: build, script: ['echo other > other.txt'], artifacts: {paths: [other.txt]}}
by-stage: {stage: test, script: ['cat out/deep/a.txt b.log other.txt', 'test ! -e out/link']}
by-needs: {stage: deploy, needs: [make], script: ['test -f b.log', 'test ! -e other.txt']}
without: {stage: deploy, needs: [{job: make, artifacts: false}], script: ['test ! -e b.log']}
none: {stage: deploy, dependencies: [], script: ['test ! -e b.log']}
on-failure: {stage: build, allow_failure: true, script: ['echo x > why.txt', 'false'], artifacts: {when: on_failure, paths: [why.txt]}}
`);
  const pipeline = await ci.run();
  expect(statuses(pipeline)).toEqual({
    make: 'success',
    also: 'success',
    'by-stage': 'success',
    'by-needs': 'success',
    without: 'success',
    none: 'success',
    'on-failure': 'failed',
  });
  expect(pipeline.status).toBe('success');
  const kept = job(pipeline, 'make').artifactsDir ?? '';
  expect(readFileSync(path.join(kept, 'out/deep/a.txt'), 'utf8')).toBe('one\n');
  expect(existsSync(path.join(kept, 'out/link'))).toBe(false);
  expect(ci.log(job(pipeline, 'make'))).toContain('artifact path is not a subpath of project');
  expect(existsSync(path.join(job(pipeline, 'on-failure').artifactsDir ?? '', 'why.txt'))).toBe(
    true,
  );
  expect(job(pipeline, 'none').artifactsDir).toBeNull();
});

/** True while a process with this number runs. */
function alive(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch {
    return false;
  }
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  return stat.slice(stat.lastIndexOf(')') + 2)[0] !== 'Z';
}

test('cancel ends the whole process tree, also what ignores SIGTERM or left its group', async () => {
  const ci = open(`
long:
  script:
    - sh -c 'trap "" TERM; echo stubborn=$$; while :; do sleep 0.1; done' &
    - setsid sh -c 'echo away=$$; while :; do sleep 0.1; done' &
    - echo shell=$$ && sleep 600
later: {stage: deploy, script: ['true']}
`);
  const pipeline = await ci.create();
  const long = job(pipeline, 'long');
  const pids = (): number[] =>
    [...ci.log(long).matchAll(/^(?:stubborn|away|shell)=(\d+)$/gm)].map((match) =>
      Number(match[1]),
    );
  while (pids().length < 3) await new Promise((resolve) => setTimeout(resolve, 20));
  const started = pids();
  expect(started.map(alive)).toEqual([true, true, true]);
  await ci.engine.cancel(pipeline.id);
  expect(started.map(alive)).toEqual([false, false, false]);
  expect(statuses(pipeline)).toEqual({ long: 'canceled', later: 'canceled' });
  expect(pipeline.status).toBe('canceled');
  await ci.engine.retry(pipeline.id);
  expect(job(pipeline, 'long').id).not.toBe(long.id);
});

test('a job too long for its timeout fails as GitLab says, after_script still runs', async () => {
  const ci = open(`
slow: {timeout: 1 second, script: ['sleep 60'], after_script: ['echo status is $CI_JOB_STATUS']}
`);
  const slow = job(await ci.run(), 'slow');
  expect(slow).toMatchObject({ status: 'failed', failureReason: 'job_execution_timeout' });
  expect(ci.log(slow)).toContain('\nstatus is failed\n');
});

test('a job without a matching runner stays pending', async () => {
  const ci = open(`a: {tags: [gpu], script: ['true']}\nb: {script: ['true']}`);
  const pipeline = await ci.create();
  await ci.until(() => job(pipeline, 'b').status === 'success');
  expect(job(pipeline, 'a').status).toBe('pending');
  expect(pipeline.status).toBe('running');
  await ci.engine.cancel(pipeline.id);
  expect(pipeline.status).toBe('canceled');
});

test('untagged jobs need a runner that takes them', async () => {
  const ci = open(`a: {script: ['true']}`, {
    runners: [{ tags: ['autodev'], runUntagged: false }],
  });
  const pipeline = await ci.create();
  await ci.until(() => job(pipeline, 'a').status === 'pending');
  expect(pipeline.status).toBe('pending');
});

test('retry gives a failing job new ids up to its number; by hand it runs what failed', async () => {
  const flag = path.join(tmpdir(), `autodev-flag-${process.pid}`);
  const ci = open(`
default: {retry: {max: 1, when: script_failure}}
flaky: {script: ['test -e ${flag}']}
next: {stage: deploy, script: ['true']}
`);
  const pipeline = await ci.run();
  expect(statuses(pipeline)).toEqual({ flaky: 'failed', next: 'skipped' });
  expect(ci.changes.filter((change) => change === 'flaky:failed')).toHaveLength(2);
  const first = job(pipeline, 'flaky').id;
  writeFileSync(flag, '');
  try {
    await ci.engine.retry(pipeline.id);
    await ci.until(() => pipeline.status === 'success');
  } finally {
    rmSync(flag);
  }
  expect(job(pipeline, 'flaky').id).toBeGreaterThan(first);
  expect(statuses(pipeline)).toEqual({ flaky: 'success', next: 'success' });
});

test('coverage is read from the log', async () => {
  const ci = open(
    `a: {coverage: '/Lines: (\\d+\\.\\d+)%/', script: ['echo "Lines: 12.5%"', 'echo "Lines: 87.25%"']}`,
  );
  expect(job(await ci.run(), 'a').coverage).toBe(87.25);
});

test('a resource group runs one job at a time, over pipelines too', async () => {
  const ci = open(`
a: {resource_group: 'one-$CI_COMMIT_REF_NAME', script: ['sleep 0.2']}
b: {resource_group: one-main, script: ['sleep 0.2']}
`);
  const [first, second] = [await ci.create(), await ci.create()];
  const running = (): number =>
    [first, second].flatMap((one) => one.jobs).filter(({ status }) => status === 'running').length;
  let most = 0;
  await ci.until(() => {
    most = Math.max(most, running());
    return first.status === 'success' && second.status === 'success';
  });
  expect(most).toBe(1);
});

test('a cancelled job gives its resource group back', async () => {
  const ci = open(`a: {resource_group: one, script: ['sleep 600']}`);
  const [first, second] = [await ci.create(), await ci.create()];
  await ci.until(() => job(first, 'a').status === 'running');
  expect(job(second, 'a').status).toBe('created');
  await ci.engine.cancel(first.id);
  await ci.until(() => job(second, 'a').status === 'running');
});

test('a newer commit cancels only pipelines whose started jobs are interruptible', async () => {
  const ci = open(`
a: {tags: [$TAG], interruptible: true, script: ['sleep 60']}
b: {rules: [{if: '$HOLD'}], script: ['sleep 60']}
`);
  const older = await ci.create();
  const held = await ci.create({ variables: { HOLD: '1' } });
  await ci.until(() => job(held, 'b').status === 'running');
  const sha = commitTo(ci.gitDir, 'main', { 'x.txt': 'x' });
  await ci.create({ sha });
  await ci.until(() => older.status === 'canceled');
  expect(job(held, 'b').status).toBe('running');
});
