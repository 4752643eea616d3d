/** GitLab in bad weather: whatever is lost on the way, one of each is left. */
import { afterAll, expect, jest, test } from '@jest/globals';
import type { CallRecord } from '../../sandbox/gitlab/rest/call-log.ts';
import type { CallTrouble } from '../../sandbox/gitlab/rest/weather.ts';
import { edit, finish, type Story } from '../support/one-story.ts';
import { startStage, type Stage } from '../support/story.ts';

jest.setTimeout(150_000);

let opened: Promise<Stage> | null = null;
const open = (): Promise<Stage> => (opened ??= startStage({ database: 'embedded' }));
afterAll(async () => (await opened)?.close());

/** Every write the bot makes on the way from a comment to a merge request; `skip` spares the comment. */
const WRITES: { method: string; path: string; skip?: number }[] = [
  { method: 'POST', path: '/issues/\\d+/notes/\\d+/award_emoji' },
  { method: 'POST', path: '/pipeline' },
  { method: 'POST', path: '/issues/\\d+/notes', skip: 1 },
  { method: 'PUT', path: '/issues/\\d+/notes/\\d+' },
  { method: 'POST', path: '/repository/commits' },
  { method: 'POST', path: '/merge_requests' },
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

test.concurrent.each(TROUBLES)('%s', async (name, trouble, times) => {
  const stage = await open();
  const project = await stage.project(`weather/${TROUBLES.findIndex(([one]) => one === name)}`);
  const turns = [edit('a.txt', 'a\n'), finish()];
  await stage.tell(`Weather: ${name}`, { project, turns }, async (story) => {
    const { weather, calls } = stage.world.gitlab;
    const writes = WRITES.map(({ method, path, skip = 0 }) => ({
      skip,
      match: { method, path: new RegExp(`^/projects/${project.id}${path}(\\?|$)`) },
    }));
    for (const { match, skip } of writes) weather.calls(match, trouble, { times, skip });
    const asked = await story.comment('sam', '/autodev implement');
    await story.ends('done');
    await story.expectReactions(asked, ['eyes', 'white_check_mark']);
    await stage.settled();
    await oneOfEach(story);
    for (const { match } of writes) {
      const found = calls.find(match.method, match.path);
      const hit = found.filter((call) => isTrouble(call, trouble));
      expect([match.path.source, hit.length]).toEqual([match.path.source, times]);
      expect(found.length).toBeLessThan(30);
    }
  });
});

function isTrouble(call: CallRecord, trouble: CallTrouble): boolean {
  if (trouble.kind === 'drop_reply') return call.replyDropped;
  return call.status === (trouble.kind === 'status' ? trouble.status : null);
}

test.concurrent('reads that fail for a while delay the start, and lose nothing', async () => {
  const stage = await open();
  const project = await stage.project('weather/reads');
  const turns = [edit('a.txt', 'a\n'), finish()];
  await stage.tell('Weather: reads', { project, turns }, async (story) => {
    stage.world.gitlab.weather.calls(
      { method: 'GET', path: new RegExp(`^/projects/${project.id}/(members|issues|repository)/`) },
      { kind: 'status', status: 503 },
      { times: 6 },
    );
    await story.label('sam', 'autodev');
    await story.ends('done');
    await oneOfEach(story);
  });
});

test.concurrent('hooks that come twice, late and in the wrong order change nothing', async () => {
  const stage = await open();
  const project = await stage.project('weather/hooks');
  const turns = [edit('a.txt', 'a\n'), finish()];
  await stage.tell('Weather: hooks', { project, turns }, async (story) => {
    const { weather } = stage.world.gitlab;
    const hookId = project.hooks[0]?.id ?? 0;
    weather.hooks({ hookId }, { kind: 'duplicate', copies: 3 }, { times: 100 });
    weather.hooks({ hookId, event: /Pipeline/ }, { kind: 'delay', ms: 300 }, { times: 4 });
    weather.hooks({ hookId, event: /Pipeline/ }, { kind: 'drop' }, { times: 2, skip: 4 });
    await story.label('sam', 'autodev');
    await story.ends('done');
    await oneOfEach(story);
  });
});
