/**
 * G1 and promise 13: tasks that race for one budget through the real gateways and ledger, while gateways restart and
 * the model says that it used ten times as much.
 */
import { randomUUID } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { createGateway } from '../../bot/gateway/gateway.ts';
import { createStoreCoolDowns, createStoreLedger } from '../../bot/gateway/store-ledger.ts';
import { claimAttempt } from '../../bot/store/attempts.ts';
import { insertLaunch } from '../../bot/store/launches.ts';
import { insertAttempt } from '../../bot/store/attempts.ts';
import { insertRun } from '../../bot/store/runs.ts';
import type { Store } from '../../bot/store/store.ts';
import { insertTask } from '../../bot/store/tasks.ts';
import { PriceTable } from '../../schema/wire/prices.ts';
import { openaiStream } from '../../test/contract/jobs-standin.ts';
import { newRepo, runFor, sha256, SPEC } from '../../test/support/store-rows.ts';
import { sharedStore } from '../database.ts';
import { broken, held, type Played, type Proof } from '../proof.ts';
import type { Random } from '../random.ts';

const TASKS = 20;
const CALLS = 4;
const MAX_TOKENS = 1_000;
/** Micro-dollars per token, in and out. */
const [IN, OUT] = [1, 10];
const PRICES = PriceTable.parse({
  openai: { test: { input: IN, cachedInput: IN, cacheWrite: IN, cacheWriteLong: IN, output: OUT } },
  anthropic: {},
});

/** Calls that reached the model, and what they really cost. */
interface Bill {
  calls: number;
  microusd: number;
  dearest: number;
}

/** A model that thinks lets all calls of a round meet; one that does not lets most of them pass one by one. */
const THINKS_MS = 30;

function model(bill: Bill, random: Random): typeof fetch {
  const thinks = random.chance(0.5);
  return async () => {
    if (thinks) await sleep(THINKS_MS);
    const times = random.chance(0.3) ? 10 : 1;
    const [input, output] = [100 * times, random.int(MAX_TOKENS / 10) * times];
    const cost = input * IN + output * OUT;
    bill.calls += 1;
    bill.microusd += cost;
    bill.dearest = Math.max(bill.dearest, cost);
    const usage = { input_tokens: input, output_tokens: output, total_tokens: input + output };
    const text = openaiStream({ text: 'x' }).replaceAll(/"usage":\{[^}]*\}/g, () => {
      return `"usage":${JSON.stringify(usage)}`;
    });
    return new Response(text, { headers: { 'content-type': 'text/event-stream' } });
  };
}

interface Gate {
  ask(token: string): Promise<number>;
  close(): void;
}

async function startGate(store: Store, upstream: typeof fetch): Promise<Gate> {
  const none = (): void => undefined;
  const gateway = createGateway({
    ledger: createStoreLedger(store, { installationDayMicrousd: 1e15 }),
    coolDowns: createStoreCoolDowns(store),
    providers: { openai: { baseUrl: 'http://model.invalid/v1', apiKey: 'k' }, anthropic: null },
    ...{ prices: PRICES, limits: { grantCacheMs: 0 }, fetch: upstream },
    ...{ log: { info: none, warn: none, error: none }, now: () => performance.now() },
  });
  const server = createServer(gateway.handle).listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/openai/v1/responses`;
  return {
    ask: async (token) => {
      const body = { model: 'test', input: 'go', stream: true, max_output_tokens: MAX_TOKENS };
      const headers = { authorization: `Bearer ${token}` };
      const answer = await fetch(url, { method: 'POST', headers, body: JSON.stringify(body) });
      await answer.text();
      return answer.status;
    },
    close: () => {
      server.closeAllConnections();
      server.close();
    },
  };
}

/** A run with tasks that share its cap. */
async function newTasks(
  store: Store,
  capMicrousd: number,
): Promise<{ run: number; tokens: string[] }> {
  const repo = await newRepo(store);
  const run = await insertRun(store, runFor(repo, { capMicrousd }));
  if (run === null) throw new Error('no run');
  const ids = { runId: run.id, repoId: repo.id };
  const tokens: string[] = [];
  for (let round = 0; round < TASKS; round += 1) {
    const named = { stage: 'implement', type: 'implement_feature', agent: 'builder' } as const;
    const task = await insertTask(store, { ...named, runId: run.id, round, capMicrousd });
    const launchId = await insertLaunch(store, ids);
    const at = { ref: 'main', sha: 'a'.repeat(40), spec: SPEC };
    const attempt = await insertAttempt(store, { ...ids, ...at, launchId, taskId: task.id });
    const token = `adt_${randomUUID()}`;
    await claimAttempt(store, attempt.id, {
      ...{ jti: randomUUID(), jobId: 1, childPipelineId: null, tokenHash: sha256(token) },
      ...{ tokenSeconds: 600, deadlineSeconds: 600 },
    });
    tokens.push(token);
  }
  return { run: run.id, tokens };
}

async function play(_: number, random: Random): Promise<Played> {
  const store = await sharedStore();
  const cap = 20_000 + random.int(200_000);
  const { run, tokens } = await newTasks(store, cap);
  const bill: Bill = { calls: 0, microusd: 0, dearest: 0 };
  const upstream = model(bill, random);
  const gates = [await startGate(store, upstream), await startGate(store, upstream)];
  const about = `${TASKS} tasks and ${TASKS * CALLS} calls for ${cap} micro-dollars`;
  try {
    for (let call = 0; call < CALLS; call += 1) {
      const asked = tokens.map((token, at) => gates[(at + call) % 2]?.ask(token).catch(() => 0));
      if (call === 1) {
        // One of them dies while calls are under way, and another takes its place.
        gates[0]?.close();
        gates[0] = await startGate(store, upstream);
      }
      await Promise.all(asked);
    }
    const before = bill.calls;
    if (bill.microusd > cap + bill.dearest) {
      return broken(about, `${bill.microusd} were spent, the dearest call cost ${bill.dearest}`);
    }
    const [row] = await store.query<{ spent: number }>(
      'select spent_microusd::float8 as spent from runs where id = $1',
      [run],
    );
    if (row !== undefined && row.spent >= cap) {
      await Promise.all(tokens.map((token) => gates[1]?.ask(token)));
      if (bill.calls > before) return broken(about, 'the model was called after the cap');
    }
    return held(`${about}, ${bill.calls} made`);
  } finally {
    for (const gate of gates) gate.close();
  }
}

export const budget: Proof = {
  id: 'G1 P13',
  name: 'Tasks that race for a budget spend at most one request more, also when the model exaggerates',
  layer: 'job',
  fullOnly: true,
  runs: { ci: 3, full: 50 },
  // How calls meet is chance: one attack may not be enough to overspend.
  mutantRuns: 30,
  play,
  mutants: [
    {
      name: 'money is held before the call',
      file: 'bot/gateway/metered-call.ts',
      from: 'microusd: reserved };',
      to: 'microusd: 0 };',
    },
    {
      name: 'what was spent is settled',
      file: 'bot/gateway/metered-call.ts',
      from: 'costMicrousd: spent,',
      to: 'costMicrousd: 0,',
    },
  ],
};
