/** Everything is killed while a gate waits, and started again a day later: the run goes on where it stood. */
import path from 'node:path';
import { describe, expect, jest, test } from '@jest/globals';
import { openStore } from '../../bot/store/store.ts';
import { startBotProcess, type BotProcess } from '../../sandbox/demo/bot-process.ts';
import { createClient, createUntil, statusBody, verdictOf } from '../../sandbox/demo/follow.ts';
import { SAMPLE_ISSUES } from '../../sandbox/sample-project.ts';
import { freePort } from '../../sandbox/world.ts';
import { available, startPostgres, startRedis } from '../support/backends.ts';
import { declareMissing } from '../support/missing.ts';
import { ROOT, startScene, type Scene } from '../support/story.ts';

jest.setTimeout(300_000);

const SUITE = 'a day at a gate';
const LIMIT_MS = 120_000;

describe(SUITE, () => {
  const missing = (['postgres', 'redis'] as const).filter((kind) => !available(kind));
  for (const kind of missing) declareMissing(kind, SUITE);
  if (missing.length > 0) return;
  test('kill -9 of all processes, a day, a start: the approval still leads on', async () => {
    const [postgres, redis] = [await startPostgres(), await startRedis(await freePort())];
    const database = await postgres.newDatabase();
    const scene = await startScene({ database });
    const env = { REDIS_URL: redis.url };
    let bots: BotProcess[] = [];
    try {
      bots = await startBots(scene, env);
      const { gitlab, people, project } = scene.world;
      const sam = createClient(gitlab.url, people.sam.token);
      const dana = createClient(gitlab.url, people.dana.token);
      const base = `/projects/${project.id}`;
      const { iid } = await sam.send<{ iid: number }>(
        'POST',
        `${base}/issues`,
        SAMPLE_ISSUES.feature,
      );
      await sam.send('POST', `${base}/issues/${iid}/notes`, { body: '/autodev spec' });
      const until = createUntil(sam, { project: project.id, iid, limitMs: LIMIT_MS });
      await until('gate', async () => {
        const body = (await statusBody(sam, base, iid)) ?? '';
        return /^\| spec-gate \| waits for you /m.test(body) ? body : null;
      });
      for (const bot of bots.splice(0)) await bot.kill();
      await moveClock(database, scene.dir);
      bots = await startBots(scene, env);
      const changes = `${base}/merge_requests?state=all`;
      const [spec] = await sam.get<{ iid: number }[]>(changes);
      await dana.send('POST', `${base}/merge_requests/${spec?.iid}/approve`, {});
      expect(await until('verdict', () => verdictOf(sam, base, iid))).toMatch(/^done: /);
      const all = await sam.get<{ state: string }[]>(changes);
      expect(all.map(({ state }) => state)).toEqual(['merged']);
      expect(await sam.get<unknown[]>(`${base}/pipelines?source=api`)).toHaveLength(1);
    } finally {
      for (const bot of bots) await bot.stop();
      await scene.close();
      await redis.stop();
      await postgres.stop();
    }
  });
});

async function startBots(scene: Scene, env: Record<string, string>): Promise<BotProcess[]> {
  const bots: BotProcess[] = [];
  for (const role of ['web', 'worker'] as const) {
    const own = { ...process.env, ...scene.env, ...env } as Record<string, string>;
    bots.push(await startBotProcess(ROOT, own, path.join(scene.dir, `${role}.log`), role));
  }
  return bots;
}

/** Makes everything the bot has written a day older, as if a day had gone by since. */
async function moveClock(databaseUrl: string, dataDir: string): Promise<void> {
  const store = await openStore({ databaseUrl, dataDir });
  try {
    const columns = await store.query<{ table: string; column: string }>(
      `select table_name as "table", column_name as "column" from information_schema.columns
       join information_schema.tables using (table_schema, table_name)
       where table_schema = 'public' and table_type = 'BASE TABLE'
         and data_type = 'timestamp with time zone' and table_name not in ('audit')`,
    );
    expect(columns.length).toBeGreaterThan(20);
    for (const { table, column } of columns) {
      await store.query(
        `update "${table}" set "${column}" = "${column}" - interval '1 day' where "${column}" is not null`,
      );
    }
  } finally {
    await store.close();
  }
}
