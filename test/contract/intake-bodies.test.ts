/** What bodies may hold of the bot's memory, and for how long (E4), over real sockets and a real database. */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { createGitLabWebhooks } from '../../bot/forge/gitlab/webhooks.ts';
import type { Store } from '../../bot/store/store.ts';
import { newStore } from '../support/prepared-data.ts';
import { send, startWeb, type Web } from '../support/web.ts';

const ROOT = 'root-secret-of-the-operator-0123456789';
const MIB = 1024 * 1024;
const HEAD = 'POST /webhooks/gitlab HTTP/1.1\r\nHost: bot.test\r\n';
const HEADERS = { 'x-gitlab-event': 'Note Hook', 'x-gitlab-token': ROOT };

let store: Store;
let web: Web;
let url: string;
let close: () => Promise<void>;
const sockets: Socket[] = [];

beforeAll(async () => {
  ({ store, close } = await newStore());
  const gitlab = createGitLabWebhooks({
    ...{ secret: ROOT, requireSigning: false, signingProjects: () => false },
  });
  web = await startWeb({ db: store, intake: { webhooks: { gitlab, github: null } } });
  url = `${web.url}/webhooks/gitlab`;
});
beforeEach(() => store.query('delete from deliveries'));
afterAll(async () => {
  for (const socket of sockets) socket.destroy();
  await web.close();
  await close();
});

const note = (more: object = {}): Buffer =>
  Buffer.from(JSON.stringify({ object_kind: 'note', project: { id: 7 }, ...more }));

/** Sends a text on a connection of its own; with the status of the first answer there, or why there is none. */
async function open(text: string): Promise<{ socket: Socket; status: Promise<string> }> {
  const socket = connect(web.port, '127.0.0.1');
  sockets.push(socket);
  await once(socket, 'connect');
  const status = once(socket, 'data').then(
    ([first]) => String(first).split(' ')[1] ?? '',
    (error: unknown) => String(error),
  );
  socket.on('error', () => undefined);
  socket.write(text);
  return { socket, status };
}

test('25 MB, authentic: stored whole, and nothing of it is in the next', async () => {
  const long = 'y'.repeat(25 * MIB - 100);
  for (const body of [note({ long }), note({ long: long.slice(MIB) }), note({ n: 1 })]) {
    expect(body.length).toBeLessThanOrEqual(25 * MIB);
    const headers =
      body.length < MIB ? { ...HEADERS, 'transfer-encoding': 'chunked' } : { ...HEADERS };
    expect((await send(url, { headers, body })).status).toBe(200);
    const [row] = await store.query<{ body: string }>('select body from deliveries');
    expect(row?.body === body.toString()).toBe(true);
    await store.query('delete from deliveries');
  }
});

test.each([
  ['no proof', '', '401'],
  ['an empty signature', 'Webhook-Signature: v1,\r\n', '401'],
  ['a packed body', `X-Gitlab-Token: ${ROOT}\r\nContent-Encoding: br\r\n`, '415'],
])('%s is answered before the body is sent', async (_, headers, status) => {
  const sent = await open(`${HEAD}${headers}Content-Length: ${20 * MIB}\r\n\r\n`);
  expect(await sent.status).toBe(status);
});

test('who holds back a last byte is cut off when much is held, and nobody else', async () => {
  const part = 'x'.repeat(250_000);
  const head = `${HEAD}X-Gitlab-Token: ${ROOT}\r\nContent-Length: ${part.length + 1}\r\n\r\n`;
  const senders = [];
  for (let index = 0; index < 80; index += 1) senders.push(await open(`${head}${part}`));
  expect(await senders[0]?.status).toBe('408');
  expect((await send(url, { headers: HEADERS, body: note() })).status).toBe(200);
  senders.at(-1)?.socket.write('x');
  expect(await senders.at(-1)?.status).toBe('200');
});

test('large bodies that wait for one who is slow hold up no smaller ones', async () => {
  const long = (bytes: number): string =>
    `${HEAD}X-Gitlab-Token: ${ROOT}\r\nContent-Length: ${bytes}\r\n\r\n{`;
  for (let index = 0; index < 4; index += 1) await open(long(20 * MIB));
  const body = note({ long: 'z'.repeat(MIB) });
  expect((await send(url, { headers: HEADERS, body })).status).toBe(200);
  // As many wait as may: the next one is told to come again.
  const more = await Promise.all(Array.from({ length: 40 }, () => open(long(20 * MIB))));
  expect(await Promise.race(more.map(({ status }) => status))).toBe('503');
});
