/**
 * Every type of task, from a real command or label to its native result, with the scripts that the sandbox
 * ships. One world and one bot for all of them; a type without a row here fails.
 */
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { TASKS } from '../../bot/domain/task-types.ts';
import { TaskType } from '../../schema/wire/agent.ts';
import type { Issue, MergeRequest, Project } from '../../sandbox/gitlab/state/types.ts';
import type { Story } from '../support/one-story.ts';
import { startStage, type Stage } from '../support/story.ts';
import { atGate, decide } from '../support/team.ts';

jest.setTimeout(400_000);

let stage: Stage;
beforeAll(async () => {
  // Sam asks for more in these minutes than one person may in an hour.
  stage = await startStage({ settings: ({ limits }) => void (limits.runsPerUserHour = 100) });
});
afterAll(() => stage.close());

/** One run: how it is asked for, and what people find afterwards. */
interface Row {
  /** Tasks that this run has, and no others. */
  types: TaskType[];
  title: string;
  project?: () => Promise<Project>;
  play: (story: Story) => Promise<void>;
}

/** A run that is told in one comment with these lines. */
function noted(type: TaskType, command: string, ...lines: (string | RegExp)[]): Row {
  return {
    types: [type],
    title: `${command} is told in a comment`,
    play: async (story) => {
      const asked = await story.comment('sam', `/autodev ${command}`);
      await story.ends('done');
      await expectTold(story, type, lines);
      await story.expectReactions(asked, ['eyes', 'white_check_mark']);
      expect([...story.changes(), ...story.specs()]).toEqual([]);
    },
  };
}

/** A run whose report becomes one issue of this title. */
function raised(type: TaskType, command: string, title: string, ...lines: string[]): Row {
  return {
    types: [type],
    title: `${command} makes an issue`,
    play: async (story) => {
      await story.comment('sam', `/autodev ${command}`);
      await story.ends('done');
      const [made, ...more] = issuesOfBot(story.project).filter((issue) => issue.title === title);
      expect(more).toEqual([]);
      for (const line of lines) expect(made?.description).toContain(line);
      const label = story.project.labels.find(({ name }) => name === 'autodev-raised');
      expect(made?.labelIds).toEqual([label?.id]);
      await expectTold(story, type, [`#${made?.iid}`]);
    },
  };
}

/** A run that ends with a merge request which changes these files; its own pipeline is green. */
function changed(type: TaskType, start: string, files: Record<string, string>): Row {
  return {
    types: [type],
    title: `${start} opens a merge request`,
    play: async (story) => {
      await ask(story, start);
      await story.ends('done');
      await expectChange(story, files);
    },
  };
}

/** A command, or a label that stands for one; what touches delivery is asked for by a maintainer. */
async function ask(story: Story, start: string): Promise<void> {
  if (start.startsWith('label ')) await story.label('sam', start.slice('label '.length));
  else await story.comment(start === 'publish' ? 'dana' : 'sam', `/autodev ${start}`);
}

const issuesOfBot = (project: Project): Issue[] =>
  project.issues.filter(({ authorId }) => authorId === stage.world.people.autodev.user.id);

async function expectTold(story: Story, type: TaskType, lines: (string | RegExp)[]): Promise<void> {
  const kind = TASKS[type];
  const title = 'title' in kind ? kind.title : '';
  const { body } = await story.expectNote(new RegExp(`^### AutoDev · ${title}`));
  for (const line of lines) expect(body).toEqual(expect.stringMatching(line));
}

async function expectChange(story: Story, files: Record<string, string>): Promise<MergeRequest> {
  const [change, ...more] = story.changes();
  if (change === undefined) throw new Error('there is no merge request');
  expect(more).toEqual([]);
  const { pipelines } = stage.world.gitlab.api;
  const own = pipelines(story.project.path).filter(
    ({ spec }) => spec.mergeRequest?.iid === change.iid,
  );
  expect(own.map(({ status }) => status)).toEqual(['success']);
  const diffs = await diffsOf(story, change);
  expect(diffs.map(({ new_path }) => new_path).toSorted()).toEqual(Object.keys(files).toSorted());
  for (const { new_path, diff } of diffs) expect(diff).toContain(files[new_path]);
  return change;
}

