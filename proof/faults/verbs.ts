/** The bot's writes by verb: what a forge is asked to do, whatever it is asked about. */
import type { Call } from './history.ts';

/** Verb of a call, e.g. `POST /projects/{id}/issues`; null for a read. */
export function verbOf(call: Pick<Call, 'method' | 'route' | 'path'>): string | null {
  if (call.method === 'GET' || call.method === 'HEAD') return null;
  return `${call.method} ${call.route ?? call.path}`;
}

/** How often each verb's reply was dropped after the write, and how often it was called at all. */
export function countDrops(calls: readonly Call[]): Map<string, { calls: number; drops: number }> {
  const verbs = new Map<string, { calls: number; drops: number }>();
  for (const call of calls) {
    const verb = verbOf(call);
    if (verb === null) continue;
    const seen = verbs.get(verb) ?? { calls: 0, drops: 0 };
    seen.calls += 1;
    if (call.replyDropped) seen.drops += 1;
    verbs.set(verb, seen);
  }
  return verbs;
}
