/** From a wish to a merge request whose own pipeline is green, with real CI jobs and a scripted model. */
import { afterAll, describe, expect, jest, test } from '@jest/globals';
import { SAMPLE_ISSUES } from '../../sandbox/sample-project.ts';
import { finish } from '../support/one-story.ts';
import { startStage, type Stage } from '../support/story.ts';

jest.setTimeout(150_000);

let opened: Promise<Stage> | null = null;
const open = (): Promise<Stage> => (opened ??= startStage({ database: 'embedded' }));
afterAll(async () => (await opened)?.close());

describe('work that is asked for is done', () => {
  test.concurrent('the label autodev leads to a merge request with a green pipeline', async () => {
    const stage = await open();
    const { title, description } = SAMPLE_ISSUES.feature;
    await stage.tell(title, { description, project: stage.world.project }, async (story) => {
      await story.label('sam', 'autodev');
      const status = await story.ends('done');
      const [change, ...more] = story.changes();
      expect(more).toEqual([]);
      expect(change).toMatchObject({ title: `[AutoDev] ${title} (#${story.issue.iid})` });
      expect(change?.description).toMatch(new RegExp(`^Closes #${story.issue.iid}$`, 'm'));
      expect(change?.description).toContain('Asked by @sam');
      expect(change?.description).toMatch(/Cost so far (<\$0\.01|\$0\.0\d)/);
      expect(change?.description).toContain('- `npm test` ended with 0');
      const labels = story.project.labels.filter(({ id }) => change?.labelIds.includes(id));
      expect(labels.map(({ name }) => name)).toEqual(['autodev']);
      const pipelines = stage.world.gitlab.api
        .pipelines(story.project.path)
        .filter((one) => one.spec.mergeRequest?.iid === change?.iid);
      expect(pipelines.map((one) => one.status)).toEqual(['success']);
      expect(status).toContain(`!${change?.iid} is open with the change.`);
      expect(status).toMatch(/\*\*Cost\*\* (<\$0\.01|\$0\.0\d) of \$25\.00/);
      expect(status).toContain('/autodev implement');
    });
  });

  test.concurrent('/autodev implement is acknowledged at once and ticked at the end', async () => {
    const stage = await open();
    const turns = [{ ...finish(), delayMs: 300 }];
    await stage.tell(
      'Say hello',
      {
        turns: [
          {
            toolCalls: [
              { name: 'edit_file', arguments: { path: 'hello.txt', new_text: 'hello\n' } },
            ],
          },
          ...turns,
        ],
      },
      async (story) => {
        const asked = await story.comment('sam', '/autodev implement in one file');
        await story.expectReactions(asked, ['eyes']);
        await story.ends('done');
        await story.expectReactions(asked, ['eyes', 'white_check_mark']);
        expect(story.changes()).toHaveLength(1);
      },
    );
  });

  test.concurrent('/autodev fix mends the bug of the sample', async () => {
    const stage = await open();
    const { title, description } = SAMPLE_ISSUES.bug;
    await stage.tell(title, { description }, async (story) => {
      const asked = await story.comment('lee', '/autodev fix');
      await story.ends('done');
      await story.expectReactions(asked, ['eyes', 'white_check_mark']);
      expect(story.changes()).toHaveLength(1);
    });
  });

  test.concurrent('/autodev ask is answered in its thread', async () => {
    const stage = await open();
    await stage.tell('Order of the words', {}, async (story) => {
      const asked = await story.comment('sam', '/autodev ask how are ties ordered?');
      await story.expectNote(/alphabetical order.*localeCompare/s, { inThreadOf: asked });
      await story.expectReactions(asked, ['eyes', 'white_check_mark']);
      expect(story.changes()).toEqual([]);
    });
  });
});
