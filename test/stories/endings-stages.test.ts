/**
 * The ground is taken from under runs at different stages: each ends with a clear verdict, and writes
 * nothing more but its one note: the status comment, with the emoji on the command. All stages and all
 * happenings are played in memory in test/unit/decide/endings-matrix; these are some of them for real.
 */
import { afterAll, expect, jest, test } from '@jest/globals';
import type { Finding } from '../../schema/wire/finding.ts';
import { ACCESS } from '../../sandbox/gitlab/state/access-levels.ts';
import type { MergeRequest } from '../../sandbox/gitlab/state/types.ts';
import { edit, type Story } from '../support/one-story.ts';
import { startStage, type Stage } from '../support/story.ts';
import { atGate, decide, headOf, hireTeam } from '../support/team.ts';

jest.setTimeout(300_000);

let opened: Promise<Stage> | null = null;
const open = (): Promise<Stage> => (opened ??= startStage());
afterAll(async () => (await opened)?.close());

const LONG_MS = 120_000;
const PAGE = 'docs/usage.md';

/** Writes of the bot to the project that GitLab took, from now on. */
function watch(story: Story): () => string[] {
  const { calls } = story.stage.world.gitlab;
  const before = calls.all.length;
  const here = new RegExp(`^/projects/${story.project.id}(/|$)`);
  return () =>
    calls.all
      .slice(before)
      .filter(({ user, method, path }) => user === 'autodev' && method !== 'GET' && here.test(path))
      .filter(({ status }) => status !== null && status < 300)
      .map(({ method, route }) => `${method} ${route}`);
}

/** What a run that ended may still have said: the status comment, the emoji, and stopped pipelines. */
const LAST_WORDS = /^(PUT .*\/notes\/|POST .*\/award_emoji|POST .*\/cancel$)/;

function expectOneNote(written: string[]): void {
  expect(written.filter((call) => !LAST_WORDS.test(call))).toEqual([]);
  expect(written.filter((call) => call.startsWith('PUT'))).toHaveLength(1);
}

async function verdictOf(story: Story): Promise<string | undefined> {
  const [run] = await story.runs();
  return run?.verdict?.kind;
}

/** A run whose writer has to answer a finding, and is at it for so long. */
async function addressing(
  story: Story,
  title: string,
  delayMs: number,
): Promise<MergeRequest | undefined> {
  story.stage.script(title, {
    answer: () => ({ ...edit(PAGE, '# An answer\n'), delayMs }),
  });
  await story.comment('sam', '/autodev plan docs');
  await story.status(/^\| docs \| done /m);
  await story.status(/^\| verify \| .* Reviewer \d/m);
  await story.status(/^\| verify \| fixing /m);
  await story.expectNote(new RegExp(title));
  const [attempt] = await running(story);
  await story.waitFor('the writer to be at work', async () => (await running(story)).length > 0);
  expect(attempt === undefined || attempt.stage === 'address').toBe(true);
  return story.changes()[0];
}

async function running(story: Story): Promise<{ stage: string }[]> {
  const [run] = await story.runs();
  return story.stage.rows<{ stage: string }>(
    `select stage from tasks join attempts on attempts.task_id = tasks.id
     where tasks.run_id = $1 and attempts.state = 'running'`,
    [run?.id],
  );
}

const flaw = (title: string): Finding => ({
  path: PAGE,
  line: 1,
  severity: 'high',
  category: 'bug',
  title,
  body: 'It says too little.',
  confidence: 0.9,
});

test.concurrent('people merge while the writer answers a finding', async () => {
  const stage = await open();
  const project = await stage.project('grounds/merged');
  hireTeam(stage, 'Merged meanwhile', { writes: PAGE, review: () => [flaw('Slow flaw one')] });
  await stage.tell('Merged meanwhile', { project }, async (story) => {
    const change = (await addressing(story, 'Slow flaw one', LONG_MS)) as MergeRequest;
    const head = headOf(change);
    await story.waitFor('the change to be checked', () => change.mergeCheck === 'can_be_merged');
    await decide(story, 'dana', 'merge', change);
    const status = await story.ends('done');
    expect(status).toContain(`!${change.iid} was merged`);
    await stage.settled();
    expect([headOf(change), story.issue.state]).toEqual([head, 'closed']);
    expect(await running(story)).toEqual([]);
  });
});

