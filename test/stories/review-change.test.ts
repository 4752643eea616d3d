/** Looks at merge requests of people: by command, on default-branch pipelines, with facts from CI. */
import { afterAll, expect, jest, test } from '@jest/globals';
import type { Finding } from '../../schema/wire/finding.ts';
import type { Report } from '../../schema/wire/report.ts';
import type { MergeRequest, Note, Project } from '../../sandbox/gitlab/state/types.ts';
import { calls, finish, shell } from '../support/one-story.ts';
import type { PersonName } from '../support/stage.ts';
import { startStage, type Stage } from '../support/story.ts';
import { headOf } from '../support/team.ts';
import { until } from '../support/until.ts';

jest.setTimeout(240_000);
const WAIT_MS = 90_000;

let opened: Promise<Stage> | null = null;
const open = (): Promise<Stage> => (opened ??= startStage());
afterAll(async () => (await opened)?.close());

/** The include of the sample, and a job that tells tests and coverage. */
async function ciOf(stage: Stage, coverage: number, job = 'test'): Promise<string> {
  const { light } = stage;
  const path = `/projects/${light.id}/repository/files/.gitlab-ci.yml?ref=${light.defaultBranch}`;
  const { content } = (await stage.rest('sam', 'GET', path)) as { content: string };
  const own = Buffer.from(content, 'base64').toString();
  return own.replace(
    /^test:\n(?: .*\n|\n)*/m,
    () => `${job}:
  rules:
    - !reference [.autodev-agent-pipeline-never, rules]
    - when: on_success
  script:
    - echo 'covered ${coverage}.0 percent'
    - printf '<testsuite><testcase name="a"/><testcase name="b"/></testsuite>' > junit.xml
  coverage: '/covered (\\d+\\.\\d+) percent/'
  artifacts: { reports: { junit: junit.xml } }

`,
  );
}

interface Looked {
  project: Project;
  change: MergeRequest;
  say(person: PersonName, body: string): Promise<number>;
  push(files: Record<string, string>): Promise<string>;
  /** The bot's notes on the change, GitLab's own left out. */
  notes(): Note[];
  status(pattern: RegExp): Promise<string>;
}

/** A commit on the default branch whose pipeline has ended. */
async function onMain(
  stage: Stage,
  project: Project,
  files: Record<string, string>,
): Promise<void> {
  const actions = Object.entries(files).map(([file_path, content]) => ({
    action: 'create',
    file_path,
    content,
  }));
  const branch = project.defaultBranch;
  const path = `/projects/${project.id}/repository/commits`;
  await stage.rest('dana', 'POST', path, { branch, commit_message: 'Work', actions });
  const { api } = stage.world.gitlab;
  const ended = (): boolean => api.pipelines(project.path)[0]?.status === 'success';
  await until(async () => ended(), WAIT_MS, 'the pipeline of the default branch');
}

