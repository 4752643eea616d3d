import { describe, expect, test } from '@jest/globals';
import { parse } from 'yaml';
import {
  childPipeline,
  type ChildPipelineFacts,
  harmlessPipeline,
} from '../../../bot/domain/child-pipeline.ts';

const FACTS: ChildPipelineFacts = {
  attempts: [{ id: 7, name: 'builder' }],
  server: 'https://bot.test',
  image: 'autodev/job@sha256:1234',
  tags: ['autodev'],
  timeoutMinutes: 30.2,
};
type Attempts = ChildPipelineFacts['attempts'];
type Job = Record<string, unknown> & { variables: Record<string, string> };

function jobsOf(attempts: Attempts): Record<string, Job> {
  const text = childPipeline({ ...FACTS, attempts });
  // Anchors would be one more thing for a reader of the job's YAML to resolve.
  expect(text).not.toMatch(/[&*]a\d/);
  const { workflow, ...jobs } = parse(text) as { workflow: unknown } & Record<string, Job>;
  expect(workflow).toEqual({ rules: [{ when: 'always' }] });
  return jobs;
}

describe('names', () => {
  test.each<[Attempts, Record<string, string>]>([
    [[{ id: 7, name: 'builder' }], { 'autodev-agent': '7' }],
    [
      [
        { id: 7, name: 'reviewer' },
        { id: 8, name: 'tester' },
        { id: 9, name: 'security' },
      ],
      { 'autodev-reviewer': '7', 'autodev-tester': '8', 'autodev-security': '9' },
    ],
    [
      [
        { id: 1, name: 'bug_finder' },
        { id: 2, name: 'bug_finder' },
        { id: 3, name: 'docs' },
      ],
      { 'autodev-bug-finder': '1', 'autodev-bug-finder-2': '2', 'autodev-docs': '3' },
    ],
  ])('%j → %j', (attempts, expected) => {
    const jobs = jobsOf(attempts);
    const found = Object.entries(jobs).map(([name, { variables }]) => [
      name,
      variables['AUTODEV_ATTEMPT'],
    ]);
    expect(Object.fromEntries(found)).toEqual(expected);
    for (const name of Object.keys(jobs)) expect(name).toMatch(/^autodev-[a-z0-9-]+$/);
  });
});

test('every job is shut off from the branch, the same but for its attempt, and waits for no other', () => {
  const jobs = Object.values(
    jobsOf([
      { id: 7, name: 'reviewer' },
      { id: 8, name: 'tester' },
    ]),
  );
  for (const [index, job] of jobs.entries()) {
    expect(job).toEqual({
      image: 'autodev/job@sha256:1234',
      tags: ['autodev'],
      inherit: { default: false, variables: false },
      interruptible: false,
      timeout: '31 minutes',
      id_tokens: { AUTODEV_ID_TOKEN: { aud: 'https://bot.test' } },
      variables: {
        AUTODEV_SERVER: 'https://bot.test',
        AUTODEV_ATTEMPT: String(7 + index),
        GIT_STRATEGY: 'clone',
        GIT_DEPTH: '50',
        GIT_SUBMODULE_STRATEGY: 'none',
      },
      rules: [{ when: 'on_success' }],
      script: ['autodev-job run'],
      artifacts: { when: 'always', paths: ['autodev-result.json'], expire_in: '1 week' },
    });
  }
});

test('a pipeline without a task has one job that asks for nothing', () => {
  const { workflow: _, ...jobs } = parse(harmlessPipeline(FACTS)) as Record<string, Job>;
  expect(Object.keys(jobs)).toEqual(['autodev-nothing-to-do']);
  expect(JSON.stringify(jobs)).not.toMatch(/id_tokens|AUTODEV_/);
});
