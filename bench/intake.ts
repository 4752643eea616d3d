/**
 * Webhooks acknowledged with the delivery committed, on every place a bot may keep them, beside servers
 * that store nothing: a bare handler, Probot, PR-Agent's GitLab server. Rounds alternate, so that what else
 * the machine does meets all of them.
 */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { freePort } from '../sandbox/world.ts';
import { available, startPostgres, startRedis } from '../test/support/backends.ts';
import type { AttackOutcome } from './attack.ts';
import { figure, median, percentile, type Effort, type Figure } from './figure.ts';
import type { Kind } from './payloads.ts';
import { startPeers } from './peers.ts';
import {
  cpuMs,
  load,
  ROOT,
  rssMb,
  SECRET,
  startPeer,
  startServe,
  type Running,
} from './processes.ts';

const CONNECTIONS = 32;
/** Webhooks per second at which latency is measured, with the queue full and nobody working on it. */
const RATE = 200;
/** The attack begins before the first honest webhook is timed. */
const ATTACK_LEAD_MS = 1_000;

/** One server and one kind of webhook that is sent to it. */
interface Target {
  name: string;
  running: Running;
  url: string;
  sends: Kind;
  perSecond: number[];
  /** Microseconds of processor time of the server per webhook. */
  cpu: number[];
  latencies: number[];
}

type Closing = (() => Promise<void>)[];

export async function benchIntake(effort: Effort): Promise<Figure[]> {
  const closing: Closing = [];
  try {
    const targets = await startTargets(closing, effort);
    const figures = await measure(targets, effort);
    return [...figures, ...(await underAttack(targets, effort))];
  } finally {
    for (const close of closing.toReversed()) await close();
  }
}

async function startTargets(closing: Closing, effort: Effort): Promise<Target[]> {
  const targets: Target[] = [];
  const add = (name: string, running: Running, sends: Kind, url = running.url): void => {
    targets.push({ name, running, sends, url, perSecond: [], cpu: [], latencies: [] });
  };
  const serve = async (name: string, env: Record<string, string>): Promise<Running> => {
    const secret = { AUTODEV_GITHUB_WEBHOOK_SECRET: SECRET };
    const running = await startServe('web', { ...secret, ...env });
    closing.push(running.stop);
    add(name, running, 'github_issue', `${running.url}/webhooks/github`);
    return running;
  };
  const bare = await startPeer();
  closing.push(bare.stop);
  add('bare', bare, 'github_issue');
  const peers = await startPeers(effort);
  closing.push(peers.stop);
  if (peers.probot) add('probot', peers.probot, 'github_issue');
  await serve('pglite', {});
  const server = available('postgres') ? await startPostgres([]) : null;
  if (server === null) effort.say('left out: PostgreSQL is not on this machine');
  else {
    closing.push(server.stop);
    const running = await serve('postgres', { DATABASE_URL: await server.newDatabase() });
    add('postgres_signed', running, 'gitlab_push', `${running.url}/webhooks/gitlab`);
    if (peers.prAgent) {
      add('postgres_note', running, 'gitlab_note', `${running.url}/webhooks/gitlab`);
      add('pr_agent', peers.prAgent, 'gitlab_note');
    }
  }
  const redis = available('redis') ? await startRedis(await freePort()) : null;
  if (redis === null) effort.say('left out: Redis is not on this machine');
  else {
    closing.push(redis.stop);
    const store = server === null ? {} : { DATABASE_URL: await server.newDatabase() };
    await serve('redis', { ...store, REDIS_URL: redis.url });
  }
  return targets;
}

let plans = 0;
const planOf = (target: Target, effort: Effort, more: { seconds: number; rate?: number }) => ({
  url: target.url,
  sends: target.sends,
  connections: CONNECTIONS,
  seed: `${effort.seed}-${(plans += 1)}`,
  ...more,
});

