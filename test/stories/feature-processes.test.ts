/**
 * The whole way with the bot as operators scale it: two listeners behind a balancer and two workers, each a
 * process of its own, on PostgreSQL and Redis.
 */
import { once } from 'node:events';
import { connect, createServer, type AddressInfo } from 'node:net';
import path from 'node:path';
import { describe, expect, jest, test } from '@jest/globals';
import { startBotProcess, type BotProcess } from '../../sandbox/demo/bot-process.ts';
import { followFeature } from '../../sandbox/demo/follow-feature.ts';
import { createClient } from '../../sandbox/demo/follow.ts';
import { SILENT } from '../../sandbox/demo/view.ts';
import { SAMPLE_ISSUES } from '../../sandbox/sample-project.ts';
import { freePort } from '../../sandbox/world.ts';
import { available, startPostgres, startRedis } from '../support/backends.ts';
import { declareMissing } from '../support/missing.ts';
import { ROOT, startScene, type Scene } from '../support/story.ts';

jest.setTimeout(300_000);

const SUITE = 'four processes';
const LIMIT_MS = 150_000;

describe(SUITE, () => {
  const missing = (['postgres', 'redis'] as const).filter((kind) => !available(kind));
  for (const kind of missing) declareMissing(kind, SUITE);
  if (missing.length > 0) return;
  test('the whole way on PostgreSQL and Redis', async () => {
    const [postgres, redis] = [await startPostgres(), await startRedis(await freePort())];
    const scene = await startScene({ database: await postgres.newDatabase() });
    const stops: (() => Promise<void>)[] = [() => scene.close()];
    try {
      const env = { REDIS_URL: redis.url };
      const ports = [await freePort(), await freePort()];
      stops.push(await startBalancer(scene.port, ports));
      for (const port of ports) stops.push(await startRole(scene, 'web', port, env));
      for (const name of ['a', 'b']) stops.push(await startRole(scene, 'worker', 0, env, name));
      await walk(scene);
    } finally {
      for (const stop of stops.toReversed()) await stop();
      await redis.stop();
      await postgres.stop();
    }
  });
});

async function walk(scene: Scene): Promise<void> {
  const { gitlab, people, project } = scene.world;
  const [sam, dana] = [people.sam, people.dana].map(({ token }) =>
    createClient(gitlab.url, token),
  ) as [ReturnType<typeof createClient>, ReturnType<typeof createClient>];
  const issues = `/projects/${project.id}/issues`;
  const { iid } = await sam.send<{ iid: number }>('POST', issues, SAMPLE_ISSUES.feature);
  await sam.send('POST', `${issues}/${iid}/notes`, { body: '/autodev plan' });
  const where = { project: project.id, iid, limitMs: LIMIT_MS };
  const journey = await followFeature({ sam, dana }, SILENT, where);
  expect(journey.verdict).toMatch(/^done: /);
  expect([journey.spec.state, journey.change.state]).toEqual(['merged', 'merged']);
  expect(journey.findings).toEqual({ raised: 1, fixed: 1 });
  const changes = await sam.get<{ iid: number }[]>(
    `/projects/${project.id}/merge_requests?state=all`,
  );
  expect(changes).toHaveLength(2);
  const status = (await sam.get<{ body: string }[]>(`${issues}/${iid}/notes`)).filter(({ body }) =>
    body.includes('autodev:status'),
  );
  expect(status).toHaveLength(1);
  expect(gitlab.problems).toEqual([]);
}

async function startRole(
  scene: Scene,
  role: 'web' | 'worker',
  port: number,
  env: Record<string, string>,
  name = String(port),
): Promise<() => Promise<void>> {
  const log = path.join(scene.dir, `${role}-${name}.log`);
  const own = { ...process.env, ...scene.env, ...env, PORT: String(port) } as Record<
    string,
    string
  >;
  const bot: BotProcess = await startBotProcess(ROOT, own, log, role);
  return bot.stop;
}

/** Hands connections to the ports in turn. */
async function startBalancer(port: number, ports: readonly number[]): Promise<() => Promise<void>> {
  let next = 0;
  const server = createServer((client) => {
    const target = connect(ports[next % ports.length] ?? 0, '127.0.0.1');
    next += 1;
    for (const [from, to] of [
      [client, target],
      [target, client],
    ] as const) {
      from.on('error', () => to.destroy());
      from.on('close', () => to.destroy());
      from.pipe(to);
    }
  }).listen(port, '127.0.0.1');
  await once(server, 'listening');
  expect((server.address() as AddressInfo).port).toBe(port);
  return async () => {
    server.close();
  };
}
