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
    'adr',
    'analyze',
    'ask',
    'audit',
    'audit-change',
    'backlog',
    'bugfix',
    'compliance',
    'compliance-change',
    'coverage',
    'coverage-change',
    'docs',
    'epic',
    'epic-draft',
    'feasibility',
    'feature',
    'fix-build',
    'hunt',
    'issues',
    'pipeline',
    'publish',
    'quick',
    'quick-docs',
    'quick-fix',
    'refactor',
    'release',
    'release-with-plan',
    'review-only',
    'rollback',
    'rollback-with-plan',
    'runbook',
    'scan',
    'scan-change',
    'security-fix',
    'security-only',
    'spec',
    'stories',
    'test-only',
    'tests',
    'validate',
    'validate-change',
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

test.each<[string, string]>([
  ['a deployment alone', '{ id: out, kind: deploy }'],
  ['a way back alone', '{ id: out, kind: deploy, to: back }'],
  ['a look at what people made', '{ id: look, kind: verify, tasks: [] }'],
])('%s is a template', (_what, stage) => {
  const text = `name: w\nversion: 1\ntitle: W\nstages:\n  - ${stage}\n`;
  expect(parseWorkflow(text, 'w.yaml').stages).toHaveLength(1);
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

  test.each<[string, string[], RegExp]>([
    [
      'children of nothing',
      [
        '{ id: spec, kind: task, task: write_spec, agent: architect }',
        '{ id: kids, kind: children }',
      ],
      /w\.yaml:6: kids needs a stage with task break_down_epic before it/,
    ],
    [
      'children first',
      ['{ id: kids, kind: children }'],
      /w\.yaml:5: a children stage .* cannot be the first/,
    ],
    [
      'an aside stage first',
      [
        '{ id: fix, kind: task, task: fix_build, agent: builder, aside: true }',
        '{ id: build, kind: task, task: implement_fix, agent: builder }',
        '{ id: look, kind: verify, tasks: [], fix: fix, rounds: 1 }',
      ],
      /w\.yaml:5: the first stage cannot be aside/,
    ],
    [
      'a specification gate without a page',
      [
        '{ id: build, kind: task, task: implement_fix, agent: builder }',
        '{ id: ok, kind: gate, gate: spec }',
      ],
      /w\.yaml:6: ok needs a stage that writes a specification before it/,
    ],
    [
      'a merge gate without code',
      [
        '{ id: spec, kind: task, task: write_spec, agent: architect }',
        '{ id: ok, kind: gate, gate: merge }',
      ],
      /w\.yaml:6: ok needs a stage that changes code before it/,
    ],
    [
      'a look at code that an optional stage may not have made',
      [
        '{ id: triage, kind: task, task: triage_issue, agent: pm }',
        '{ id: docs, kind: task, task: write_docs, agent: docs, optional: true }',
        '{ id: look, kind: verify, tasks: [] }',
      ],
      /w\.yaml:7: look needs a stage that changes code before it/,
    ],
    [
      'a deployment to nowhere',
      ['{ id: out, kind: deploy, to: the moon }'],
      /w\.yaml:5: stages\.0\.to/,
    ],
    [
      'a deployment that names an agent',
      ['{ id: out, kind: deploy, agent: devops }'],
      /w\.yaml:5: .*agent/,
    ],
    [
      'an optional gate',
      [
        '{ id: spec, kind: task, task: write_spec, agent: architect }',
        '{ id: ok, kind: gate, gate: spec, optional: true }',
      ],
      /w\.yaml:6: .*optional/,
    ],
    [
      'an optional that is no yes or no',
      ['{ id: docs, kind: task, task: write_docs, agent: docs, optional: perhaps }'],
      /w\.yaml:5: stages\.0\.optional/,
    ],
    ['no stage at all', [], /w\.yaml:4: stages/],
    [
      'two gates that lead back to each other',
      [
        '{ id: spec, kind: task, task: write_spec, agent: architect }',
        '{ id: one, kind: gate, gate: spec, back: two }',
        '{ id: two, kind: gate, gate: spec, back: one }',
      ],
      /w\.yaml:6: stage two must be a task stage\n.*w\.yaml:7: stage one must be a task stage/,
    ],
  ])('%s', (_what, stages, message) => {
    const list = stages.length === 0 ? ' []' : `\n${stages.map((one) => `  - ${one}`).join('\n')}`;
    const text = `name: w\nversion: 1\ntitle: W\nstages:${list}\n`;
    expect(() => parseWorkflow(text, 'w.yaml')).toThrow(message);
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
      ['implement_feature', 'write_docs'],
      'feature.yaml:7: the agent builder does not take write_docs; it takes implement_feature, ',
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