async function diffsOf(
  story: Story,
  change: MergeRequest | undefined,
): Promise<{ new_path: string; diff: string }[]> {
  const path = `/projects/${story.project.id}/merge_requests/${change?.iid}/diffs`;
  return (await stage.rest('sam', 'GET', path)) as { new_path: string; diff: string }[];
}

async function commitOnMain(
  project: Project,
  action: Record<string, string>,
  status: string,
  waitFor: Story['waitFor'],
): Promise<void> {
  const { id } = (await stage.rest('dana', 'POST', `/projects/${project.id}/repository/commits`, {
    branch: 'main',
    commit_message: 'Change a file',
    actions: [action],
  })) as { id: string };
  await waitFor(`a pipeline that is ${status}`, () =>
    stage.world.gitlab.api
      .pipelines(project.path)
      .some((pipeline) => pipeline.spec.sha === id && pipeline.status === status),
  );
}

const ROWS: Row[] = [
  // What takes longest comes first.
  {
    types: ['write_spec', 'implement_refactor', 'review_mr', 'run_tests'],
    title: 'plan refactor works from an approved specification',
    play: async (story) => {
      await story.comment('sam', '/autodev plan refactor');
      await decide(story, 'dana', 'approve', await atGate(story, 'spec-gate'));
      await story.status(/^\| verify \| running/m);
      expect(story.specs().map(({ state }) => state)).toEqual(['merged']);
      await story.waitFor('the code change', () => story.changes().length === 1);
      await story.comment('sam', '/autodev cancel');
      await story.ends('cancelled');
    },
  },
  {
    types: [
      'triage_issue',
      'implement_fix',
      'review_mr',
      'run_tests',
      'security_scan',
      'address_review_feedback',
    ],
    title: 'plan bugfix is reviewed, answered and looked at again',
    play: async (story) => {
      await story.comment('sam', '/autodev plan bugfix');
      await story.status(/^\| triage \| done/m);
      await story.status(/^\| verify \| running/m);
      const finding = await story.expectNote(/The README does not say what a word is now/);
      await story.status(/^\| address \| done|^\| verify .*round 2/m);
      const code = await atGate(story, 'merge');
      await story.expectNote(/^Fixed in /, { inThreadOf: finding });
      expect(finding.resolvedById).not.toBeNull();
      for (const vote of ['reviewer | 92', 'tester | 90', 'security | 80']) {
        expect(code.description).toContain(vote);
      }
      await story.comment('sam', '/autodev cancel');
      await story.ends('cancelled');
    },
  },
  {
    types: ['manage_pipeline'],
    title: 'pipeline waits for a maintainer, who lets exactly that through',
    play: async (story) => {
      await story.comment('dana', '/autodev pipeline');
      const refused = await story.ends('refused');
      const allow = /`(\/autodev allow \.gitlab-ci\.yml at [0-9a-f]+)`/.exec(refused)?.[1] ?? '';
      await story.comment('dana', allow);
      await story.status(/^### AutoDev · .* · running · /m);
      await story.ends('done');
      await expectChange(story, { '.gitlab-ci.yml': '+  timeout: 10 minutes' });
    },
  },
  {
    types: ['fix_build'],
    title: 'fix-build mends the pipeline of the default branch',
    project: () => stage.project('types/red'),
    play: async (story) => {
      const gone = { action: 'delete', file_path: 'package.json' };
      await commitOnMain(story.project, gone, 'failed', story.waitFor);
      await story.comment('dana', '/autodev fix-build');
      await story.ends('done');
      await expectChange(story, { 'package.json': '+{ "name": "wordfreq"' });
    },
  },
  {
    types: ['deploy', 'rollback'],
    title: 'plan release and plan rollback are planned, told and done',
    project: () => stage.project('types/deploys', {}, { deploys: true }),
    play: async (story) => {
      const commit = (content: string): Promise<void> => {
        const action = { action: 'update', file_path: 'README.md', content };
        return commitOnMain(story.project, action, 'success', story.waitFor);
      };
      const deployed = async (count: number): Promise<string[]> => {
        const path = `/projects/${story.project.id}/deployments?order_by=id&sort=asc`;
        const found = (await stage.rest('sam', 'GET', path)) as { sha: string; status: string }[];
        expect(found.map(({ status }) => status)).toEqual(Array(count).fill('success'));
        return found.map(({ sha }) => sha);
      };
      await commit('one\n');
      await story.comment('dana', '/autodev plan release');
      await story.status(/^\| plan \| done/m);
      await story.ends('done');
      await expectTold(story, 'deploy', ['Play the deploy job', 'Run the job before it again']);
      await commit('two\n');
      await story.comment('dana', '/autodev deploy');
      await story.status(/^### AutoDev · .* · running · /m);
      await story.ends('done');
      await story.comment('dana', '/autodev plan rollback');
      await story.status(/^### AutoDev · .* · running · /m);
      await story.ends('done');
      await expectTold(story, 'rollback', ['Only a text goes back']);
      const [first, second, third] = await deployed(3);
      expect(second).not.toBe(first);
      expect(third).toBe(first);
    },
  },
  {
    types: ['answer_question'],
    title: 'ask is answered in its thread',
    play: async (story) => {
      const asked = await story.comment('sam', '/autodev ask how are ties ordered?');
      await story.expectNote(/alphabetical order/, { inThreadOf: asked });
    },
  },
  {
    types: ['break_down_epic'],
    title: 'plan epic makes a page for approval',
    play: async (story) => {
      await story.comment('sam', '/autodev plan epic');
      await story.status(/^\| plan-gate \| waits for you /m);
      const [page] = story.specs();
      const [file] = await diffsOf(story, page);
      expect(file?.diff).toContain('Print the counts as CSV');
      await story.comment('sam', '/autodev cancel');
      await story.ends('cancelled');
    },
  },
  noted('analyze_repo', 'analyze', 'Counts the words', 'Reads whole files', 'npm test'),
  noted('evaluate_feasibility', 'feasibility', 'A second printer', 'One array or one object?'),
  noted('prioritize_backlog', 'backlog', 'Everybody runs into it', 'Defects come before wishes'),
  noted('validate_feature', 'validate', 'It reads several files', 'It asks for exactly one'),
  noted('analyze_coverage', 'coverage', 'src/table.js', 'Two words of different length'),
  noted('dependency_audit', 'audit', 'left-pad', 'CVE-2026-1234'),
  noted('compliance_check', 'compliance', 'The licence is named', 'No dependencies'),
  noted('static_analysis', 'scan', 'Too many rows for one call', 'src/table.js'),
  raised('create_epic', 'epic', 'Counts in every format', 'A web page'),
  raised('create_user_story', 'story', 'Counts for scripts', 'author of scripts'),
  raised('create_implementation_issue', 'issues', 'Add the option --csv', 'src/cli.js'),
  raised('bug_hunt', 'hunt', 'Half a word is asked for', 'Run wordfreq with --top 1.5.'),
  changed('implement_feature', 'label autodev', {
    'src/cli.js': "+  version: { type: 'boolean' },",
  }),
  changed('write_tests', 'tests', { 'test/count.test.js': '+test(' }),
  changed('write_docs', 'label autodev::docs', { 'README.md': '+It ends with 2' }),
  changed('write_adr', 'adr', { 'docs/adr/0001-no-dependencies.md': '+# No dependencies' }),
  changed('write_runbook', 'runbook', { 'docs/runbooks/counting.md': '+# Counting fails' }),
  changed('publish', 'publish', {
    'CHANGELOG.md': '+# 1.3.0',
    'package.json': '+  "version": "1.3.0"',
  }),
];

test('every type of task has a row', () => {
  const covered = new Set(ROWS.flatMap(({ types }) => types));
  expect(TaskType.options.filter((type) => !covered.has(type))).toEqual([]);
});

describe('from a command or label to the native result', () => {
  test.concurrent.each(ROWS.map((row) => [row.title, row] as const))('%s', async (title, row) => {
    const project = await row.project?.();
    await stage.tell(title, project === undefined ? {} : { project }, async (story) => {
      await row.play(story);
      const tasks = await stage.rows<{ type: TaskType }>(
        `select distinct type from tasks join runs on runs.id = run_id join repos on repos.id = repo_id
         where project_id = $1 and target_iid = $2 and target_type = 'issue'`,
        [story.project.id, story.issue.iid],
      );
      expect(tasks.map(({ type }) => type).toSorted()).toEqual(row.types.toSorted());
    });
  });
});
