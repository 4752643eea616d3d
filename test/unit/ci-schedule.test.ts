import { describe, expect, test } from '@jest/globals';
import { parse } from 'yaml';
import type { CiStatus } from '../../sandbox/ci/contract.ts';
import type { JobConfig } from '../../sandbox/ci/config.ts';
import { ExpandedJob, durationSeconds } from '../../sandbox/ci/config.ts';
import type { Scheduled } from '../../sandbox/ci/schedule.ts';
import { decideJob, isFinished, pipelineStatus } from '../../sandbox/ci/schedule.ts';
import { expand, jobEnvironment } from '../../sandbox/ci/variables.ts';

const STAGES = ['.pre', 'build', 'test', 'deploy', '.post'];

interface Given {
  stage?: string;
  when?: JobConfig['when'];
  needs?: string[];
  /** How the job ends when it runs; `success` unless given. */
  ends?: CiStatus;
  forgiven?: boolean;
}

function scheduled(name: string, given: Given): Scheduled & { ends: CiStatus } {
  const config: JobConfig = {
    ...ExpandedJob.parse({}),
    name,
    stage: given.stage ?? 'test',
    when: given.when ?? 'on_success',
    allowFailure: given.forgiven ?? false,
    needs: given.needs?.map((job) => ({ job, artifacts: true, optional: false })) ?? null,
  };
  const record = { status: 'created' as CiStatus, allowFailure: given.forgiven ?? false };
  return { config, record, ends: given.ends ?? 'success' };
}

/** Plays a pipeline to its end: jobs that may run end as their case says. */
function play(given: Record<string, Given>): { jobs: Record<string, string>; status: CiStatus } {
  const all = Object.entries(given).map(([name, one]) => scheduled(name, one));
  for (let moved = true; moved;) {
    moved = false;
    for (const job of all.filter(({ record }) => record.status === 'created')) {
      const decision = decideJob(job, all, STAGES);
      if (decision === 'wait') continue;
      moved = true;
      job.record.status =
        decision === 'run' ? job.ends : decision === 'skip' ? 'skipped' : 'manual';
    }
  }
  const jobs = Object.fromEntries(all.map(({ config, record }) => [config.name, record.status]));
  return { jobs, status: pipelineStatus(all.map(({ record }) => record)) };
}

describe('the course of a pipeline', () => {
  const cases: [string, string, string, CiStatus][] = [
    [
      'on_failure and always follow a failure',
      `a: {stage: build, ends: failed}
b: {stage: test}
c: {stage: test, when: on_failure}
d: {stage: deploy, when: always}`,
      'a: failed, b: skipped, c: success, d: success',
      'failed',
    ],
    [
      'a failure two stages before still stops',
      `a: {stage: build, ends: failed}
b: {stage: test, when: always}
c: {stage: deploy}`,
      'a: failed, b: success, c: skipped',
      'failed',
    ],
    [
      'a forgiven failure does not count',
      `a: {stage: build, ends: failed, forgiven: true}
b: {stage: test}
c: {stage: test, when: on_failure}`,
      'a: failed, b: success, c: skipped',
      'success',
    ],
    [
      'a job skipped for lack of a failure stops nothing',
      `a: {stage: build}
b: {stage: test, when: on_failure}
c: {stage: deploy}`,
      'a: success, b: skipped, c: success',
      'success',
    ],
    [
      'needs do not wait for the stage, and a skipped need skips',
      `a: {stage: build, ends: failed}
b: {stage: test, needs: []}
c: {stage: test, needs: [a]}
d: {stage: deploy, needs: [c]}`,
      'a: failed, b: success, c: skipped, d: skipped',
      'failed',
    ],
    [
      'a need that is not in the pipeline is no reason to wait',
      'a: {needs: [gone]}',
      'a: success',
      'success',
    ],
    [
      'an optional manual job holds nothing up, unless it is needed',
      `a: {stage: build, when: manual, forgiven: true}
b: {stage: test}
c: {stage: test, needs: [a]}`,
      'a: manual, b: success, c: created',
      'running',
    ],
    [
      'a blocking manual job holds later stages up',
      `a: {stage: build, when: manual}
b: {stage: deploy}`,
      'a: manual, b: created',
      'manual',
    ],
    [
      'a manual job after a failure is skipped',
      `a: {stage: build, ends: failed}
b: {stage: test, when: manual}`,
      'a: failed, b: skipped',
      'failed',
    ],
    [
      'a cancelled job stops what follows',
      `a: {stage: build, ends: canceled}
b: {stage: test}
c: {stage: test, when: on_failure}`,
      'a: canceled, b: skipped, c: skipped',
      'canceled',
    ],
  ];
  test.each(cases)('%s', (_name, given, jobs, status) => {
    expect(play(parse(given) as Record<string, Given>)).toEqual({
      jobs: parse(`{${jobs}}`) as object,
      status,
    });
  });
});

test.each<[CiStatus[], CiStatus]>([
  [['created', 'created'], 'created'],
  [['pending', 'created'], 'pending'],
  [['success', 'pending'], 'running'],
  [['success', 'created'], 'running'],
  [['running', 'failed'], 'running'],
  [['success', 'skipped'], 'success'],
  [['skipped', 'skipped'], 'skipped'],
  [['canceled', 'success'], 'canceled'],
  [['canceled', 'failed'], 'failed'],
])('%j make a pipeline %s', (jobs, status) => {
  expect(pipelineStatus(jobs.map((one) => ({ status: one, allowFailure: false })))).toBe(status);
  expect(isFinished(status)).toBe(jobs.every(isFinished));
});

test.each([
  ['90 seconds', 90],
  ['1h 30m', 5400],
  ['10 minutes', 600],
  ['2 hours 15 minutes 30 secs', 8130],
  ['3600', 3600],
  ['1 week', 604_800],
  ['soon', null],
])('a timeout of %j', (text, seconds) => {
  expect(durationSeconds(text)).toBe(seconds);
});

describe('variables', () => {
  test('expand follows references, keeps facts as they are, and ends circles', () => {
    const written = { A: 'a-$B', B: '${C}', C: 'c$$x', LOOP: 'l$LOOP', FACT_USER: '$MESSAGE' };
    const facts = { MESSAGE: 'costs $A and $$5' };
    const value = (text: string): string => expand(text, written, facts);
    expect(value('$A')).toBe('a-c$x');
    expect(value('$LOOP')).toBe('l');
    expect(value('$FACT_USER')).toBe('costs $A and $$5');
    expect(value('$UNKNOWN|$')).toBe('|$');
  });

  test('pipeline variables win over project, project over YAML, YAML over predefined', () => {
    const env = jobEnvironment(
      { P: 'predefined', Q: 'predefined' },
      { P: 'yaml', R: 'yaml', S: 'yaml' },
      { R: 'project', S: 'project' },
      { S: 'pipeline' },
    );
    expect(env).toEqual({ P: 'yaml', Q: 'predefined', R: 'project', S: 'pipeline' });
  });
});
