/** The load generator's connections against servers that answer in every way that the measured ones do. */
import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import { createServer as createTcpServer, type AddressInfo, type Server } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, expect, test } from '@jest/globals';
import { openConnections, type Connections } from '../../bench/connections.ts';

const closing: (() => void)[] = [];
afterEach(() => {
  for (const close of closing.splice(0)) close();
});

async function listening(server: Server): Promise<string> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  closing.push(() => server.close());
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/hooks?a=b`;
}

function connections(url: string, count: number): Connections {
  const open = openConnections(url, count);
  closing.push(() => open.close());
  return open;
}

/** A server of Node, and how many connections it got. */
async function serve(listener: RequestListener): Promise<{ url: string; made: () => number }> {
  let made = 0;
  const server = createServer(listener).on('connection', () => (made += 1));
  closing.push(() => server.closeAllConnections());
  return { url: await listening(server), made: () => made };
}

/** Answers every connection with these bytes, a piece at a time. */
async function answering(...pieces: string[]): Promise<string> {
  const server = createTcpServer((socket) => {
    socket.on('error', () => undefined);
    socket.once('data', async () => {
      for (const piece of pieces) {
        socket.write(piece);
        await sleep(20);
      }
      socket.end();
    });
  });
  return listening(server);
}

const post = (open: Connections, text: string): Promise<number> =>
  open.post({ 'content-length': Buffer.byteLength(text), 'x-name': 'value' }, Buffer.from(text));

test('path, headers and body arrive whole, and few connections serve many posts', async () => {
  const seen: string[] = [];
  const { url, made } = await serve(async (request, response) => {
    let body = '';
    for await (const part of request) body += String(part);
    seen.push(`${request.method} ${request.url} ${request.headers['x-name']} ${body.length}`);
    response.statusCode = 202;
    response.end('accepted');
  });
  const open = connections(url, 4);
  const statuses = await Promise.all(
    Array.from({ length: 50 }, () => post(open, 'x'.repeat(90_000))),
  );
  expect(statuses).toEqual(Array.from({ length: 50 }, () => 202));
  expect(seen).toEqual(Array.from({ length: 50 }, () => 'POST /hooks?a=b value 90000'));
  expect(made()).toBe(4);
});

test('an answer in chunks is read to its end before the next post', async () => {
  const { url, made } = await serve((_request, response) => {
    response.write('some');
    setTimeout(() => response.end('more'), 30);
  });
  const open = connections(url, 1);
  expect([await post(open, 'a'), await post(open, 'b')]).toEqual([200, 200]);
  expect(made()).toBe(1);
});

test('a connection that the server closes is replaced by a new one', async () => {
  const { url, made } = await serve((_request, response) => {
    response.setHeader('Connection', 'close');
    response.end('bye');
  });
  const open = connections(url, 1);
  expect(await Promise.all([post(open, 'a'), post(open, 'b'), post(open, 'c')])).toEqual([
    200, 200, 200,
  ]);
  expect(made()).toBe(3);
});

test('an answer in pieces counts when its last byte is there', async () => {
  const open = connections(
    await answering('HTTP/1.1 20', '4 No\r\ncontent-length: 3\r', '\n\r\nab', 'c'),
    1,
  );
  expect(await post(open, 'a')).toBe(204);
});

test.each([
  ['too little', 'HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nabc'],
  ['another protocol', 'SSH-2.0-server\r\n\r\n'],
  ['no end', 'HTTP/1.1 200 OK\r\n\r\nabc'],
])('%s is no answer', async (_name, bytes) => {
  const open = connections(await answering(bytes), 1);
  expect(await Promise.all([post(open, 'a'), post(open, 'b')])).toEqual([0, 0]);
});

test('where nobody listens every post is told so', async () => {
  const server = createTcpServer();
  const url = await listening(server);
  server.close();
  await once(server, 'close');
  const open = connections(url, 2);
  expect(await Promise.all([post(open, 'a'), post(open, 'b'), post(open, 'c')])).toEqual([0, 0, 0]);
});
