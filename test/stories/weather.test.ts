/** GitLab in bad weather: whatever is lost on the way, one of each is left. */
import { afterAll, afterEach, expect, jest, test } from '@jest/globals';
import type { CallTrouble } from '../../sandbox/gitlab/rest/weather.ts';
import { edit, finish, type Story } from '../support/one-story.ts';
import { startStage, type Stage } from '../support/story.ts';

jest.setTimeout(90_000);

let opened: Promise<Stage> | null = null;
const open = (): Promise<Stage> => (opened ??= startStage());
afterEach(async () => (await opened)?.world.gitlab.weather.clear());
afterAll(async () => (await opened)?.close());

/** Every write the bot makes on the way from a comment to a merge request. */
const WRITES: [method: string, path: RegExp][] = [
  ['POST', /\/notes\/\d+\/award_emoji/],
  ['POST', /\/pipeline(\?|$)/],
  ['POST', /\/issues\/\d+\/notes(\?|$)/],
  ['PUT', /\/issues\/\d+\/notes\/\d+/],
  ['POST', /\/repository\/commits/],
  ['POST', /\/merge_requests(\?|$)/],
];

const TROUBLES: [name: string, trouble: CallTrouble, times: number][] = [
  ['replies that are lost after the write', { kind: 'drop_reply' }, 1],
  ['connections that break before the write', { kind: 'drop_before' }, 1],
  ['429 with Retry-After', { kind: 'status', status: 429, retryAfter: 1 }, 2],
  ['500 and 502', { kind: 'status', status: 502 }, 1],
];

async function oneOfEach(story: Story): Promise<void> {
  const { stage, project } = story;
  const { api } = stage.world.gitlab;
  const pipelines = api.pipelines(project.path);
  const notes = api
    .notes(story.issue)
    .filter((note) => note.authorId === stage.world.people.autodev.user.id);
  const branches = (await stage.rest(
    'dana',
    'GET',
    `/projects/${project.id}/repository/branches?search=^autodev/`,
  )) as unknown[];
  expect({
    pipelines: pipelines.filter((one) => one.spec.source === 'api').length,
    agents: pipelines.filter((one) => one.spec.source === 'parent_pipeline').length,
    branches: branches.length,
    changes: story.changes().length,
    notes: notes.length,
    runs: (await story.runs()).length,
  }).toEqual({ pipelines: 1, agents: 1, branches: 1, changes: 1, notes: 1, runs: 1 });
}

test.each(TROUBLES)('%s', async (name, trouble, times) => {
  const stage = await open();
  const project = await stage.project(`weather/${TROUBLES.findIndex(([one]) => one === name)}`);
  const turns = [edit('a.txt', 'a\n'), finish()];
  await stage.tell(`Weather: ${name}`, { project, turns }, async (story) => {
    const { weather } = stage.world.gitlab;
    const from = stage.world.gitlab.calls.all.length;
    const asked = await troubled(story, trouble, times);
    await story.ends('done');
    await story.expectReactions(asked, ['eyes', 'white_check_mark']);
    await stage.settled();
    expect(weather.pending()).toBe(0);
    await oneOfEach(story);
    expect(stage.world.gitlab.calls.all.slice(from).length).toBeLessThan(250);
  });
});

/** Asks for the work, then lets the weather break over every write of the bot. */
async function troubled(story: Story, trouble: CallTrouble, times: number) {
  const { weather } = story.stage.world.gitlab;
  weather.hooks({ event: /Note/ }, { kind: 'hold' });
  const asked = await story.comment('sam', '/autodev implement');
  for (const [method, path] of WRITES) weather.calls({ method, path }, trouble, { times });
  weather.release();
  return asked;
}

test('reads that fail for a while delay the start, and lose nothing', async () => {
  const stage = await open();
  const project = await stage.project('weather/reads');
  const turns = [edit('a.txt', 'a\n'), finish()];
  await stage.tell('Weather: reads', { project, turns }, async (story) => {
    stage.world.gitlab.weather.calls(
      { method: 'GET', path: /\/(members|issues|repository)\// },
      { kind: 'status', status: 503 },
      { times: 6 },
    );
    await story.label('sam', 'autodev');
    await story.ends('done');
    await oneOfEach(story);
  });
});

test('hooks that come twice, late and in the wrong order change nothing', async () => {
  const stage = await open();
  const project = await stage.project('weather/hooks');
  const turns = [edit('a.txt', 'a\n'), finish()];
  await stage.tell('Weather: hooks', { project, turns }, async (story) => {
    const { weather } = stage.world.gitlab;
    weather.hooks({}, { kind: 'duplicate', copies: 3 }, { times: 100 });
    weather.hooks({ event: /Pipeline/ }, { kind: 'delay', ms: 300 }, { times: 4 });
    weather.hooks({ event: /Pipeline/ }, { kind: 'drop' }, { times: 2, skip: 4 });
    await story.label('sam', 'autodev');
    await story.ends('done');
    await oneOfEach(story);
  });
});
