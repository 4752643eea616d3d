/** Looks at merge requests of people: by command, on default-branch pipelines, with facts from CI. */
import { spawnSync } from 'node:child_process';
import { afterAll, expect, jest, test } from '@jest/globals';
import type { Finding } from '../../schema/wire/finding.ts';
import type { Report, ReviewReport } from '../../schema/wire/report.ts';
import type { MergeRequest, Note, Project } from '../../sandbox/gitlab/state/types.ts';
import { calls, finish, shell } from '../support/one-story.ts';
import type { PersonName } from '../support/stage.ts';
import { startStage, type Stage } from '../support/story.ts';
import { headOf } from '../support/team.ts';
import { until } from '../support/until.ts';

jest.setTimeout(400_000);
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
    - if [ -f look.js ]; then node look.js; fi
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

/** What the agents bring in each round; returns what each was told, as `<round> <role>: …`. */
function hireLookers(
  stage: Stage,
  title: string,
  bring: (
    role: string,
    round: number,
    told: string,
  ) => Partial<Pick<ReviewReport, 'findings' | 'verified'>>,
): string[] {
  const seen: string[] = [];
  const rounds = new Map<string, number>();
  stage.script(title, {
    answer: ({ system, messages }, turn) => {
      const role = /You are the (\w+)/.exec(system)?.[1] ?? '';
      if (turn === 1) return calls(['read_file', { path: 'look.js' }]);
      const told = messages.map((message) => JSON.stringify(message)).join('\n');
      const round = (rounds.get(role) ?? 0) + 1;
      rounds.set(role, round);
      seen.push(`${round} ${role}: ${told}`);
      const brought = { findings: [], ...bring(role, round, told) };
      const report: Report =
        role === 'Reviewer'
          ? { kind: 'review', score: 70, ...brought }
          : role === 'Tester'
            ? { kind: 'test', score: 90, ...brought }
            : { kind: 'security', rubric: RUBRIC, ...brought };
      return finish('Looked.', { report });
    },
  });
  return seen;
}

const found = (title: string, line: number, patch: Partial<Finding> = {}): Finding => ({
  path: 'look.js',
  line,
  severity: 'high',
  category: 'bug',
  title,
  body: `${title}: that breaks it.`,
  confidence: 0.9,
  ...patch,
});

const isResolved = (note: Note): boolean => note.resolvedAt !== null;
const threads = (notes: Note[]): Note[] =>
  notes.filter((note) => note.body.includes('<!-- autodev:finding:'));

const LOOK = `const words = ['a', 'bb'];
let count = 0;
for (let at = 0; at <= words.length; at += 1) {
  count += (words[at] ?? 'one too many').length;
}
console.log(count === 3 ? 'right' : 'wrong');
`;
const LOOP = 'for (const word of words) {\n  count += word.length;\n}\n';

