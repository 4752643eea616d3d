/**
 * What somebody without the secret sends (threats E1, E4), while others' webhooks are timed: forged
 * signatures, bodies that are too large or say nothing of their size, gzip bombs, and sockets that drip.
 * A process of its own, bounded in time and number. Arguments: the URL, seconds. Prints what it sent, as
 * JSON, and how often it was let in, which must be never.
 */
import { once } from 'node:events';
import { Agent, request, type OutgoingHttpHeaders } from 'node:http';
import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';

const MB = 1024 * 1024;
/** Forgeries per second, each as large as an honest webhook. */
const FORGED = 100;
const FORGED_BYTES = 12_700;
/** Of each kind of large body, this many a second. */
const LARGE = 1;
const SLOW_SOCKETS = 100;
const DRIP_MS = 500;

export interface AttackOutcome {
  sent: number;
  /** Answers of 2xx. */
  letIn: number;
}

async function main(url: string, seconds: number): Promise<AttackOutcome> {
  const agent = new Agent({ keepAlive: true, maxSockets: 32 });
  const outcome: AttackOutcome = { sent: 0, letIn: 0 };
  const send = (headers: OutgoingHttpHeaders, body: Buffer): void => {
    outcome.sent += 1;
    const call = request(url, { method: 'POST', agent, headers }, (response) => {
      const { statusCode = 0 } = response;
      if (statusCode >= 200 && statusCode < 300) outcome.letIn += 1;
      response.resume();
    });
    call.on('error', () => undefined);
    call.end(body);
  };
  const zeros = Buffer.alloc(FORGED_BYTES, 'x');
  const tooLarge = Buffer.alloc(26 * MB, 'x');
  const large = Buffer.alloc(24 * MB, 'x');
  const bomb = gzipSync(Buffer.alloc(64 * MB));
  const slow = await Promise.all(Array.from({ length: SLOW_SOCKETS }, () => drip(new URL(url))));
  const steps = Math.round(seconds * FORGED);
  const started = performance.now();
  for (let step = 0; step < steps; step += 1) {
    send(FORGED_HEADERS, Buffer.concat([zeros, Buffer.from(String(step))]));
    if (step % Math.round(FORGED / LARGE) === 0) {
      send({ ...FORGED_HEADERS, 'content-length': tooLarge.length }, tooLarge);
      send({ ...FORGED_HEADERS, 'transfer-encoding': 'chunked' }, tooLarge);
      send({ ...FORGED_HEADERS, 'content-length': large.length }, large);
      send({ ...FORGED_HEADERS, 'content-encoding': 'gzip' }, bomb);
    }
    const wait = started + ((step + 1) * 1000) / FORGED - performance.now();
    if (wait > 1) await sleep(wait);
    if (step % ((FORGED * DRIP_MS) / 1000) === 0) for (const socket of slow) socket.write(' ');
  }
  for (const socket of slow) socket.destroy();
  agent.destroy();
  return outcome;
}

/** Both of GitLab's proofs and GitHub's, all of them wrong. */
const FORGED_HEADERS = {
  'content-type': 'application/json',
  'x-gitlab-event': 'Push Hook',
  'webhook-id': 'forged',
  'webhook-timestamp': String(Math.floor(Date.now() / 1000)),
  'webhook-signature': `v1,${'A'.repeat(43)}=`,
  'x-github-event': 'push',
  'x-github-delivery': 'forged',
  'x-hub-signature-256': `sha256=${'0'.repeat(64)}`,
};

async function drip({ hostname, port, pathname }: URL): Promise<Socket> {
  const socket = connect(Number(port), hostname);
  socket.on('error', () => undefined);
  socket.resume();
  await once(socket, 'connect');
  socket.write(`POST ${pathname} HTTP/1.1\r\nHost: bot\r\nContent-Length: 200000\r\n\r\n{`);
  return socket;
}

const [url = '', seconds = '0'] = process.argv.slice(2);
process.stdout.write(JSON.stringify(await main(url, Number(seconds))));
// Requests that were cut off end with it.
process.exit(0);
