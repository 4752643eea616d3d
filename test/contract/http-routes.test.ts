/** Routes that are none, and what the health routes say of a bot whose parts are away. */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { createGitLabWebhooks } from '../../bot/forge/gitlab/webhooks.ts';
import type { Db } from '../../bot/store/db.ts';
import { send, startWeb, type Answer, type Web } from '../support/web.ts';

const gitlab = createGitLabWebhooks({
  secret: 'root-secret-of-the-operator-0123456789',
  requireSigning: false,
  signingProjects: () => false,
});
const webhooks = { gitlab, github: null };
const tx: Db['tx'] = () => Promise.reject(new Error('no transactions here'));
const store: Db = { query: () => Promise.resolve([]), tx };

let web: Web;
beforeAll(async () => {
  web = await startWeb({ db: store, intake: { webhooks } });
});
afterAll(() => web.close());

describe('the other routes', () => {
  test.each([
    ['GET', '/'],
    ['GET', '/webhooks/gitlab'],
    ['POST', '/webhooks/bitbucket'],
    ['POST', '/webhooks'],
    ['GET', '/api/job/claim'],
    ['POST', '/api/job/other'],
    ['GET', '/..%2f..%2fetc/passwd'],
    ['GET', '/ci-templates/../package.json'],
    ['DELETE', '/healthz'],
  ])('%s %s is nothing', async (method, path) => {
    const answer = await send(web.url + path, { method });
    expect(answer).toMatchObject({ status: 404, json: { error: { code: 'not_found' } } });
    expect(answer.headers).toMatchObject({
      'x-content-type-options': 'nosniff',
      'cache-control': 'no-store',
      'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
    });
    expect(answer.headers).not.toHaveProperty('x-powered-by');
  });

  test.each([
    ['autodev.yml', 'template: text\n'],
    ['jobs/deploy.yml', 'deploy: text\n'],
  ])('the CI template %s is served as text', async (path, text) => {
    const answer = await send(`${web.url}/ci-templates/${path}`, { method: 'GET' });
    expect(answer).toMatchObject({ status: 200, text });
    expect(answer.headers['content-type']).toContain('text/yaml');
  });
});

describe('health', () => {
  const get = (url: string, path: string): Promise<Answer> => send(url + path, { method: 'GET' });
  test('all is well', async () => {
    expect(await get(web.url, '/healthz')).toMatchObject({
      status: 200,
      json: { status: 'ok', version: '0.0.0' },
    });
    expect(await get(web.url, '/readyz')).toMatchObject({
      status: 200,
      json: { status: 'ready', database: true, queue: true, backend: 'pglite', silentHooks: 0 },
    });
  });

  test.each<[string, () => Promise<Record<string, number>>]>([
    ['refuses', () => Promise.reject(new Error('away'))],
    ['says nothing', () => new Promise(() => undefined)],
  ])('a queue that %s leaves the bot ready, degraded', async (_, counts) => {
    const other = await startWeb({
      db: store,
      queue: { kind: 'redis', counts },
      intake: { webhooks },
    });
    expect(await get(other.url, '/readyz')).toMatchObject({
      status: 200,
      json: { status: 'degraded', database: true, queue: false, backend: 'redis' },
    });
    await other.close();
  });

  test.each<[string, () => Promise<never>]>([
    ['refuses', () => Promise.reject(new Error('away'))],
    ['says nothing', () => new Promise(() => undefined)],
  ])('a database that %s makes it not ready, but alive', async (_, query) => {
    const other = await startWeb({ db: { query, tx }, intake: { webhooks } });
    expect(await get(other.url, '/readyz')).toMatchObject({
      status: 503,
      json: { status: 'not ready', database: false, queue: true, silentHooks: null },
    });
    expect((await get(other.url, '/healthz')).status).toBe(200);
    await other.close();
  });

  test('one that is told to stop is not ready, keeps no connection, and still answers (R27)', async () => {
    const other = await startWeb({ db: store, intake: { webhooks }, stopping: () => true });
    expect(await get(other.url, '/readyz')).toMatchObject({
      status: 503,
      json: { status: 'stopping' },
    });
    expect(await get(other.url, '/healthz')).toMatchObject({
      status: 200,
      headers: { connection: 'close' },
    });
    await other.close();
  });
});
