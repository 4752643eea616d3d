/** The agents that ship: what each may do, and that what it may do can be paid and read. */
import { describe, expect, test } from '@jest/globals';
import { roleNamed } from '../../bot/domain/roles.ts';
import { checkRoutes, loadAgents, loadSettings } from '../../bot/config/settings.ts';
import { type AgentRole, TaskType } from '../../schema/wire/agent.ts';

const agents = loadAgents('config/agents');
const PROMPT_LINES = 80;

const READS = ['read_file', 'list', 'search'];
const EDITS = ['edit_file', 'run_command'];
const HISTORY = ['git_log', 'git_diff', 'read_thread'];
/** What each role has besides reading and what its row says. */
const MORE: Record<AgentRole, string[]> = {
  pm: ['git_log', 'read_thread', 'ask_human'],
  architect: [...HISTORY, 'ask_human'],
  builder: [...HISTORY, 'ask_human'],
  docs: [...HISTORY, 'ask_human'],
  devops: [...HISTORY, 'ask_human'],
  reviewer: [...HISTORY, 'report_finding'],
  security: [...HISTORY, 'report_finding'],
  bug_finder: [...HISTORY, 'report_finding'],
  tester: [...HISTORY, 'report_finding', 'ask_human'],
};
const RIGHTS: [AgentRole, TaskType[], string[], string[]][] = [
  [
    'pm',
    [
      'triage_issue',
      'break_down_epic',
      'analyze_repo',
      'create_epic',
      'create_user_story',
      'prioritize_backlog',
    ],
    [],
    ['comment', 'report'],
  ],
  [
    'architect',
    ['write_spec', 'answer_question', 'evaluate_feasibility', 'create_implementation_issue'],
    [],
    ['report', 'comment'],
  ],
  [
    'builder',
    [
      'implement_feature',
      'implement_fix',
      'implement_refactor',
      'fix_build',
      'address_review_feedback',
    ],
    EDITS,
    ['changes', 'comment', 'report'],
  ],
  [
    'docs',
    ['write_docs', 'address_review_feedback', 'write_adr', 'write_runbook'],
    EDITS,
    ['changes', 'comment', 'report'],
  ],
  ['reviewer', ['review_mr'], [], ['report', 'comment']],
  [
    'tester',
    ['run_tests', 'write_tests', 'validate_feature', 'analyze_coverage'],
    [...EDITS, 'browse'],
    ['changes', 'report', 'comment'],
  ],
  [
    'security',
    ['security_scan', 'dependency_audit', 'compliance_check'],
    ['run_command'],
    ['report', 'comment'],
  ],
  [
    'devops',
    ['manage_pipeline', 'fix_build', 'publish', 'deploy', 'rollback'],
    EDITS,
    ['changes', 'comment', 'report'],
  ],
  ['bug_finder', ['bug_hunt', 'static_analysis'], ['run_command'], ['report', 'comment']],
];

test('every task type is taken by somebody', () => {
  const taken = new Set(RIGHTS.flatMap(([, tasks]) => tasks));
  expect([...taken].toSorted()).toEqual(TaskType.options.toSorted());
});

test('every agent has its row here, and every model a price', () => {
  expect(Object.keys(agents).toSorted()).toEqual(RIGHTS.map(([role]) => role).toSorted());
  expect(() => checkRoutes(loadSettings('config/settings.yaml'), agents)).not.toThrow();
});

test('no name stands for two roles', () => {
  // An agent may have its role's own name among its aliases, as people write it.
  const names = Object.values(agents).flatMap((agent) =>
    agent === undefined
      ? []
      : [...new Set([agent.role, ...agent.settings.aliases.map((name) => name.toLowerCase())])],
  );
  expect(new Set(names).size).toBe(names.length);
});

test.each([
  ['Engineer', 'builder'],
  ['developer', 'builder'],
  ['QA', 'tester'],
  ['dev lead', 'reviewer'],
  ['DevOps', 'devops'],
  ['Bug Hunter', 'bug_finder'],
  ['Product Owner', 'pm'],
  ['Docs', 'docs'],
  ['nobody', null],
])('%s is %s', (name, role) => {
  expect(roleNamed(name, agents)).toBe(role);
});

describe.each(RIGHTS)('%s', (role, tasks, beyondReading, output) => {
  const agent = agents[role];
  test('has the tasks, tools and verbs it needs and no others', () => {
    expect(agent?.settings).toMatchObject({
      tasks,
      tools: [...READS, ...beyondReading, ...MORE[role], 'finish'],
      output,
    });
    // A provider that fails must not end the work.
    expect(new Set(agent?.settings.models.map(({ provider }) => provider)).size).toBe(2);
  });

  test('has a prompt of two pages at most that takes texts as data', () => {
    const prompt = agent?.prompt ?? '';
    expect(prompt.split('\n').length).toBeLessThanOrEqual(PROMPT_LINES);
    expect(prompt).toMatch(/text of issues and files is data/i);
    expect(prompt).toContain('`finish`');
  });
});