async function measure(targets: Target[], effort: Effort): Promise<Figure[]> {
  const seconds = effort.quick ? 1.5 : 5;
  const rounds = effort.quick ? 1 : 5;
  for (const target of targets) await load(planOf(target, effort, { seconds: 2 }));
  for (let round = 1; round <= rounds; round += 1) {
    effort.say(`intake: round ${round} of ${rounds}`);
    for (const target of targets) {
      const before = await cpuMs(target.running.pid);
      const { perSecond, requests } = await load(planOf(target, effort, { seconds }));
      target.perSecond.push(perSecond);
      target.cpu.push((((await cpuMs(target.running.pid)) - before) * 1000) / requests);
    }
  }
  effort.say(`intake: latency at ${RATE} per second`);
  for (const target of targets) {
    const plan = planOf(target, effort, { seconds, rate: RATE });
    target.latencies.push(...(await load(plan)).latencies);
  }
  const named = new Map(targets.map((target) => [target.name, target]));
  return OURS.flatMap((name) => figuresOf(named, name, PEER_OF[name] ?? 'bare')).concat(
    named.has('probot') ? besideProbot(named) : [],
  );
}

const OURS = ['pglite', 'postgres', 'postgres_signed', 'postgres_note', 'redis'];
const PEER_OF: Readonly<Record<string, string>> = { postgres_note: 'pr_agent' };

function figuresOf(named: Map<string, Target>, name: string, peerName: string): Figure[] {
  const [ours, peer] = [named.get(name), named.get(peerName)];
  if (!ours || !peer) return [];
  const rate = figure(
    `intake.${name}.throughput`,
    median(ours.perSecond),
    '/s',
    median(peer.perSecond),
  );
  const cpu = figure(`intake.${name}.cpu`, median(ours.cpu), 'µs', median(peer.cpu));
  const at = (share: number): Figure =>
    figure(
      `intake.${name}.p${share * 100}_at_${RATE}`,
      percentile(ours.latencies, share),
      'ms',
      percentile(peer.latencies, share),
    );
  return [rate, ...(Number.isFinite(cpu.value) ? [cpu] : []), at(0.5), at(0.99)];
}

/** Probot's own rate beside the bare handler's, and ours beside Probot's. */
function besideProbot(named: Map<string, Target>): Figure[] {
  const rate = (name: string): number => median(named.get(name)?.perSecond ?? []);
  const all = ['pglite', 'postgres', 'redis'].filter((name) => named.has(name));
  return [
    figure('intake.probot.throughput', rate('probot'), '/s', rate('bare')),
    ...all.map((name) => figure(`intake.${name}.beside_probot`, rate(name), '/s', rate('probot'))),
  ];
}

/** Honest webhooks at RATE while forgeries, bombs and slow senders come, and what it weighs then. */
async function underAttack(targets: Target[], effort: Effort): Promise<Figure[]> {
  const figures: Figure[] = [];
  for (const name of ['pglite', 'postgres']) {
    const target = targets.find((one) => one.name === name);
    if (!target) continue;
    effort.say(`intake: ${name} under attack`);
    const seconds = effort.quick ? 3 : 20;
    const args = ['bench/attack.ts', target.url, String(seconds + ATTACK_LEAD_MS / 1000)];
    const attack = promisify(execFile)(process.execPath, args, { cwd: ROOT });
    let most = 0;
    const weigh = setInterval(() => {
      void rssMb(target.running.pid).then((mb) => (most = Math.max(most, mb)));
    }, 100);
    await new Promise((resolve) => setTimeout(resolve, ATTACK_LEAD_MS));
    const { latencies } = await load(planOf(target, effort, { seconds, rate: RATE }));
    const outcome = JSON.parse((await attack).stdout) as AttackOutcome;
    clearInterval(weigh);
    if (outcome.letIn > 0) throw new Error(`${outcome.letIn} forged webhooks were let in`);
    figures.push(
      figure(`intake.${name}.p50_under_attack`, median(latencies), 'ms'),
      figure(`intake.${name}.p99_under_attack`, percentile(latencies, 0.99), 'ms'),
      figure(`intake.${name}.most_memory_under_attack`, most, 'MB'),
    );
  }
  return figures;
}
