/**
 * The load generator, a process of its own: signed webhooks over keep-alive connections of loopback, a
 * bounded number of them for a bounded time. Takes its plan as JSON, prints its outcome as JSON.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { openConnections } from './connections.ts';
import { payloads, type Kind } from './payloads.ts';

export interface LoadPlan {
  url: string;
  /**
   * What is sent, and how it is proved: a push of GitLab (Standard Webhooks), a comment of GitLab with its
   * hook's token, an issue of GitHub (`X-Hub-Signature-256`).
   */
  sends: Kind;
  secret: string;
  seconds: number;
  /** Requests per second at fixed times; without it, as many as `connections` get through. */
  rate?: number;
  connections: number;
  /** Makes every body of every plan another one. */
  seed: string;
}

export interface LoadOutcome {
  requests: number;
  failed: number;
  perSecond: number;
  /** Milliseconds from when a request was due (open loop) or sent until its answer was read. */
  latencies: number[];
}

const MOST_REQUESTS = 200_000;

async function main(plan: LoadPlan): Promise<LoadOutcome> {
  const connections = openConnections(plan.url, plan.connections);
  const make = payloads(plan.sends, plan.secret, plan.seed);
  const latencies: number[] = [];
  const next = { number: 0 };
  let failed = 0;
  const one = async (due: number): Promise<void> => {
    const { headers, body } = make((next.number += 1));
    const status = await connections.post(headers, body);
    if (status < 200 || status > 299) failed += 1;
    latencies.push(performance.now() - due);
  };
  const started = performance.now();
  const end = started + plan.seconds * 1000;
  if (plan.rate === undefined) {
    const lane = async (): Promise<void> => {
      while (performance.now() < end && next.number < MOST_REQUESTS) await one(performance.now());
    };
    await Promise.all(Array.from({ length: plan.connections }, lane));
  } else {
    const waiting: Promise<void>[] = [];
    const total = Math.min(plan.rate * plan.seconds, MOST_REQUESTS);
    for (let index = 0; index < total; index += 1) {
      const due = started + (index * 1000) / plan.rate;
      const wait = due - performance.now();
      if (wait > 1) await sleep(wait);
      waiting.push(one(due));
    }
    await Promise.all(waiting);
  }
  const took = (performance.now() - started) / 1000;
  connections.close();
  return { requests: latencies.length, failed, perSecond: latencies.length / took, latencies };
}

if (import.meta.main) {
  const plan = JSON.parse(process.argv[2] ?? '{}') as LoadPlan;
  process.stdout.write(JSON.stringify(await main(plan)));
}
