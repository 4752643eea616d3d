/**
 * Every recorded webhook while others keep coming: answered 2xx, stored once, ignored for a reason, and the bot
 * is as alive afterwards as before.
 */
import { execFile } from 'node:child_process';
import { createHmac, randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { LoadOutcome } from '../../bench/load.ts';
import { openStore, type Store } from '../../bot/store/store.ts';
import { freePort } from '../../sandbox/world.ts';
import { available, startPostgres } from '../support/backends.ts';
import { startLife, type BotLife } from '../support/bot-process.ts';
import { declareMissing } from '../support/missing.ts';
import { ROOT } from '../support/story.ts';
import { until } from '../support/until.ts';
import { send } from '../support/web.ts';
import { payloadsIn, SHARED_PAYLOADS } from '../unit/events/payloads.ts';

const SECRET = 'root-secret-of-the-operator-0123456789';
const SETTLED_MS = 120_000;
/** The load: webhooks per second for so long. */
const RATE = 20;
const SECONDS = 10;

interface Recorded {
  forge: 'gitlab' | 'github';
  headers: Record<string, string>;
  body: Buffer;
}

/** Equal bodies are one delivery, so every recorded one is there once. */
function recorded(): Map<string, Recorded> {
  const all = new Map<string, Recorded>();
  const shared = payloadsIn(SHARED_PAYLOADS);
  if (shared === null) console.log('left out: the recorded payloads in ../shared/fixtures');
  for (const payload of shared?.values() ?? []) {
    const body = Buffer.from(JSON.stringify(payload));
    const headers = { 'x-gitlab-event': 'Any Hook', 'x-gitlab-token': SECRET };
    all.set(`gitlab ${body}`, { forge: 'gitlab', headers, body });
  }
  const examples = createRequire(import.meta.url)('@octokit/webhooks-examples') as {
    name: string;
    examples: unknown[];
  }[];
  for (const { name, examples: some } of examples) {
    for (const payload of some) {
      const body = Buffer.from(JSON.stringify(payload));
      const digest = createHmac('sha256', SECRET).update(body).digest('hex');
      const headers = {
        'x-github-event': name,
        'x-github-delivery': randomUUID(),
        'x-hub-signature-256': `sha256=${digest}`,
      };
      all.set(`github ${body}`, { forge: 'github', headers, body });
    }
  }
  return all;
}

if (!available('postgres')) declareMissing('postgres', 'recorded webhooks under load');
else {
  describe('every recorded webhook passes while others keep coming', () => {
    let bot: BotLife;
    let store: Store;
    let url: string;
    let close: () => Promise<void>;

    beforeAll(async () => {
      const dir = await mkdtemp(path.join(tmpdir(), 'autodev-under-load-'));
      const server = await startPostgres();
      const databaseUrl = await server.newDatabase();
      const port = await freePort();
      url = `http://127.0.0.1:${port}`;
      bot = await startLife(
        {
          ...{ AUTODEV_GITLAB_URL: 'http://127.0.0.1:9', AUTODEV_GITLAB_TOKEN: 'none' },
          ...{ AUTODEV_WEBHOOK_SECRET: SECRET, AUTODEV_GITHUB_WEBHOOK_SECRET: SECRET },
          ...{ AUTODEV_HOST: '127.0.0.1', PORT: String(port), AUTODEV_LOG_LEVEL: 'warn' },
          ...{ DATABASE_URL: databaseUrl, AUTODEV_DATA_DIR: path.join(dir, 'data') },
        },
        { logFile: path.join(dir, 'log') },
      );
      store = await openStore({ databaseUrl, dataDir: dir });
      close = async () => {
        await store.close();
        await bot.stop();
        await server.stop();
        await rm(dir, { recursive: true, force: true });
      };
    });
    afterAll(() => close());

    test('stored once, and ignored for a reason or handled', async () => {
      const all = [...recorded().values()];
      expect(all.length).toBeGreaterThan(300);
      const plan = {
        ...{ url: `${url}/webhooks/gitlab`, sends: 'gitlab_push', secret: SECRET },
        ...{ seconds: SECONDS, rate: RATE, connections: 8, seed: 'under-load' },
      };
      const loading = promisify(execFile)(
        process.execPath,
        [path.join(ROOT, 'bench/load.ts'), JSON.stringify(plan)],
        { maxBuffer: 1 << 24 },
      );
      for (const { forge, headers, body } of all) {
        // The second time it is the same delivery.
        for (const duplicate of [false, true]) {
          const answer = await send(`${url}/webhooks/${forge}`, { headers, body });
          expect(answer).toMatchObject({ status: 200, json: { duplicate } });
        }
      }
      const load = JSON.parse((await loading).stdout) as LoadOutcome;
      expect(load).toMatchObject({ requests: RATE * SECONDS, failed: 0 });
      const count = async (where: string): Promise<number> => {
        const [row] = await store.query<{ count: number }>(
          `select count(*) as count from deliveries where ${where}`,
        );
        return row?.count ?? 0;
      };
      expect(await count('true')).toBe(all.length + load.requests);
      const waiting = (): Promise<number> => count(`state = 'new'`);
      await until(async () => (await waiting()) === 0, SETTLED_MS, 'all to be handled');
      expect(await count(`state not in ('done', 'ignored')`)).toBe(0);
      expect(await count(`state = 'ignored' and reason is null`)).toBe(0);
      expect(bot.over()).toBe(false);
      expect(await send(`${url}/readyz`, { method: 'GET' })).toMatchObject({ status: 200 });
    }, 240_000);
  });
}