test.concurrent(
  'findings are verified after a push, stay dismissed, and their suggestions apply',
  async () => {
    const stage = await open();
    const project = await stage.project('looks/people', {
      '.gitlab-ci.yml': await ciOf(stage, 90),
    });
    await onMain(stage, project, { 'base.txt': 'one\n' });
    const title = 'Look at my option';
    const overrun = found('The loop runs one too far', 3, { endLine: 5, suggestion: LOOP });
    const seen = hireLookers(stage, title, (role, round, told) => {
      if (role === 'Tester' && round === 1) return { findings: [found('Says wrong', 6)] };
      if (role !== 'Reviewer') return {};
      if (round === 1) {
        const unsure = found('Perhaps too slow', 2, { confidence: 0.2 });
        return { findings: [overrun, found('Words are fixed', 1, { severity: 'low' }), unsure] };
      }
      const id = Number(/number (\d+): \[high\] look\.js/.exec(told)?.[1]);
      const why = 'It still ends at the length.';
      // What was dismissed comes again, in other words.
      const again = found('The list of words cannot be changed', 2, { severity: 'low' });
      return { findings: [again], verified: [{ id, fixed: false, why }] };
    });
    const looked = await propose(stage, project, title, {
      'look.js': LOOK,
      // What the author writes into CI is no part of the pipelines in which agents work.
      '.gitlab-ci.yml': await ciOf(stage, 92, 'of-the-author'),
    });
    const { change } = looked;
    const first = headOf(change);
    await looked.say('lee', '/autodev review');
    const body = await looked.status(/^### AutoDev · .* · done$/m);
    expect(body).toContain(
      `At \`${first.slice(0, 8)}\`: 3 findings, consensus 80 (approve). 1 left out`,
    );
    expect(body).toContain('| tester | 90 | 1 | 2 passed, coverage 92 % (+2) |');
    expect(body).toContain('| reviewer | 70 | 1 | 3 of 3 findings open, 1 left out |');
    await stage.settled();
    const [loop, fixed, wrong] = threads(looked.notes());
    expect(
      [loop, fixed, wrong].map((note) => /^\*\*.*\*\* (.*)$/m.exec(note?.body ?? '')?.[1]),
    ).toEqual(['The loop runs one too far', 'Says wrong', 'Words are fixed']);
    expect(seen).toHaveLength(3);
    for (const text of seen) {
      expect(text).toMatch(/"role":"tool".*const words/);
      expect(text).toContain('+let count');
    }
    const own = stage.world.gitlab.api
      .pipelines(project.path)
      .filter(({ spec }) => spec.user.username === 'autodev');
    expect(own.map(({ spec }) => spec.ref)).toEqual(['main', 'main']);
    expect(own.flatMap(({ jobs }) => jobs.map(({ name }) => name))).not.toContain('of-the-author');

    const on = `/projects/${project.id}/merge_requests/${change.iid}`;
    await stage.rest('lee', 'POST', `${on}/notes/${wrong?.id}/award_emoji`, { name: 'thumbsdown' });
    const pushed = LOOK.replace("'right' : 'wrong'", "'good' : 'bad'");
    const second = await looked.push({ 'look.js': `'use strict';\n${pushed}` });
    await looked.say('sam', '/autodev review');
    await looked.status(new RegExp(`At .${second.slice(0, 8)}.: 1 finding, consensus 80`));
    await stage.settled();
    const told = seen.find((text) => text.startsWith('2 Reviewer')) ?? '';
    expect(told).toContain('People do not want these');
    expect(told).toMatch(/look\.js:1 Words are fixed/);
    // Nobody spoke of the tester's finding: its line changed. The dismissed one is not raised again.
    const notes = threads(looked.notes());
    expect(notes.map(isResolved)).toEqual([false, true, true]);
    const replies = (note: Note | undefined): string[] =>
      looked
        .notes()
        .filter(({ discussionId, id }) => discussionId === note?.discussionId && id !== note.id)
        .map(({ body: text }) => text);
    const at = second.slice(0, 8);
    expect(replies(notes[0])).toEqual([`Still there at ${at}: It still ends at the length.`]);
    expect(replies(notes[1])).toEqual([`Fixed in ${at}.`]);
    expect(replies(notes[2])).toEqual([]);
    // One status comment for both looks, and no second thread for what is still there.
    expect(looked.notes()).toHaveLength(6);
    expect(change).toMatchObject({ state: 'opened', description: 'Adds a file.', labelIds: [] });
    const rows = await stage.rows<{ state: string; dismissed_how: string | null }>(
      `select state, dismissed_how from findings join repos on repos.id = repo_id
       where project_id = $1 and change_iid = $2 order by findings.id`,
      [project.id, change.iid],
    );
    expect(rows.map((row) => [row.state, row.dismissed_how])).toEqual([
      ['open', null],
      ['fixed', null],
      ['dismissed', 'thumbs_down'],
    ]);

    // The suggestion moved with the push; applied, it is what it says, and CI says so.
    const [suggestion] = notes[0]?.suggestions ?? [];
    await stage.rest('sam', 'PUT', `/suggestions/${suggestion?.id}/apply`);
    await until(async () => headOf(change) !== second, WAIT_MS, 'the suggestion to land');
    const path = `/projects/${project.id}/repository/files/look.js?ref=${headOf(change)}`;
    const { content } = (await stage.rest('sam', 'GET', path)) as { content: string };
    const text = Buffer.from(content, 'base64').toString();
    const lines = pushed.split('\n');
    expect(text).toBe(
      ["'use strict';", ...lines.slice(0, 2), `${LOOP}${lines.slice(5).join('\n')}`].join('\n'),
    );
    const run = spawnSync(process.execPath, ['-e', text], { encoding: 'utf8' });
    expect([run.status, run.stdout]).toEqual([0, 'good\n']);
    const { api } = stage.world.gitlab;
    const green = (): boolean =>
      api
        .pipelines(project.path)
        .some((one) => one.spec.sha === headOf(change) && one.status === 'success');
    await until(async () => green(), WAIT_MS, 'the tests to pass');
  },
);

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