/** A change that lee made and sam opened. */
async function propose(
  stage: Stage,
  project: Project,
  title: string,
  files: Record<string, string>,
): Promise<Looked> {
  const base = `/projects/${project.id}`;
  const branch = `lee/${title.toLowerCase().replaceAll(/[^a-z]+/g, '-')}`;
  const commit = async (more: Record<string, string>, start?: string): Promise<string> => {
    const there = new Set(Object.keys(more).filter((path) => path.startsWith('.')));
    const actions = Object.entries(more).map(([file_path, content]) => ({
      action: there.has(file_path) || !start ? 'update' : 'create',
      file_path,
      content,
    }));
    const { id } = (await stage.rest('lee', 'POST', `${base}/repository/commits`, {
      branch,
      commit_message: 'Work',
      actions,
      ...(start ? { start_branch: start } : {}),
    })) as { id: string };
    return id;
  };
  await commit(files, project.defaultBranch);
  const { iid } = (await stage.rest('sam', 'POST', `${base}/merge_requests`, {
    source_branch: branch,
    target_branch: project.defaultBranch,
    title,
    description: 'Adds a file.',
  })) as { iid: number };
  const { gitlab, people } = stage.world;
  const change = gitlab.api.mergeRequest(project.path, iid);
  const notes = (): Note[] =>
    gitlab.api
      .notes(change)
      .filter((note) => note.authorId === people.autodev.user.id && !note.system);
  const statusNote = (): string =>
    notes().find((note) => note.body.includes('<!-- autodev:status -->'))?.body ?? '';
  return {
    project,
    change,
    notes,
    push: async (more) => {
      const id = await commit(more);
      await until(async () => headOf(change) === id, WAIT_MS, 'the push');
      return id;
    },
    say: async (person, body) => {
      const path = `${base}/merge_requests/${iid}/notes`;
      return ((await stage.rest(person, 'POST', path, { body })) as { id: number }).id;
    },
    status: async (pattern) => {
      await until(
        async () => {
          const over = /^### AutoDev .* · (needs-human|refused|outage|no-runner)$/m;
          if (over.test(statusNote())) throw new Error('it ended otherwise');
          return pattern.test(statusNote());
        },
        WAIT_MS,
        `a status like ${pattern}`,
      ).catch(async (error: unknown) => {
        const settled = await stage.rows<{ event_name: string; state: string; reason: string }>(
          'select event_name, state, reason from deliveries order by received_at desc limit 30',
        );
        const pipelines = gitlab.api
          .pipelines(project.path)
          .map(({ id, status, spec }) => `${id} ${spec.source} ${spec.ref} ${status}`);
        const told = settled.map((row) => `${row.event_name} ${row.state}: ${row.reason}`);
        const said = notes().map(({ body }) => body);
        throw new Error([String(error), ...said, ...pipelines, ...told].join('\n'));
      });
      return statusNote();
    },
  };
}

const RUBRIC = {
  privilegeEscalation: false,
  destructiveWithoutSafeguard: false,
  unvalidatedExternalApi: false,
  missingAuditLog: false,
  encryption: true,
  advancedAudit: false,
};

/** The agents' answers; returns what each saw: the task, and what look.txt held. */
function hireLookers(
  stage: Stage,
  title: string,
  findings: { reviewer: Finding[]; tester: (round: number) => Finding[] },
): string[] {
  const seen: string[] = [];
  let round = 0;
  stage.script(title, {
    answer: ({ system, messages }, turn) => {
      const role = /You are the (\w+)/.exec(system)?.[1] ?? '';
      if (turn === 1) return calls(['read_file', { path: 'look.txt' }]);
      seen.push(`${role}: ${messages.map((message) => JSON.stringify(message)).join('\n')}`);
      if (role === 'Tester') round += 1;
      const report: Report =
        role === 'Reviewer'
          ? { kind: 'review', score: 70, findings: findings.reviewer }
          : role === 'Tester'
            ? { kind: 'test', score: 90, findings: findings.tester(round) }
            : { kind: 'security', rubric: RUBRIC, findings: [] };
      return finish('Looked.', { report });
    },
  });
  return seen;
}

const found = (title: string, line: number): Finding => ({
  path: 'look.txt',
  line,
  severity: 'high',
  category: 'bug',
  title,
  body: `${title} breaks it.`,
  confidence: 0.9,
});

const isResolved = (note: Note): boolean => note.resolvedAt !== null;
const threads = (notes: Note[]): Note[] =>
  notes.filter((note) => note.body.includes('<!-- autodev:finding:'));