test.concurrent('the change is closed while the writer answers a finding', async () => {
  const stage = await open();
  const project = await stage.project('grounds/closed');
  hireTeam(stage, 'Closed meanwhile', { writes: PAGE, review: () => [flaw('Slow flaw two')] });
  await stage.tell('Closed meanwhile', { project }, async (story) => {
    const change = (await addressing(story, 'Slow flaw two', LONG_MS)) as MergeRequest;
    const written = watch(story);
    await decide(story, 'dana', 'close', change);
    expect(await story.ends('cancelled')).toContain(`!${change.iid} was closed.`);
    await stage.settled();
    expectOneNote(written());
  });
});

test.concurrent('the branch is deleted while the writer answers a finding', async () => {
  const stage = await open();
  const project = await stage.project('grounds/branch');
  hireTeam(stage, 'Branch gone', { writes: PAGE, review: () => [flaw('Slow flaw three')] });
  await stage.tell('Branch gone', { project }, async (story) => {
    const change = (await addressing(story, 'Slow flaw three', 4_000)) as MergeRequest;
    const branch = encodeURIComponent(change.sourceBranch);
    const where = `/projects/${project.id}/repository/branches/${branch}`;
    await stage.rest('dana', 'DELETE', where);
    const written = watch(story);
    expect(await story.ends('cancelled')).toContain(`\`${change.sourceBranch}\` was deleted.`);
    await stage.settled();
    expect(
      written().filter((call) => /commits|branches|merge_requests\/|pipeline$/.test(call)),
    ).toEqual([]);
    await expect(stage.rest('sam', 'GET', where)).rejects.toThrow('404');
  });
});

test.concurrent('whoever asked loses the right to, at the gate', async () => {
  const stage = await open();
  const project = await stage.project('grounds/rights');
  hireTeam(stage, 'Rights gone');
  await stage.tell('Rights gone', { project }, async (story) => {
    const asked = await story.comment('sam', '/autodev plan refactor');
    const spec = await atGate(story, 'spec-gate');
    const written = watch(story);
    stage.world.gitlab.api.addMember(project, stage.world.people.sam.user, ACCESS.reporter);
    const status = await story.ends('refused');
    expect(status).toContain('@sam, who asked for this, is not Developer in the project any more.');
    await story.expectReactions(asked, ['eyes', 'x']);
    await stage.settled();
    expectOneNote(written());
    expect(spec.state).toBe('opened');
  });
});

test.concurrent('the project is archived at the gate', async () => {
  const stage = await open();
  const project = await stage.project('grounds/archived');
  hireTeam(stage, 'Archived');
  await stage.tell('Archived', { project }, async (story) => {
    await story.comment('sam', '/autodev plan refactor');
    await atGate(story, 'spec-gate');
    const written = watch(story);
    await stage.rest('dana', 'POST', `/projects/${project.id}/archive`);
    await story.waitFor('the end', async () => (await verdictOf(story)) === 'cancelled');
    await stage.settled();
    // GitLab may still take the edit of a note there; nothing else is tried.
    expect(written().filter((call) => !LAST_WORDS.test(call))).toEqual([]);
    const [row] = await stage.rows<{ cause: string }>(
      `select verdict->>'cause' as cause from runs where id = $1`,
      [(await story.runs())[0]?.id],
    );
    expect(row?.cause).toBe('The project was archived.');
  });
});

test.concurrent.each([
  { name: 'the bot loses its rights', status: 403, verdict: 'needs-human' },
  { name: 'the project is deleted', status: 404, verdict: 'cancelled' },
])('$name while an agent works', async ({ name, status, verdict }) => {
  const stage = await open();
  const project = await stage.project(`grounds/answers-${status}`);
  await stage.tell(name, { project, turns: [edit('a.txt', 'a\n')] }, async (story) => {
    await story.comment('sam', '/autodev implement');
    await story.status(/^\| implement \| (running|waiting) /m);
    await stage.world.gitlab.hooksIdle();
    const written = watch(story);
    const path = new RegExp(`^/projects/${project.id}([/?]|$)`);
    stage.world.gitlab.weather.calls({ path }, { kind: 'status', status }, { times: Infinity });
    await story.waitFor('the end', async () => (await verdictOf(story)) === verdict);
    await stage.settled();
    expect(written()).toEqual([]);
  });
});
