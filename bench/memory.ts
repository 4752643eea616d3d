/** Resident memory of `autodev serve`, everything embedded: at rest, and after deliveries it handled. */
import { setTimeout as sleep } from 'node:timers/promises';
import { until } from '../test/support/until.ts';
import { figure, type Effort, type Figure } from './figure.ts';
import { load, rssMb, startServe } from './processes.ts';

const REST_MS = 2_000;
const HANDLED_MS = 120_000;
const RATE = 100;

export async function benchMemory(effort: Effort): Promise<Figure[]> {
  const seconds = effort.quick ? 3 : 20;
  const bot = await startServe('all', { AUTODEV_LOG_LEVEL: 'info' });
  try {
    await sleep(REST_MS);
    const atRest = await rssMb(bot.pid);
    effort.say(`memory: ${RATE * seconds} deliveries`);
    const { requests } = await load({
      url: `${bot.url}/webhooks/gitlab`,
      sends: 'gitlab_push',
      connections: 8,
      seed: `${effort.seed}-memory`,
      seconds,
      rate: RATE,
    });
    const handled = (): number => bot.log.join('').split('delivery handled').length - 1;
    await until(() => handled() >= requests, HANDLED_MS, 'the deliveries to be handled');
    return [
      figure('memory.serve.at_rest', atRest, 'MB'),
      figure(`memory.serve.after_${requests}_deliveries`, await rssMb(bot.pid), 'MB'),
    ];
  } finally {
    await bot.stop();
  }
}
