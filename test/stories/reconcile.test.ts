/** Webhooks that never come, come late or come again: the poll finds what they would have told, once. */
import { afterAll, expect, jest, test } from '@jest/globals';
import type { Project } from '../../sandbox/gitlab/state/types.ts';
import { edit, finish, type Story } from '../support/one-story.ts';
import { startStage, type Stage } from '../support/story.ts';
import { atGate, decide, hireTeam } from '../support/team.ts';

jest.setTimeout(150_000);

let opened: Promise<Stage> | null = null;
/** Everything is looked at thirty times as often as by default. */
const open = (): Promise<Stage> =>
  (opened ??= startStage({
    settings: (settings) => {
      settings.limits.reconcileSeconds = 1;
    },
  }));
afterAll(async () => (await opened)?.close());

/** A poll, a sweep and what they cause; on a busy machine that takes longer than the wait for them. */
const SOON_MS = 30_000;
const SLOW = { ...edit('slow.txt', 'slow\n'), delayMs: 60_000 };
const QUICK = [edit('a.txt', 'a\n'), finish()];

/** A project that the bot knows, as `autodev connect` leaves it. */
async function known(
  stage: Stage,
  name: string,
  files: Record<string, string> = {},
): Promise<Project> {
  const project = await stage.project(`reconcile/${name}`, files);
  await stage.rows(
    `insert into repos (forge, project_id, path, default_branch, web_url, next_poll_at)
     values ('gitlab', $1, $2, 'main', $3, now())`,
    [project.id, project.path, `${stage.world.gitlab.url}/${project.path}`],
  );
  return project;
}

function loseHooks(stage: Stage, project: Project): void {
  const hookId = project.hooks[0]?.id ?? 0;
  stage.world.gitlab.weather.hooks({ hookId }, { kind: 'drop' }, { times: Infinity });
}

async function soon(what: Promise<unknown>): Promise<void> {
  const started = Date.now();
  await what;
  expect(Date.now() - started).toBeLessThan(SOON_MS);
}

async function hooksCame(stage: Stage, project: Project): Promise<number> {
  const [row] = await stage.rows<{ count: number }>(
    `select count(*) as count from deliveries
     where source = 'gitlab' and (body::jsonb #>> '{project,id}')::int = $1`,
    [project.id],
  );
  return row?.count ?? -1;
}

async function oneOfEach(story: Story): Promise<void> {
  const { stage, project } = story;
  const pipelines = stage.world.gitlab.api.pipelines(project.path);
  expect({
    pipelines: pipelines.filter((one) => one.spec.source === 'api').length,
    changes: story.changes().length,
    runs: (await story.runs()).map((run) => run.verdict?.kind),
  }).toEqual({ pipelines: 1, changes: 1, runs: ['done'] });
}

test.concurrent('a command, another one in a thread, and one that somebody edited', async () => {
  const stage = await open();
  const project = await known(stage, 'commands');
  loseHooks(stage, project);
  await stage.tell('Without a webhook', { project, turns: QUICK }, async (story) => {
    const help = await story.comment('gus', '/autodev help');
    await soon(story.expectReactions(help, ['white_check_mark']));
    await story.expectNote(/\/autodev implement/, { inThreadOf: help });
    const edited = await story.comment('sam', 'Nice weather');
    await new Promise((resolve) => setTimeout(resolve, 2_100));
    await story.editNote('dana', edited, '/autodev implement');
    await soon(story.expectReactions(edited, ['x']));
    await story.expectNote(/edited/, { inThreadOf: edited });
    const asked = await story.comment('sam', '/autodev implement');
    await soon(story.expectReactions(asked, ['eyes']));
    await story.ends('done');
    await story.expectReactions(asked, ['eyes', 'white_check_mark']);
    await stage.settled();
    await oneOfEach(story);
    expect(await hooksCame(stage, project)).toBe(0);
  });
});

test.concurrent('a label, and an issue that is closed while an agent works', async () => {
  const stage = await open();
  const project = await known(stage, 'labels');
  loseHooks(stage, project);
  await stage.tell('Labelled in silence', { project, turns: [SLOW] }, async (story) => {
    await story.label('sam', 'autodev');
    await soon(story.waitFor('a run', async () => (await story.runs()).length === 1));
    await story.status(/implement \| running/);
    await story.close('lee');
    await soon(story.ends('cancelled'));
    expect(await story.status(/cancelled/)).toContain('The issue was closed by @lee.');
    expect(await story.runs()).toHaveLength(1);
    expect(await hooksCame(stage, project)).toBe(0);
  });
});

test.concurrent.each([
  ['approve', 'Approved in silence'],
  ['merge', 'Merged in silence'],
] as const)('people who %s a specification', async (doing, title) => {
  const stage = await open();
  const project = await known(stage, doing);
  loseHooks(stage, project);
  hireTeam(stage, title);
  await stage.tell(title, { project }, async (story) => {
    await story.comment('sam', '/autodev spec');
    const spec = await atGate(story, 'spec-gate');
    await decide(story, 'dana', doing, spec);
    await soon(story.ends('done'));
    expect(spec.state).toBe('merged');
    expect(await hooksCame(stage, project)).toBe(0);
  });
});

test.concurrent('a pipeline that is cancelled before a runner took its job', async () => {
  const stage = await open();
  const tags = 'runner:\n  tags: [nobody]\n';
  const project = await known(stage, 'pipeline', { '.autodev.yml': tags });
  loseHooks(stage, project);
  await stage.tell('No agent came', { project, turns: QUICK }, async (story) => {
    const { api } = stage.world.gitlab;
    const children = () =>
      api.pipelines(project.path).filter((one) => one.spec.source === 'parent_pipeline');
    await story.comment('sam', '/autodev implement');
    await story.waitFor('the child pipeline', () => children().length === 1);
    const parent = api.pipelines(project.path).find((one) => one.spec.source === 'api');
    const ids = [parent, ...children()].map((one) => one?.id ?? 0);
    for (const id of ids) {
      await stage.rest('sam', 'POST', `/projects/${project.id}/pipelines/${id}/cancel`);
    }
    await soon(story.ends('cancelled'));
    expect(await hooksCame(stage, project)).toBe(0);
  });
});

test.concurrent(
  'hooks that come late, three times and newest first, when all is done',
  async () => {
    const stage = await open();
    const project = await known(stage, 'late');
    const { weather } = stage.world.gitlab;
    const hookId = project.hooks[0]?.id ?? 0;
    weather.hooks({ hookId }, { kind: 'hold' }, { times: Infinity });
    weather.hooks({ hookId }, { kind: 'duplicate', copies: 3 }, { times: Infinity });
    await stage.tell('Late hooks', { project, turns: QUICK }, async (story) => {
      const asked = await story.comment('sam', '/autodev implement');
      // Found in one poll, the label might come first, and the command would be refused for its run.
      await story.expectReactions(asked, ['eyes']);
      await story.label('sam', 'autodev');
      await story.ends('done');
      await stage.settled();
      await oneOfEach(story);
      expect(await hooksCame(stage, project)).toBe(0);
      weather.release('newest first');
      await stage.settled();
      expect(await hooksCame(stage, project)).toBeGreaterThan(3);
      await story.expectReactions(asked, ['eyes', 'white_check_mark']);
      await oneOfEach(story);
    });
  },
);
