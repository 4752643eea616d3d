/** A gate waits without a process: the bot stops there and is started again on the same data. */
import { describe, expect, jest, test } from '@jest/globals';
import { available, startPostgres, startRedis } from '../support/backends.ts';
import { declareMissing } from '../support/missing.ts';
import { startStage, type StageOptions } from '../support/story.ts';
import { atGate, decide, hireTeam, mergesOf } from '../support/team.ts';

jest.setTimeout(300_000);

const TITLE = 'Slept over it';

/** From the command to the gate, a stop, a start, an approval, and on to the next stage. */
async function sleepOverIt(options: StageOptions): Promise<void> {
  const stage = await startStage(options);
  try {
    const team = hireTeam(stage, TITLE);
    await stage.tell(TITLE, {}, async (story) => {
      await story.comment('sam', '/autodev plan');
      const spec = await atGate(story, 'spec-gate');
      await stage.settled();
      await stage.stop();
      await stage.start();
      await decide(story, 'dana', 'approve', spec);
      await story.status(/^\| implement \| done \|.* !\d+ at /m);
      expect([spec.state, mergesOf(spec)]).toEqual(['merged', 1]);
      expect(team.asked('Architect')).toHaveLength(1);
      expect(team.asked('Builder')).toHaveLength(1);
      await story.comment('sam', '/autodev cancel');
      await story.ends('cancelled');
      expect(story.specs()).toEqual([spec]);
      expect(story.changes()).toHaveLength(1);
      expect(await story.runs()).toHaveLength(1);
    });
  } finally {
    await stage.close();
  }
}

test('embedded, one process', () => sleepOverIt({ database: 'embedded' }));

const SUITE = 'two listeners and two workers';

describe(SUITE, () => {
  const missing = (['postgres', 'redis'] as const).filter((kind) => !available(kind));
  for (const kind of missing) declareMissing(kind, SUITE);
  if (missing.length > 0) return;
  test('on PostgreSQL and Redis', async () => {
    const [postgres, redis] = [await startPostgres(), await startRedis()];
    try {
      await sleepOverIt({
        database: await postgres.newDatabase(),
        redisUrl: redis.url,
        roles: ['web', 'web', 'worker', 'worker'],
      });
    } finally {
      await redis.stop();
      await postgres.stop();
    }
  });
});
