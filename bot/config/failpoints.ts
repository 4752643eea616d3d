/**
 * Named places where fault tests stop, delay or kill the process (AUTODEV_FP). With the variable
 * unset every failpoint is one resolved promise.
 *
 * Syntax: `name:action` or `name:action@n` for the n-th time only, several with commas. Actions:
 * `kill9` (no cleanup of any kind), `stop` (SIGSTOP: stands still until SIGCONT), `error` (throws), `delay=<ms>`.
 */
import { setTimeout as sleep } from 'node:timers/promises';

export type Failpoint = (name: string) => Promise<void>;

interface Rule {
  action: 'kill9' | 'stop' | 'error' | 'delay';
  delayMs: number;
  /** Which hit acts; 0 means every one. */
  hit: number;
}

const RULE = /^([\w.]+):(kill9|stop|error|delay=(\d{1,6}))(?:@(\d{1,6}))?$/;

/**
 * @throws Error naming the part that is not `name:action[@n]`.
 */
export function createFailpoints(spec: string): Failpoint {
  const rules = new Map<string, Rule>();
  for (const part of spec.split(',').filter((text) => text.trim() !== '')) {
    const match = RULE.exec(part.trim());
    if (!match)
      throw new Error(`AUTODEV_FP: "${part.trim()}" is not name:kill9|stop|error|delay=ms[@n]`);
    const [, name = '', action = '', delay = '0', hit = '0'] = match;
    rules.set(name, {
      action: action.startsWith('delay') ? 'delay' : (action as 'kill9' | 'stop' | 'error'),
      delayMs: Number(delay),
      hit: Number(hit),
    });
  }
  if (rules.size === 0) return () => Promise.resolve();
  const hits = new Map<string, number>();
  return async (name) => {
    const rule = rules.get(name);
    if (!rule) return;
    const count = (hits.get(name) ?? 0) + 1;
    hits.set(name, count);
    if (rule.hit !== 0 && rule.hit !== count) return;
    if (rule.action === 'kill9') process.kill(process.pid, 'SIGKILL');
    if (rule.action === 'stop') process.kill(process.pid, 'SIGSTOP');
    else if (rule.action === 'delay') await sleep(rule.delayMs);
    else throw new Error(`failpoint ${name}`);
  };
}
