/** A pipeline that no runner picks up ends with a verdict that names the tag. */
import { afterAll, expect, jest, test } from '@jest/globals';
import { edit, finish } from '../support/one-story.ts';
import { startStage, type Stage } from '../support/story.ts';

jest.setTimeout(150_000);

let opened: Promise<Stage> | null = null;
const open = (): Promise<Stage> =>
  (opened ??= startStage({
    settings: (settings) => {
      settings.limits.runnerWaitMinutes = 0.05;
    },
  }));
afterAll(async () => (await opened)?.close());

test('no runner has the tag that the repository asks for', async () => {
  const stage = await open();
  const project = await stage.project('stories/no-runner', {
    '.autodev.yml': 'runner:\n  tags: [gpu]\n',
  });
  const turns = [edit('a.txt', 'a\n'), finish()];
  await stage.tell('Waits for a runner', { project, turns }, async (story) => {
    await story.comment('sam', '/autodev implement');
    const status = await story.ends('no-runner');
    expect(status).toMatch(/No runner with `gpu` picked the job up/);
    await stage.settled();
    const statuses = stage.world.gitlab.api.pipelines(project.path).map((one) => one.status);
    expect(new Set(statuses)).toEqual(new Set(['canceled']));
    expect(story.changes()).toEqual([]);
  });
});
