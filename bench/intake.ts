/**
 * Webhooks acknowledged with the delivery committed, on every place a bot may keep them, beside a bare
 * handler that stores nothing. Rounds alternate, so that what else the machine does meets all of them.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { spawn } from 'node:child_process';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { freePort } from '../sandbox/world.ts';
import { available, startPostgres, stopChild } from '../test/support/backends.ts';
import { figure, median, percentile, type Effort, type Figure } from './figure.ts';
import { load, startPeer, startServe, type Running } from './processes.ts';

/** Size of the bodies that peers were measured with: a push with some commits. */
const BODY_BYTES = 12_700;
const CONNECTIONS = 32;
/** Webhooks per second at which latency is measured, with the queue full and nobody working on it. */
const RATE = 200;

interface Target {
  name: string;
  running: Running;
  url: string;
  signs: 'standard' | 'hub';
  perSecond: number[];
  latencies: number[];
}

export async function benchIntake(effort: Effort): Promise<Figure[]> {
  const closing: (() => Promise<void>)[] = [];
  try {
    const targets = await startTargets(closing, effort);
    await measure(targets, effort);
    const [peer, ...ours] = targets;
    const peerRate = median(peer?.perSecond ?? []);
    return ours.flatMap(({ name, perSecond, latencies }) => [
      figure(`intake.${name}.throughput`, median(perSecond), '/s', peerRate),
      figure(
        `intake.${name}.p50_at_${RATE}`,
        median(latencies),
        'ms',
        median(peer?.latencies ?? []),
      ),
      figure(
        `intake.${name}.p99_at_${RATE}`,
        percentile(latencies, 0.99),
        'ms',
        percentile(peer?.latencies ?? [], 0.99),
      ),
    ]);
  } finally {
    for (const close of closing.toReversed()) await close();
  }
}

async function startTargets(closing: (() => Promise<void>)[], effort: Effort): Promise<Target[]> {
  const targets: Target[] = [];
  const add = (name: string, running: Running, signs: Target['signs'], url: string): void => {
    closing.push(running.stop);
    targets.push({ name, running, signs, url, perSecond: [], latencies: [] });
  };
  const serve = async (name: string, env: Record<string, string>): Promise<void> => {
    const running = await startServe('web', env);
    add(name, running, 'standard', `${running.url}/webhooks/gitlab`);
  };
  const peer = await startPeer();
  add('peer', peer, 'hub', peer.url);
  await serve('pglite', {});
  const server = available('postgres') ? await startPostgres([]) : null;
  if (server === null) effort.say('left out: PostgreSQL is not on this machine');
  else {
    closing.push(server.stop);
    await serve('postgres', { DATABASE_URL: await server.newDatabase() });
  }
  const redis = available('redis') ? await startRedis() : null;
  if (redis === null) effort.say('left out: Redis is not on this machine');
  else {
    closing.push(redis.stop);
    const store = server === null ? {} : { DATABASE_URL: await server.newDatabase() };
    await serve('redis', { ...store, REDIS_URL: redis.url });
  }
  return targets;
}

async function measure(targets: Target[], effort: Effort): Promise<void> {
  const seconds = effort.quick ? 1.5 : 4;
  const rounds = effort.quick ? 1 : 3;
  let plans = 0;
  const plan = (target: Target, more: { seconds: number; rate?: number }) => ({
    url: target.url,
    signs: target.signs,
    connections: CONNECTIONS,
    bodyBytes: BODY_BYTES,
    seed: `${effort.seed}-${(plans += 1)}`,
    ...more,
  });
  for (const target of targets) await load(plan(target, { seconds: 1 }));
  for (let round = 1; round <= rounds; round += 1) {
    effort.say(`intake: round ${round} of ${rounds}`);
    for (const target of targets) {
      target.perSecond.push((await load(plan(target, { seconds }))).perSecond);
    }
  }
  effort.say(`intake: latency at ${RATE} per second`);
  for (const target of targets) {
    target.latencies.push(...(await load(plan(target, { seconds, rate: RATE }))).latencies);
  }
}

/** Redis on a port of loopback, as REDIS_URL wants it. */
async function startRedis(): Promise<{ url: string; stop: () => Promise<void> }> {
  const given = process.env['AUTODEV_TEST_REDIS_URL'];
  if (given !== undefined) return { url: given, stop: async () => undefined };
  const dir = await mkdtemp(path.join(tmpdir(), 'autodev-bench-redis-'));
  const port = await freePort();
  const args = ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--dir', dir];
  const child = spawn('redis-server', args, { stdio: ['ignore', 'pipe', 'ignore'] });
  await new Promise<void>((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code) => reject(new Error(`redis-server ended with ${code}`)));
    child.stdout.on('data', (part: Buffer) => {
      if (part.toString().includes('Ready to accept connections')) resolve();
    });
  });
  return {
    url: `redis://127.0.0.1:${port}`,
    stop: async () => {
      await stopChild(child, 'SIGTERM');
      await rm(dir, { recursive: true, force: true });
    },
  };
}
