/**
 * The load generator, a process of its own: signed webhooks over keep-alive connections of loopback, a
 * bounded number of them for a bounded time. Takes its plan as JSON, prints its outcome as JSON.
 */
import { createHmac } from 'node:crypto';
import { Agent, request } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { projectSigningToken } from '../bot/forge/gitlab/webhooks.ts';

export interface LoadPlan {
  url: string;
  /** Whose signature: the bot's way (Standard Webhooks) or GitHub's `X-Hub-Signature-256`. */
  signs: 'standard' | 'hub';
  secret: string;
  seconds: number;
  /** Requests per second at fixed times; without it, as many as `connections` get through. */
  rate?: number;
  connections: number;
  bodyBytes: number;
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
const PROJECT = 7;

async function main(plan: LoadPlan): Promise<LoadOutcome> {
  const agent = new Agent({ keepAlive: true, maxSockets: plan.connections });
  const latencies: number[] = [];
  const next = { number: 0 };
  let failed = 0;
  const one = async (due: number): Promise<void> => {
    const { headers, body } = signed(plan, (next.number += 1));
    const status = await post(plan.url, agent, headers, body);
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
  agent.destroy();
  return { requests: latencies.length, failed, perSecond: latencies.length / took, latencies };
}

const FILLER = 'A line of a commit message, as long as such lines are.\\n';

/** A push of one commit, about as large as asked. */
function payload(plan: LoadPlan, number: number): Buffer {
  const text = FILLER.repeat(Math.max(1, Math.round((plan.bodyBytes - 700) / FILLER.length)));
  const project =
    `{"id":${PROJECT},"path_with_namespace":"bench/app","default_branch":"main",` +
    `"web_url":"http://gitlab.test/bench/app"}`;
  return Buffer.from(
    `{"object_kind":"push","checkout_sha":"${'a'.repeat(40)}","before":"${'b'.repeat(40)}",` +
      `"after":"${'a'.repeat(40)}","ref":"refs/heads/main","user_id":5,"user_username":"sam",` +
      `"project_id":${PROJECT},"project":${project},"total_commits_count":1,` +
      `"commits":[{"id":"${plan.seed}-${number}","message":"${text}"}]}`,
  );
}

function signed(
  plan: LoadPlan,
  number: number,
): { headers: Record<string, string | number>; body: Buffer } {
  const body = payload(plan, number);
  const common = { 'content-type': 'application/json', 'content-length': body.length };
  if (plan.signs === 'hub') {
    const digest = createHmac('sha256', plan.secret).update(body).digest('hex');
    return { headers: { ...common, 'x-hub-signature-256': `sha256=${digest}` }, body };
  }
  const id = `${plan.seed}-${number}`;
  const at = Math.floor(Date.now() / 1000);
  const digest = createHmac('sha256', key(plan)).update(`${id}.${at}.`).update(body);
  return {
    headers: {
      ...common,
      'x-gitlab-event': 'Push Hook',
      'webhook-id': id,
      'webhook-timestamp': String(at),
      'webhook-signature': `v1,${digest.digest('base64')}`,
    },
    body,
  };
}

let signingKey: Buffer | null = null;
function key(plan: LoadPlan): Buffer {
  const token = projectSigningToken(plan.secret, PROJECT);
  signingKey ??= Buffer.from(token.slice('whsec_'.length), 'base64');
  return signingKey;
}

function post(
  url: string,
  agent: Agent,
  headers: Record<string, string | number>,
  body: Buffer,
): Promise<number> {
  return new Promise((resolve) => {
    const call = request(url, { method: 'POST', agent, headers }, (response) => {
      response.resume();
      response.on('end', () => resolve(response.statusCode ?? 0));
    });
    call.on('error', () => resolve(0));
    call.end(body);
  });
}

if (import.meta.main) {
  const plan = JSON.parse(process.argv[2] ?? '{}') as LoadPlan;
  process.stdout.write(JSON.stringify(await main(plan)));
}
