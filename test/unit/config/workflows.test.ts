import { describe, expect, test } from '@jest/globals';
import { findInstallation } from '../../../bot/config/installation.ts';
import { loadAgents, loadWorkflows } from '../../../bot/config/settings.ts';
import { parseWorkflow } from '../../../bot/config/workflows.ts';

const GOOD = `name: feature
version: 1
title: Feature
stages:
  - { id: spec, kind: task, task: write_spec, agent: architect }
  - { id: spec-gate, kind: gate, gate: spec, back: spec }
  - { id: implement, kind: task, task: implement_feature, agent: builder }
  - id: verify
    kind: verify
    tasks: [{ task: review_mr, agent: reviewer }]
    fix: address
    rounds: 3
  - { id: address, kind: task, task: address_review_feedback, agent: builder, aside: true }
  - { id: merge, kind: gate, gate: merge, back: address }
`;

const files = findInstallation(import.meta.dirname);
const agents = loadAgents(files.agentsDir);

test('the shipped templates are valid, named as their files, and fit the shipped agents', () => {
  const shipped = loadWorkflows(files.workflowsDir, agents);
  expect(Object.keys(shipped).toSorted()).toEqual([
    'ask',
    'bugfix',
    'docs',
    'epic',
    'feature',
    'quick',
    'quick-fix',
    'refactor',
    'release',
    'review-only',
    'rollback',
    'security-fix',
    'spec',
  ]);
});

test('a good template is read as it is written', () => {
  const workflow = parseWorkflow(GOOD, 'feature.yaml');
  expect(workflow.stages.map(({ id }) => id)).toEqual([
    'spec',
    'spec-gate',
    'implement',
    'verify',
    'address',
    'merge',
  ]);
});

describe('a mistake is refused by name and line', () => {
  test.each<[string, [string, string], RegExp]>([
    ['an unknown kind', ['kind: verify', 'kind: dance'], /feature\.yaml:9: stages\.3\.kind/],
    ['an unknown agent', ['agent: reviewer', 'agent: boss'], /feature\.yaml:10: .*agent/],
    ['an unknown task', ['task: review_mr', 'task: approve'], /feature\.yaml:10: .*task/],
    ['an unknown field', ['rounds: 3', 'tries: 3'], /feature\.yaml:\d+: .*tries/],
    ['an unknown fix stage', ['fix: address', 'fix: repair'], /:11: there is no stage repair/],
    ['an unknown way back', ['back: spec', 'back: idea'], /:6: there is no stage idea/],
    ['a stage named twice', ['id: implement', 'id: spec'], /:7: stage spec is named twice/],
    [
      'a fix stage in the main line, which would go round for ever',
      ['agent: builder, aside: true', 'agent: builder'],
      /:11: stage address must be a task stage with aside: true/,
    ],
    [
      'a way back that is no task',
      ['back: address', 'back: verify'],
      /:14: .* must be a task stage/,
    ],
    ['a gate that leads forward', ['back: spec', 'back: implement'], /:6: .* comes after/],
    ['too many rounds', ['rounds: 3', 'rounds: 50'], /feature\.yaml:12: stages\.3\.rounds/],
    ['broken YAML', ['stages:', 'stages: ['], /feature\.yaml:\d+: /],
    ['a key twice', ['version: 1', 'version: 1\nversion: 2'], /feature\.yaml:\d: /],
  ])('%s', (_what, [from, to], message) => {
    expect(() => parseWorkflow(GOOD.replace(from, to), 'feature.yaml')).toThrow(message);
  });

  test('an aside stage that nothing leads to', () => {
    const alone = GOOD.replace('    fix: address\n    rounds: 3\n', '').replace(
      'back: address',
      'back: spec',
    );
    expect(() => parseWorkflow(alone, 'feature.yaml')).toThrow(/no stage leads to address/);
  });

  test('a template that begins with a gate', () => {
    const gate = GOOD.replace(/ {2}- \{ id: spec, .*\n/, '').replace(', back: spec', '');
    expect(() => parseWorkflow(gate, 'feature.yaml')).toThrow(
      /a gate stage needs something to decide on; it cannot be the first/,
    );
  });

  test.each<[string, [string, string], string]>([
    [
      'of a task stage',
      ['implement_feature', 'review_mr'],
      'feature.yaml:7: the agent builder does not take review_mr; it takes implement_feature, ',
    ],
    [
      'of a verify stage',
      ['review_mr', 'run_tests'],
      'feature.yaml:10: the agent reviewer does not take run_tests; it takes review_mr. Add it to `tasks` in reviewer.md or name another agent',
    ],
  ])('a task %s that its agent does not take', (_what, [from, to], message) => {
    const text = GOOD.replace(from, to);
    expect(() => parseWorkflow(text, 'feature.yaml', agents)).toThrow(message);
    // An agent that is not set up is told of when the template is started.
    expect(() => parseWorkflow(text, 'feature.yaml', {})).not.toThrow();
  });
});
