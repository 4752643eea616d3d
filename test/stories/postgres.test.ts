/** The bot as several processes on one PostgreSQL: two that listen, one that works. */
import { randomUUID } from 'node:crypto';
import { afterAll, describe, expect, jest, test } from '@jest/globals';
import { startPostgres, available } from '../support/backends.ts';
import { declareMissing } from '../support/missing.ts';
import { labelPayload, sendCopies } from '../support/label-delivery.ts';
import { edit, finish } from '../support/one-story.ts';
import { startStage, type Stage } from '../support/story.ts';

jest.setTimeout(150_000);

const SUITE = 'the bot in three processes';

if (!available('postgres')) declareMissing('postgres', SUITE);
else {
  describe(`${SUITE} on PostgreSQL`, () => {
    const closers: (() => Promise<void>)[] = [];
    const open = async (): Promise<Stage> => {
      const server = await startPostgres();
      closers.push(() => server.stop());
      const stage = await startStage({
        database: await server.newDatabase(),
        roles: ['web', 'web', 'worker'],
      });
      closers.unshift(() => stage.close());
      // A pure worker listens nowhere.
      stage.botUrls.length = 2;
      return stage;
    };
    afterAll(async () => {
      for (const close of closers) await close();
    });

    test('one delivery sent 50 times to each makes one task, one pipeline and one change', async () => {
      const stage = await open();
      const turns = [edit('a.txt', 'a\n'), finish()];
      await stage.tell('Two doors', { turns }, async (story) => {
        await stage.settled();
        stage.world.gitlab.weather.hooks({ event: /Issue/ }, { kind: 'hold' });
        await story.label('sam', 'autodev');
        const body = labelPayload(story);
        const receipts = await sendCopies(story, 100, { body, key: randomUUID() });
        expect(new Set(receipts.map(({ status }) => status))).toEqual(new Set([200]));
        expect(new Set(receipts.map(({ delivery }) => delivery)).size).toBe(1);
        stage.world.gitlab.weather.release();
        await story.ends('done');
        await stage.settled();
        expect(await story.runs()).toHaveLength(1);
        expect(story.changes()).toHaveLength(1);
        const { pipelines } = stage.world.gitlab.api;
        const ofBot = pipelines(story.project.path).filter((one) => one.spec.source === 'api');
        expect(ofBot).toHaveLength(1);
      });
    });
  });
}
