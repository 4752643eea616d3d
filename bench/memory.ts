/**
 * Resident memory of the bot's processes, at rest and after deliveries that were handled: everything in one
 * with the embedded database, and on PostgreSQL in one, or as web and worker.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { available, startPostgres } from '../test/support/backends.ts';
import { until } from '../test/support/until.ts';
import { figure, type Effort, type Figure } from './figure.ts';
import { load, rssMb, startServe, type Running } from './processes.ts';

const REST_MS = 2_000;
const HANDLED_MS = 120_000;
const RATE = 100;
const LOG = { AUTODEV_LOG_LEVEL: 'info' };

export async function benchMemory(effort: Effort): Promise<Figure[]> {
  const figures = await weigh(effort, 'serve', [await startServe('all', LOG)], ['']);
  if (!available('postgres')) {
    effort.say('left out: memory on PostgreSQL, which is not on this machine');
    return figures;
  }
  const server = await startPostgres([]);
  try {
    const one = { ...LOG, DATABASE_URL: await server.newDatabase() };
    figures.push(...(await weigh(effort, 'postgres.serve', [await startServe('all', one)], [''])));
    const two = { ...LOG, DATABASE_URL: await server.newDatabase() };
    const both = [await startServe('web', two), await startServe('worker', two)];
    figures.push(...(await weigh(effort, 'postgres', both, ['web.', 'worker.'])));
    return figures;
  } finally {
    await server.stop();
  }
}

/** The first of the processes takes the webhooks, the last handles them. Stops them all. */
async function weigh(
  effort: Effort,
  what: string,
  bots: Running[],
  names: string[],
): Promise<Figure[]> {
  const seconds = effort.quick ? 3 : 20;
  const rss = (): Promise<number[]> => Promise.all(bots.map(({ pid }) => rssMb(pid)));
  const [web, worker] = [bots[0] as Running, bots.at(-1) as Running];
  try {
    await sleep(REST_MS);
    const atRest = await rss();
    effort.say(`memory: ${what}, ${RATE * seconds} deliveries`);
    const { requests } = await load({
      url: `${web.url}/webhooks/gitlab`,
      sends: 'gitlab_push',
      connections: 8,
      seed: `${effort.seed}-memory`,
      seconds,
      rate: RATE,
    });
    const handled = (): number => worker.log.join('').split('delivery handled').length - 1;
    await until(() => handled() >= requests, HANDLED_MS, 'the deliveries to be handled');
    const after = await rss();
    return names.flatMap((name, index) => [
      figure(`memory.${what}.${name}at_rest`, atRest[index] ?? NaN, 'MB'),
      figure(`memory.${what}.${name}after_${requests}_deliveries`, after[index] ?? NaN, 'MB'),
    ]);
  } finally {
    await Promise.all(bots.map(({ stop }) => stop()));
  }
}
