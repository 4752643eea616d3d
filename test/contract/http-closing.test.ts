import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { Worker } from 'node:worker_threads';
import { expect, test } from '@jest/globals';
import { closeHttpServer, createHttpServer } from '../../bot/http/app.ts';

const CLIENTS = 20;
/** A thread that connects so often, says so, asks on each connection and tells what came. */
const ASK = `
const { connect } = require('node:net');
const { text } = require('node:stream/consumers');
const { parentPort, workerData: { port, connected } } = require('node:worker_threads');
const ask = async () => {
  const socket = connect({ port, host: '127.0.0.1' });
  await new Promise((resolve) => socket.once('connect', resolve));
  Atomics.add(connected, 0, 1);
  Atomics.notify(connected, 0);
  socket.write('GET / HTTP/1.1\\r\\nHost: bot\\r\\nConnection: close\\r\\n\\r\\n');
  return text(socket).catch(String);
};
Promise.all(Array.from({ length: ${CLIENTS} }, ask)).then((answers) => parentPort.postMessage(answers));
`;

test('what waits to be accepted when the bot is told to stop is answered (R27)', async () => {
  const server = createHttpServer((_request, response) => response.end('taken'));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const connected = new Int32Array(new SharedArrayBuffer(4));
  const clients = new Worker(ASK, { eval: true, workerData: { port, connected } });
  const answered = once(clients, 'message');

  // This thread stands still meanwhile, as on a busy machine: the system connects, nobody accepts.
  await once(clients, 'online');
  for (let now = 0; now < CLIENTS; now = Atomics.load(connected, 0)) {
    if (Atomics.wait(connected, 0, now, 10_000) === 'timed-out')
      throw new Error(`${now} connected`);
  }
  await closeHttpServer(server);

  const [answers] = (await answered) as [string[]];
  expect(answers.map((answer) => answer.split('\r\n')[0])).toEqual(
    answers.map(() => 'HTTP/1.1 200 OK'),
  );
  expect(answers).toHaveLength(CLIENTS);
});