test.concurrent('a change of people: findings, facts from CI, and a second look', async () => {
  const stage = await open();
  const project = await stage.project('looks/people', { '.gitlab-ci.yml': await ciOf(stage, 90) });
  await onMain(stage, project, { 'base.txt': 'one\n' });
  const title = 'Look at my option';
  const seen = hireLookers(stage, title, {
    reviewer: [found('The third', 1)],
    tester: (round) => [...(round === 1 ? [found('The first', 1)] : []), found('The second', 2)],
  });
  const looked = await propose(stage, project, title, {
    'look.txt': 'one\ntwo\n',
    // What the author writes into CI is no part of the pipelines in which agents work.
    '.gitlab-ci.yml': await ciOf(stage, 92, 'of-the-author'),
  });
  const { change } = looked;
  const first = headOf(change);
  await looked.say('lee', '/autodev review');
  const body = await looked.status(/^### AutoDev · .* · done$/m);
  expect(body).toContain(`At \`${first.slice(0, 8)}\`: 3 findings, consensus 80`);
  expect(body).toContain('| tester | 90 | 1 | 2 passed, coverage 92 % (+2) |');
  expect(body).toContain('| reviewer | 70 | 1 | 3 of 3 findings open |');
  await stage.settled();
  expect(threads(looked.notes()).map(isResolved)).toEqual([false, false, false]);
  expect(seen).toHaveLength(3);
  for (const text of seen) {
    expect(text).toMatch(/"role":"tool".*one.*two/);
    expect(text).toContain('+two');
  }
  const own = stage.world.gitlab.api
    .pipelines(project.path)
    .filter(({ spec }) => spec.user.username === 'autodev');
  expect(own.map(({ spec }) => spec.ref)).toEqual(['main', 'main']);
  expect(own.flatMap(({ jobs }) => jobs.map(({ name }) => name))).not.toContain('of-the-author');

  const second = await looked.push({ 'look.txt': 'eins\ntwo\n' });
  await looked.say('sam', '/autodev test');
  await looked.status(new RegExp(`At .${second.slice(0, 8)}.: 1 finding, consensus 90`));
  await stage.settled();
  const notes = threads(looked.notes());
  // Who did not look again has nothing to say about the reviewer's thread.
  expect(notes.map((note) => [/The \w+/.exec(note.body)?.[0], isResolved(note)])).toEqual([
    ['The third', false],
    ['The first', true],
    ['The second', false],
  ]);
  expect(looked.notes().map(({ body: text }) => text)).toContain(`Fixed in ${second.slice(0, 8)}.`);
  // One status comment for both looks, and no second thread for what is still there.
  expect(looked.notes()).toHaveLength(5);
  expect(change).toMatchObject({ state: 'opened', description: 'Adds a file.', labelIds: [] });
  const runs = await stage.rows<{ state: string }>(
    `select runs.state from runs join repos on repos.id = repo_id
     where project_id = $1 and target_type = 'change' and target_iid = $2`,
    [project.id, change.iid],
  );
  expect(runs.map(({ state }) => state)).toEqual(['completed', 'completed']);
});

test.concurrent(
  'a draft and a closed change are not looked at, and the reason is told',
  async () => {
    const stage = await open();
    const looked = await propose(stage, stage.light, 'Draft: not ready', { 'draft.txt': 'one\n' });
    const on = `/projects/${stage.light.id}/merge_requests/${looked.change.iid}`;
    await looked.say('lee', '/autodev review');
    await until(async () => looked.notes().length === 1, WAIT_MS, 'the first answer');
    await stage.rest('sam', 'PUT', on, { title: 'Ready now', state_event: 'close' });
    await looked.say('lee', '/autodev test');
    await until(async () => looked.notes().length === 2, WAIT_MS, 'the second answer');
    await looked.say('rita', '/autodev security');
    await until(async () => looked.notes().length === 3, WAIT_MS, 'the third answer');
    expect(looked.notes().map(({ body }) => body.split('\n')[0])).toEqual([
      'This merge request is a draft. Nothing was started. Mark it as ready, then `/autodev review`.',
      'This merge request is closed. Nothing was started. Reopen it, then `/autodev test`.',
      expect.stringMatching(/^`\/autodev security` needs Developer here; @rita is Reporter\./),
    ]);
  },
);

test.concurrent('a change that is closed meanwhile ends the look at it', async () => {
  const stage = await open();
  const title = 'Closed while they look';
  const looked = await propose(stage, stage.light, title, { 'closed.txt': 'one\n' });
  const on = `/projects/${stage.light.id}/merge_requests/${looked.change.iid}`;
  let asked = 0;
  stage.script(title, { answer: () => ((asked += 1), shell('sleep 0.2')) });
  await looked.say('lee', '/autodev test');
  await until(async () => asked > 0, WAIT_MS, 'the tester to work');
  await stage.rest('sam', 'PUT', on, { state_event: 'close' });
  const body = await looked.status(/^### AutoDev · .* · cancelled$/m);
  expect(body).toContain(`!${looked.change.iid} was closed before the look at it was over.`);
});
